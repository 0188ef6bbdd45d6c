"""The state machine that makes up stories for the model test."""

from __future__ import annotations

import dataclasses
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from include.records import RecordFilter
from include.sync.asked import Asked
from model import moment
from story import COUNTRIES, Story
from world import STAGES

if TYPE_CHECKING:
    from model import Person
    from world import Run, World

# As the site's clock showed it: months' and years' ends, both changes of the clocks, the hour that comes twice.
PAST = [
    datetime.fromisoformat(text)
    for text in (
        *("2019-10-27T01:59:59", "2019-10-27T02:30:00", "2019-10-27T03:00:00"),
        *("2020-03-29T01:59:59", "2020-03-29T03:00:00", "2023-05-31T23:59:59", "2023-06-01T00:00:00"),
        *("2025-12-31T23:30:00", "2026-01-01T00:00:00", "2026-10-24T12:00:00", "2026-10-25T02:00:00"),
    )
]
BORDERS = [
    None,
    *(
        moment(datetime.fromisoformat(f"{month}-01T00:00:00"))
        for month in ("2019-10", "2020-01", "2023-06", "2026-01")
    ),
    *(
        datetime.fromisoformat(f"{text}+00:00")
        for text in (
            # In the first pass of the hour that comes twice, between the passes, in the second, after it.
            *("2019-10-27T00:30:00", "2019-10-27T01:00:00", "2019-10-27T01:30:00", "2019-10-27T02:00:00"),
            *("2020-03-29T01:00:00", "2026-10-25T00:30:00", "2026-10-25T01:00:00", "2026-10-25T01:30:00"),
        )
    ),
]
AT_EXACT = {"a quarter": 900, "an hour": 3600}
HERE = {"leases end": 400, "half a day": 13 * 3600}
contents = st.sampled_from(["good", "good", "no_email", "no_email", "ended"])
anybody = st.integers(0, 30)
any_run = st.integers(0, 30)
stages = st.integers(1, len(STAGES))
killable = st.sampled_from([0, 1, 1, 2, 2, 3, 3, 3, 3, 4])


def windows() -> st.SearchStrategy[tuple[datetime | None, datetime | None]]:
    """Draw half-open intervals; either border may be missing."""

    def ordered(pair: tuple[datetime | None, datetime | None]) -> tuple[datetime | None, datetime | None]:
        first, second = pair
        return (second, first) if first is not None and second is not None and second < first else pair

    borders = st.sampled_from(BORDERS)
    narrow = st.tuples(borders, borders).map(ordered).filter(lambda pair: pair[0] is None or pair[0] != pair[1])
    return st.one_of(st.just((None, None)), narrow)


def filters() -> st.SearchStrategy[RecordFilter]:
    """Draw record filters, most of them empty."""
    wanted = {
        "country": st.sampled_from([(), (), (), (), (COUNTRIES[0],)]),
        "modified_from": st.sampled_from([None, None, None, None, BORDERS[-2]]),
    }
    return st.builds(RecordFilter, **wanted)


@st.composite
def asks(draw: st.DrawFn) -> Asked:
    """Draw what a run may be asked for."""
    kind = draw(
        st.sampled_from(["live", "live", "live", "window", "window", "backfill", "backfill", "preview", "canary"])
    )
    if kind == "live":
        return Asked()
    plain_live = kind in {"preview", "canary"} and draw(st.booleans())
    if plain_live:
        asked = Asked()
    else:
        created_from, created_to = draw(windows())
        mode: Any = "backfill" if kind == "backfill" else "window"
        where = RecordFilter() if kind == "backfill" else draw(filters())
        asked = Asked(mode=mode, created_from=created_from, created_to=created_to, where=where)
    if kind == "preview":
        return dataclasses.replace(asked, preview=True)
    return dataclasses.replace(asked, max_records=draw(st.integers(1, 2))) if kind == "canary" else asked


class Machine(RuleBasedStateMachine):
    """Lets everything happen in any order, and asks the model at the end."""

    world: ClassVar[World]
    kind: ClassVar[type[Story]] = Story
    story: Story
    late: bool

    @initialize(
        start_from=st.sampled_from(["now", "now", "2023-06-01", "beginning"]),
        people=st.lists(st.tuples(contents, st.integers(0, 1), st.sampled_from(PAST)), min_size=1, max_size=5),
        live=st.sampled_from(["begun", "any time", "at the end"]),
    )
    def company(self, start_from: str, people: list[Any], live: str) -> None:
        self.story = self.kind(self.world, start_from)
        for content, country, created in people:
            self.story.hire(content, country, created)
        self.late = live == "at the end"
        if live == "begun":
            self.story.go_on(self.story.begin(Asked()))

    # --- at Exact ---

    @rule(content=contents, country=st.integers(0, 1))
    def hire(self, content: Any, country: int) -> None:
        self.story.hire(content, country)

    @rule(who=anybody, content=contents)
    def change(self, who: int, content: Any) -> None:
        person = self.person(who)
        if person.deleted is None:
            self.story.change(person, content)

    @rule(what=st.sampled_from(["delete", "move", "a quarter", "an hour", "leases end", "half a day"]), who=anybody)
    def meanwhile(self, what: str, who: int) -> None:
        """Let something happen that nobody asked for; times pass at Exact or here."""
        person = self.person(who)
        if what == "delete" and person.deleted is None:
            self.story.delete(person)
        elif what == "move":
            self.story.move()
        elif what in AT_EXACT:
            self.story.pass_at_exact(AT_EXACT[what])
        elif what in HERE:
            self.world.clock.sleep(HERE[what])

    # --- runs ---

    @rule(asked=asks())
    def run(self, asked: Asked) -> None:
        self.story.go_on(self.begun(asked))

    @rule(asked=asks(), count=stages)
    def begin(self, asked: Asked, count: int) -> None:
        self.story.go_on(self.begun(asked), count)

    @precondition(lambda self: self.story.runs)
    @rule(which=any_run)
    def repeat(self, which: int) -> None:
        """Ask for the same once more, as a run of its own."""
        self.story.go_on(self.begun(self.pick(which).asked))

    @precondition(lambda self: self.story.runs)
    @rule(which=any_run, count=stages)
    def go_on(self, which: int, count: int) -> None:
        self.story.go_on(self.pick(which), count)

    @precondition(lambda self: self.story.runs)
    @rule(which=any_run, stage=st.integers(0, len(STAGES) - 1), count=stages)
    def clear(self, which: int, stage: int, count: int) -> None:
        run = self.pick(which)
        self.story.clear(run, stage)
        self.story.go_on(run, count)

    @rule(asked=asks(), stage=killable, point=st.integers(0, 1), calls=st.integers(0, 1), kept=st.booleans())
    def kill(self, asked: Asked, stage: int, point: int, calls: int, kept: bool) -> None:
        """Kill a new run in one of its stages; whatever goes on with it finds what it left."""
        run = self.begun(asked)
        self.story.go_on(run, stage)
        self.story.kill(run, point, calls, kept=kept)

    @precondition(lambda self: len(self.story.runs) > 1)
    @rule(outer=any_run, inner=any_run)
    def load_inside(self, outer: int, inner: int) -> None:
        self.story.load_inside(self.pick(outer), self.pick(inner))

    @rule(who=anybody, now=st.booleans())
    def replay(self, who: int, now: bool) -> None:
        self.story.replay(self.person(who))
        if now:
            self.story.go_on(self.story.begin(Asked(mode="replay")))

    # --- the end ---

    def teardown(self) -> None:
        if hasattr(self, "story") and sys.exc_info()[0] is None:
            self.story.settle()

    def begun(self, asked: Asked) -> Run:
        """Begin a run; as long as the live stream has not begun, a window takes the place of its runs."""
        history = dataclasses.replace(asked, mode="window") if self.late and not asked.history else asked
        return self.story.begin(history)

    def person(self, who: int) -> Person:
        people = list(self.story.model.people.values())
        return people[who % len(people)]

    def pick(self, which: int) -> Run:
        """Return a run; rather one of the last."""
        runs = self.story.runs
        return runs[-1 - which % len(runs)]

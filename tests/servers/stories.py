"""Stories made up for the model test: a company, and what happens one after the other.

A story is drawn as a list, not by hypothesis' own state machine: that one draws the same few rules over and over in
one example, and what goes wrong here takes many kinds of things in one story.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from include.records import RecordFilter
from include.sync.asked import Asked
from model import moment
from story import COUNTRIES, Story
from world import STAGES

if TYPE_CHECKING:
    from hypothesis import settings

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
which_of_two = st.integers(0, 1)
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


@dataclass(frozen=True)
class Happening:
    """One thing that happens: a method of `Player`, with its arguments."""

    name: str
    more: dict[str, Any]

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{name}={value!r}' for name, value in self.more.items())})"


def happens(name: str, **more: st.SearchStrategy[Any]) -> st.SearchStrategy[Happening]:
    return st.builds(Happening, st.just(name), st.fixed_dictionaries(more))


OF_RUNS = ("repeat", "go_on", "clear", "load_inside")
# Each as often as its number says.
_HAPPENINGS = {
    "hire": (1, happens("hire", content=contents, country=st.integers(0, 1))),
    "change": (3, happens("change", who=anybody, content=contents)),
    "meanwhile": (2, happens("meanwhile", what=st.sampled_from([*AT_EXACT, *HERE, "delete", "move"]), who=anybody)),
    "run": (3, happens("run", asked=asks())),
    "begin": (2, happens("begin", asked=asks(), count=stages)),
    "repeat": (1, happens("repeat", which=any_run)),
    "go_on": (2, happens("go_on", which=any_run, count=stages)),
    "clear": (1, happens("clear", which=any_run, stage=st.integers(0, len(STAGES) - 1), count=stages)),
    "kill": (
        2,
        happens("kill", asked=asks(), stage=killable, point=which_of_two, calls=which_of_two, kept=st.booleans()),
    ),
    "load_inside": (1, happens("load_inside", outer=any_run, inner=any_run)),
    "replay": (1, happens("replay", who=anybody, now=st.booleans())),
}
_OFTEN = [name for name, (often, _) in _HAPPENINGS.items() for _ in range(often)]
happenings = st.sampled_from(_OFTEN).flatmap(lambda name: _HAPPENINGS[name][1])
companies = happens(
    "company",
    start_from=st.sampled_from(["now", "now", "2023-06-01", "beginning"]),
    people=st.lists(st.tuples(contents, st.integers(0, 1), st.sampled_from(PAST)), min_size=1, max_size=5),
    live=st.sampled_from(["begun", "any time", "at the end"]),
)


def tell(world: World, bounds: settings, kind: type[Story] = Story) -> None:
    """Make up stories and play them, until one goes wrong or there are enough."""

    @bounds
    @given(companies, st.lists(happenings, min_size=8, max_size=16))
    def story(company: Happening, script: list[Happening]) -> None:
        Player(world, kind).play(company, *script)

    story()


class Player:
    """Plays a story.

    :param kind: of contacts or of accounts.
    """

    def __init__(self, world: World, kind: type[Story] = Story) -> None:
        self.world = world
        self.kind = kind
        self.late = False
        self.story: Story

    def play(self, company: Happening, *script: Happening) -> None:
        """Play a story and let it come to its end; what must hold is asserted on the way."""
        for one in (company, *script):
            if one.name in OF_RUNS and not self.story.runs:
                continue
            getattr(self, one.name)(**one.more)
            self.story.check()
        self.story.settle()

    def company(self, start_from: str, people: list[Any], live: str) -> None:
        self.story = self.kind(self.world, start_from)
        for content, country, created in people:
            self.story.hire(content, country, created)
        self.late = live == "at the end"
        if live == "begun":
            self.story.go_on(self.story.begin(Asked()))

    # --- at Exact ---

    def hire(self, content: Any, country: int) -> None:
        self.story.hire(content, country)

    def change(self, who: int, content: Any) -> None:
        person = self.person(who)
        if person.deleted is None:
            self.story.change(person, content)

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

    def run(self, asked: Asked) -> None:
        self.story.go_on(self.begun(asked))

    def begin(self, asked: Asked, count: int) -> None:
        self.story.go_on(self.begun(asked), count)

    def repeat(self, which: int) -> None:
        """Ask for the same once more, as a run of its own."""
        self.story.go_on(self.begun(self.pick(which).asked))

    def go_on(self, which: int, count: int) -> None:
        self.story.go_on(self.pick(which), count)

    def clear(self, which: int, stage: int, count: int) -> None:
        run = self.pick(which)
        self.story.clear(run, stage)
        self.story.go_on(run, count)

    def kill(self, asked: Asked, stage: int, point: int, calls: int, kept: bool) -> None:
        """Kill a new run in one of its stages; whatever goes on with it finds what it left."""
        run = self.begun(asked)
        self.story.go_on(run, stage)
        self.story.kill(run, point, calls, kept=kept)

    def load_inside(self, outer: int, inner: int) -> None:
        self.story.load_inside(self.pick(outer), self.pick(inner))

    def replay(self, who: int, now: bool) -> None:
        self.story.replay(self.person(who))
        if now:
            self.story.go_on(self.story.begin(Asked(mode="replay")))

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

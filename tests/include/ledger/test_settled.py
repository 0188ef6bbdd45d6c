"""What a live run passes over because it is settled is nothing that it would have decided on."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from include.ledger.narrowing import Narrowing
from include.ledger.reopening import reopen
from include.ledger.replays import Selection
from include.ledger.settled import NOTHING, WHOLE_EVERY
from include.ledger.states import NOT_NEW, REMAPPABLE
from include.ledger.tables import deliveries
from include.ledger.undecided import Question
from include.records import Decision, StreamKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.ledger import Ledger
    from tests.include.ledger.conftest import Clock

Make = Any
LIVE: Final = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
OTHER: Final = dataclasses.replace(LIVE, dag_id="another")
LANES: Final = (LIVE, OTHER, LIVE.history())
COMPANY: Final = 4242
START: Final = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=3)
"""Records 1 and 2 were created before the stream began."""


def question(stream: StreamKey, job: int, mapping: str) -> Question:
    return Question(stream, "application", job, COMPANY, mapping, f"{mapping} and window", START)


def waiting(ledger: Ledger, asked: Question, since: int | None) -> list[str]:
    found = ledger.staging.undecided(
        *(asked.stream, asked.destination, asked.job),
        fingerprint=asked.fingerprint,
        window_fingerprint=asked.window_fingerprint,
        company=asked.company,
        created_from=asked.created_from,
        stored_since=since,
    )
    return sorted(row.source_id for chunk in found for row in chunk)


def left_out(ledger: Ledger, asked: Question, since: int | None) -> list[int]:
    return [
        count(
            *(asked.stream, asked.destination, asked.job, COMPANY),
            fingerprint=asked.fingerprint or "",
            window_fingerprint=asked.window_fingerprint,
            stored_since=since,
        )
        for count in (ledger.deliveries.sent_elsewhere, ledger.deliveries.forgotten)
    ]


class Company:
    """Runs of three lanes, two mappings and two positions over six records, in whatever order."""

    def __init__(self, ledger: Ledger, clock: Clock, source: Make, seed: int) -> None:
        self.ledger, self.clock, self.source = ledger, clock, source
        self.dice = random.Random(seed)  # noqa: S311 - a story that can be told again
        self.versions: Counter[int] = Counter()
        self.mapping, self.job = "first", 1001
        usual = [*[self.read] * 5, *[self.live_run] * 16, *[self.load] * 10, self.history_run, self.clear_up]
        rare = [self.replay, self.refuse, self.reopen, self.remap, self.other_position, self.put_aside, self.move]
        self.acts: list[Callable[[], None]] = [*usual, *rare, self.forget, self.read_pages, self.wait]

    def step(self) -> str:
        act = self.dice.choice(self.acts)
        act()
        return act.__name__

    def read(self) -> None:
        stream, rows = self.dice.choice(LANES), []
        for number in self.dice.sample(range(1, 7), 2):
            self.versions[number] += self.dice.random() < 0.5
            rows.append(self.source(number, 1 + self.versions[number], f"Ada {self.versions[number]}"))
        self.ledger.staging.stage(stream, "run", rows, resume=None, page=1)

    def read_pages(self) -> None:
        row = self.source(self.dice.randrange(1, 7), 0, "Ada by pages")
        lane = LIVE.history()
        self.ledger.staging.stage(lane, "window", [row], resume=None, page=1, versioned=False)

    def _decide(self, stream: StreamKey, job: int, numbers: dict[str, int], run: str | None = None) -> None:
        decisions = []
        for source_id, version in numbers.items():
            number = int(source_id[-12:])
            outcome = self.dice.choice(["ready", "ready", "rejected", "not_new"])
            if outcome == "ready":
                payload = {"first_name": f"Ada {version}"}
                decisions.append(
                    Decision(source_id, version, "ready", payload=payload, email=f"{number}@example.org")
                )
            elif outcome == "rejected":
                decisions.append(Decision(source_id, version, "rejected", "exact.Email.missing", "email"))
            else:
                decisions.append(Decision(source_id, version, "skipped_by_rule", NOT_NEW, "Created"))
        asked = question(stream, job, self.mapping)
        self.ledger.deliveries.decide(
            *(stream, "application", job, COMPANY, decisions, run or "dag/live"),
            fingerprint=self.mapping,
            window_fingerprint=asked.window_fingerprint,
            selected_for=run,
        )

    def live_run(self) -> None:
        asked = question(self.dice.choice([LIVE, LIVE, LIVE, OTHER]), self.job, self.mapping)
        before = self.ledger.settled.of(asked)
        rows = self.ledger.staging.undecided(
            *(asked.stream, asked.destination, asked.job),
            fingerprint=asked.fingerprint,
            window_fingerprint=asked.window_fingerprint,
            company=COMPANY,
            created_from=START,
            stored_since=before.upto,
        )
        found = {row.source_id: row.row_version for chunk in rows for row in chunk}
        if self.dice.random() < 0.2:
            # Killed on the way: some are decided, nothing is noted.
            self._decide(asked.stream, asked.job, dict(list(found.items())[:1]))
            return
        self._decide(asked.stream, asked.job, found)
        self.ledger.settled.note(asked, before)

    def history_run(self) -> None:
        asked = dataclasses.replace(question(LIVE.history(), self.job, self.mapping), which="history")
        rows = self.ledger.staging.undecided(
            *(asked.stream, asked.destination, asked.job),
            fingerprint=asked.fingerprint,
            window_fingerprint=asked.window_fingerprint,
            company=COMPANY,
            which="history",
        )
        found = {row.source_id: row.row_version for chunk in rows for row in chunk}
        self._decide(asked.stream, asked.job, found, "dag/backfill")

    def load(self) -> None:
        kind: dict[str, Any] = self.dice.choice(
            [{"stream": LIVE}, {"stream": OTHER}, {"selected_for": "dag/backfill"}]
        )
        job = self.dice.choice([1001, 1002])
        run = kind.get("selected_for", "dag/live")
        claim = self.ledger.deliveries.claim(COMPANY, "application", job, run_id=run, **kind)
        if claim is not None and self.dice.random() < 0.8:
            state: Any = self.dice.choice(["created", "rejected", "retry", "in_doubt", "ready", "already_there"])
            due = self.clock.at if state in {"retry", "in_doubt"} else None
            self.ledger.deliveries.settle(claim, state, due_at=due)

    def clear_up(self) -> None:
        job = self.dice.choice([1001, 1002])
        claim = self.ledger.deliveries.claim_in_doubt(COMPANY, "application", job, run_id="dag/live")
        if claim is not None:
            state: Any = self.dice.choice(["created", "rejected", "ready"])
            self.ledger.deliveries.settle(claim, state)

    def replay(self) -> None:
        states = self.dice.choice([("rejected",), REMAPPABLE])
        self.ledger.deliveries.replay_all(Selection(states=states), run_id="somebody")

    def refuse(self) -> None:
        self.ledger.deliveries.refuse("dag/backfill", by="somebody")

    def reopen(self) -> None:
        with self.ledger._database.read() as connection:
            row = connection.execute(deliveries.select().where(deliveries.c.state == "created")).first()
        if row is not None:
            target = f"{row.division}/{row.entity}/application/{COMPANY}/{row.job}"
            reopen(self.ledger._database, row.source_id, "application", {target}, run_id="somebody")

    def put_aside(self) -> None:
        states = (self.dice.choice(["ready", "retry", "rejected"]),)
        self.ledger.deliveries.set_aside(Narrowing(states=states), run_id="console/skip")

    def remap(self) -> None:
        self.mapping = self.dice.choice(["first", "second"])

    def other_position(self) -> None:
        self.job = self.dice.choice([1001, 1001, 1002])

    def move(self) -> None:
        if self.dice.random() < 0.2:
            self.ledger.watermarks.restart(LIVE, 1, "dag/live", moved=None)

    def forget(self) -> None:
        self.ledger.retention.purge(self.clock.at - timedelta(seconds=self.dice.choice([0, 3600])))

    def wait(self) -> None:
        self.clock.advance(self.dice.choice([60, 1800, 40_000]))


@pytest.mark.parametrize("seed", range(3))
def test_nothing_that_waits_is_passed_over(ledger: Ledger, clock: Clock, source: Make, seed: int) -> None:
    """Whoever does what in between: what a look at the rows since finds is what a look at all rows finds."""
    company, story, settled = Company(ledger, clock, source, seed), list[str](), 0
    with ledger.kept_open():
        for _ in range(60):
            story.append(company.step())
            stream, mapping = (
                company.dice.choice([LIVE, LIVE, OTHER]),
                company.dice.choice(["first", company.mapping]),
            )
            asked = question(stream, company.dice.choice([1001, company.job]), mapping)
            since = ledger.settled.of(asked).upto
            settled += since > 0
            told = stream.dag_id, mapping, asked.job, since, story
            assert waiting(ledger, asked, since) == waiting(ledger, asked, None), told
            assert left_out(ledger, asked, since) == left_out(ledger, asked, None), told
    assert settled, "the story never came to a lane that was settled"


def decided(ledger: Ledger, asked: Question, make: Make) -> None:
    """Run to the end: all that waits is made ready."""
    before = ledger.settled.of(asked)
    found = waiting(ledger, asked, before.upto)
    decisions = [make(int(source_id[-12:])) for source_id in found]
    ledger.deliveries.decide(
        *(asked.stream, "application", 1001, COMPANY, decisions, "dag/live"),
        fingerprint="first",
        window_fingerprint=asked.window_fingerprint,
    )
    ledger.settled.note(asked, before)


def test_a_run_looks_at_what_was_stored_since(ledger: Ledger, source: Make, ready: Make) -> None:
    """A lane is settled up to the last batch that was decided, and a changed record is in a later one."""
    asked = question(LIVE, 1001, "first")
    assert ledger.settled.of(asked).upto == NOTHING
    for number in range(3, 6):
        ledger.staging.stage(LIVE, "run", [source(number)], resume=None, page=1)
    decided(ledger, asked, ready)
    settled = ledger.settled.of(asked)
    assert (settled.upto, settled.newest) == (3, 3)
    ledger.staging.stage(LIVE, "run", [source(3, 2, "Bea"), source(4)], resume=None, page=1)
    assert waiting(ledger, asked, ledger.settled.of(asked).upto) == [source(3).source_id]


def test_a_row_that_was_not_decided_holds_the_lane(ledger: Ledger, source: Make, ready: Make) -> None:
    asked = question(LIVE, 1001, "first")
    for number in range(3, 6):
        ledger.staging.stage(LIVE, "run", [source(number)], resume=None, page=1)
    before = ledger.settled.of(asked)
    ledger.deliveries.decide(
        *(LIVE, "application", 1001, COMPANY, [ready(3), ready(5)], "dag/live"), fingerprint="first"
    )
    ledger.settled.note(asked, before)
    assert ledger.settled.of(asked).upto == 1


def test_what_was_stored_while_a_run_decided_is_left_to_the_next(ledger: Ledger, source: Make, ready: Make) -> None:
    asked = question(LIVE, 1001, "first")
    ledger.staging.stage(LIVE, "run", [source(3)], resume=None, page=1)
    before = ledger.settled.of(asked)
    ledger.deliveries.decide(*(LIVE, "application", 1001, COMPANY, [ready(3)], "dag/live"), fingerprint="first")
    ledger.staging.stage(LIVE, "run", [source(4)], resume=None, page=1)
    ledger.settled.note(asked, before)
    assert ledger.settled.of(asked).upto == 1
    assert waiting(ledger, asked, 1) == [source(4).source_id]


def test_somebody_who_changes_what_decisions_stand_on_meanwhile_ends_it(
    ledger: Ledger, source: Make, ready: Make, rejected: Make
) -> None:
    """Also when the run notes only afterwards how far it came."""
    asked = question(LIVE, 1001, "first")
    ledger.staging.stage(LIVE, "run", [source(3), source(4)], resume=None, page=1)
    before = ledger.settled.of(asked)
    ledger.deliveries.decide(
        *(LIVE, "application", 1001, COMPANY, [rejected(3), ready(4)], "dag/live"), fingerprint="first"
    )
    ledger.deliveries.replay_all(Selection(), run_id="somebody")
    ledger.settled.note(asked, before)
    assert waiting(ledger, asked, ledger.settled.of(asked).upto) == [source(3).source_id]


def test_once_a_day_all_rows_are_looked_at(ledger: Ledger, source: Make, ready: Make, clock: Clock) -> None:
    """And also when the clock was set back since."""
    asked = question(LIVE, 1001, "first")
    ledger.staging.stage(LIVE, "run", [source(3)], resume=None, page=1)
    decided(ledger, asked, ready)
    clock.advance(WHOLE_EVERY.total_seconds() - 1)
    assert ledger.settled.of(asked).upto == 1
    clock.advance(1)
    assert ledger.settled.of(asked).upto == NOTHING
    decided(ledger, asked, ready)
    assert ledger.settled.of(asked).upto == 1
    clock.advance(-60)
    assert ledger.settled.of(asked).upto == NOTHING


def test_a_settled_lane_is_not_walked_through(sqlite_ledger: Ledger, plans: Any, source: Make, ready: Make) -> None:
    """However many rows it has: each question begins in the index behind the batch that is settled."""
    asked = question(LIVE, 1001, "first")
    sqlite_ledger.staging.stage(LIVE, "run", [source(3)], resume=None, page=1)
    decided(sqlite_ledger, asked, ready)

    def ask() -> None:
        waiting(sqlite_ledger, asked, 1)
        left_out(sqlite_ledger, asked, 1)

    steps = [step for plan in plans(ask).values() for step in plan if "ledger_staged" in step]
    walked = [step for step in steps if "ix_ledger_staged_stored" in step]
    assert walked
    assert all("batch" in step for step in walked), walked
    assert not [step for step in steps if step.startswith("SCAN")], steps

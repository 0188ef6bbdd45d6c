"""Whoever does what in between: a live run that looks behind what is settled misses nothing."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from include.ledger.narrowing import Narrowing
from include.ledger.reopening import reopen
from include.ledger.replays import Selection
from include.ledger.states import NOT_NEW, REMAPPABLE
from include.ledger.tables import deliveries
from include.records import Decision
from lane_questions import COMPANY, LANES, LIVE, OTHER, START, left_out, question, waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.ledger import Ledger
    from include.records import StreamKey
    from tests.include.ledger.conftest import Clock

Make = Any


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
            # What is left for good may be passed over: no run can do anything with it.
            counts = zip(left_out(ledger, asked, since), left_out(ledger, asked, None), strict=True)
            assert all(part <= whole for part, whole in counts), told
    assert settled, "the story never came to a lane that was settled"

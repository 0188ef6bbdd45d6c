"""Loads turn by turn, against a Personio with a limit and a clock that goes on only when somebody sleeps."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from include.records import Decision, SourceRow, StreamKey
from include.sync.delivery import NOTHING, Found, Sent
from include.sync.job import Job
from include.sync.load import Begun, Loader, LoadSettings, Paused

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.ledger import Ledger
    from include.ledger.claims import Claim
    from include.ledger.pacing import Lane

WINDOW = 61.25
"""Personio's minute and our margin."""
RUN = "d/backfill__1"


class KilledError(BaseException):
    """As SIGKILL: nothing of the load catches it."""


class Clock:
    """Goes on when somebody sleeps."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Personio:
    """Takes applications at a limit that all loads share; each takes a third of a second."""

    ledger: Ledger
    clock: Clock
    limit: int = 20
    arrived: list[str] = field(default_factory=list)
    lane: Lane = "live"
    share: float = 0.5
    kills: dict[int, str] = field(default_factory=dict)
    """Request number -> whether the sender is killed ``before`` it leaves or ``after`` it arrived."""
    refusals: list[Exception] = field(default_factory=list)
    asked: int = 0

    def wait(self) -> float:
        return self.ledger.pacer.lane(self.lane, self.share).wait("b", limit=self.limit, seconds=WINDOW)

    def send(self, claim: Claim, hold: Callable[[], None]) -> Sent:
        pacer = self.ledger.pacer.lane(self.lane, self.share)
        while wait := pacer.acquire("b", limit=self.limit, seconds=WINDOW):
            self.clock.sleep(wait)
        hold()
        self.asked += 1
        if self.kills.get(self.asked) == "before":
            raise KilledError
        if self.refusals:
            raise self.refusals.pop(0)
        self.clock.sleep(0.3)
        self.arrived.append(claim.source_id)
        if self.kills.get(self.asked) == "after":
            raise KilledError
        return Sent()

    def find(self, claim: Claim) -> Found:
        return Found("77") if claim.source_id in self.arrived else NOTHING


def job_of(dag: str = "d") -> Job:
    return Job(StreamKey(dag, 124132, "Contacts"), "application", 4242, 1001)


def fill(ledger: Ledger, job: Job, run_key: str, numbers: range) -> set[str]:
    """Make records ready; in the history lane they are what the run selected."""
    ids = [f"00000000-0000-4000-8000-{number:012d}" for number in numbers]
    rows = [SourceRow(source_id, number + 1, None, {}) for number, source_id in zip(numbers, ids, strict=True)]
    ledger.staging.stage(job.stream, run_key, rows, resume=None, page=1)
    decisions = [
        Decision(
            *(row.source_id, row.row_version, "ready"),
            payload={"job_position_id": 1001},
            email=f"{row.source_id}@example.org",
        )
        for row in rows
    ]
    ledger.deliveries.decide(
        *(job.stream, job.destination, job.position, job.company, decisions, run_key),
        fingerprint="f",
        selected_for=run_key if job.stream.is_history else None,
    )
    return set(ids)


def loader(personio: Personio, job: Job, run_key: str = RUN, begun: Begun | None = None, **terms: Any) -> Loader:
    """Return a load as a fresh worker makes it."""
    history = job.stream.is_history
    personio.lane = "history" if history else "live"
    settings = LoadSettings(**{"selected": history, "lane": personio.lane, "pause_after": 20.0} | terms)
    return Loader(
        *(personio.ledger, personio, job, run_key),
        settings=settings,
        next_slot=personio.wait,
        begun=begun,
        sleep=personio.clock.sleep,
    )


def kept(pause: Paused) -> Begun:
    """Return what Airflow has kept of a load after its pause."""
    return Begun.read(json.loads(json.dumps(pause.begun.values())))


def go_on(personio: Personio, job: Job, run_key: str = RUN, **terms: Any) -> tuple[dict[str, int], list[Paused]]:
    """Load to the end, each turn in a worker of its own; a killed one is begun anew, as Airflow's retry does."""
    pauses: list[Paused] = []
    begun: Begun | None = None
    for _ in range(500):
        try:
            ended = loader(personio, job, run_key, begun, **terms).turn()
        except KilledError:
            begun = None
            continue
        if not isinstance(ended, Paused):
            return ended, pauses
        pauses.append(ended)
        begun = kept(ended)
        personio.clock.at = max(personio.clock.at, ended.until)
    raise AssertionError("the load does not end")


def states(ledger: Ledger, job: Job) -> dict[str, int]:
    return ledger.deliveries.counts(job.stream, "application", 1001)

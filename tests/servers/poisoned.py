"""A Personio in memory that cannot digest some records, and a clock to be moved: for tests of the loader."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from include.errors import AlreadyExistsError, OutcomeUnknownError, PermissionDeniedError
from include.sync.delivery import NOTHING, Found, RecordHeldUpError, Sent
from include.sync.load import Loader, LoadSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.ledger import Ledger
    from include.ledger.claims import Claim
    from include.sync.job import Job


class Clock:
    """Ahead of the system's clock by as much as it was moved."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Personio:
    """Knows which records it cannot digest; what it holds is what truly arrived."""

    def __init__(self, *poison: str, readable: bool = True) -> None:
        self.poison = set(poison)
        self.unreadable: set[str] = set()
        self.readable = readable
        self.holds: dict[tuple[str, int], int] = {}
        self.committing = False
        self.sent: list[str] = []
        self.looked_up: list[str] = []
        self.error: Exception = OutcomeUnknownError("what", reason_code="personio.answer.unclear", status=500)

    def send(self, claim: Claim, hold: Callable[[], None]) -> Sent:
        hold()
        self.sent.append(claim.source_id)
        key = (claim.source_id, int(claim.payload["job_position_id"]))
        if key in self.holds:
            raise AlreadyExistsError("what", reason_code="personio.email.already-exists", status=400)
        if claim.source_id in self.poison:
            if self.committing:
                self.holds[key] = 1
            raise self.error
        if claim.source_id in self.unreadable:
            denied = PermissionDeniedError("what", reason_code="personio.email.unreadable", way_out="Allow it.")
            raise RecordHeldUpError(denied)
        self.holds[key] = 1
        return Sent()

    def find(self, claim: Claim) -> Found | None:
        self.looked_up.append(claim.source_id)
        if not self.readable:
            return None
        return Found("77") if (claim.source_id, int(claim.payload["job_position_id"])) in self.holds else NOTHING


def states(ledger: Ledger, job: Job) -> dict[str, int]:
    return ledger.deliveries.counts(job.stream, job.destination, job.position)


def load(
    ledger: Ledger, job: Job, personio: Personio, settings: LoadSettings | None = None, *, run: str = "dag/r1"
) -> dict[str, int]:
    return Loader(ledger, personio, job, run, settings=settings, sleep=lambda _left: None).run()


def replayed(ledger: Ledger, job: Job) -> int:
    return ledger.deliveries.replay(job.stream, job.destination, job.position, run_id="cli")

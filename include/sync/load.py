"""Load: one request per delivery, and for every way it can end one state in the ledger.

A delivery is marked ``sending`` before its request leaves, so a crash at any point leaves a trace:
whoever finds the lease expired knows that the request may have been answered without us hearing it.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from include.errors import (
    AbortError,
    AlreadyExistsError,
    OutcomeUnknownError,
    RateLimitedError,
    RecordRejectedError,
    RetryLaterError,
    ServiceUnavailableError,
)
from include.ledger.states import DONE
from include.sync.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from include.ledger import Ledger
    from include.ledger.claims import Claim
    from include.ledger.states import SettledState
    from include.sync.job import Job

log = logging.getLogger(__name__)

PATIENCE = 3
"""Unclear or unreachable answers in a row after which the service is left alone for a while."""


LONGEST_NAP = 120.0
"""Seconds that a load sleeps for a limit before it gives its worker slot back to Airflow."""


class LeaseLostError(Exception):
    """Raised when another worker has taken a record over before its request was sent."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of a request that was answered.

    :param state: the delivery's state from now on.
    :param remote_id: Personio's id of what was made or found, if it told.
    :param result: what is kept, encrypted, with the record: warnings, or the employees that match.
    """

    state: SettledState = "created"
    status: int | None = 201
    remote_id: str | None = None
    result: Mapping[str, Any] | None = None


class Delivery(Protocol):
    """How one destination takes a record: sends it, and finds what an unanswered attempt left."""

    def send(self, claim: Claim, hold: Callable[[], None]) -> Sent:
        """Send the claim's payload once; return what came of it.

        :param hold: to be called when the limits allow the request, right before each one: it renews
            the lease, or ends the attempt if another worker has taken over while this one waited.
        """

    def find(self, claim: Claim) -> str | None:
        """Return the id of what the destination holds for this claim.

        An empty string says that it holds nothing; None that this cannot be told.
        """


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """How the loader behaves.

    :param lease_seconds: how long a request may be under way before another worker takes the record
        for abandoned. Longer than the client's timeout, or a slow answer would be taken for a crash.
    :param wait_seconds: how much longer the lease is while the record waits for its turn: one window
        of the service's limit.
    :param max_records: stop after so many records; None: all.
    """

    lease_seconds: float = 45.0
    wait_seconds: float = 60.0
    max_records: int | None = None


def again(claim: Claim) -> datetime | None:
    """Return when an unanswered record is due: at once the first time, then ever later.

    A record that the service cannot digest must not keep the others from being sent.
    """
    if claim.attempt <= 1:
        return None
    return datetime.now(UTC) + timedelta(seconds=min(3600, 30 * 2**claim.attempt))


class Loader:
    """Sends what is ready for one job until nothing is left that can be sent now.

    :param ledger: the open ledger.
    :param delivery: the destination.
    :param job: what is moved where.
    :param run_key: the run's name in the ledger.
    :param settings: leases and bounds.
    :param sleep: waits while another worker's lease runs out; tests replace it.
    """

    def __init__(
        self,
        ledger: Ledger,
        delivery: Delivery,
        job: Job,
        run_key: str,
        *,
        settings: LoadSettings | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.ledger = ledger
        self.delivery = delivery
        self.job = job
        self.run_key = run_key
        self.settings = settings or LoadSettings()
        self.sleep = sleep
        self.counts: Counter[str] = Counter()
        self._unclear = 0
        self._naps = 0

    def run(self) -> dict[str, int]:
        """Send until nothing is left; return state -> how many records ended in it.

        :raises AbortError: a refusal that would meet every record; the one at hand stays ready.
        :raises RetryLaterError: the service is limited or away; what was not sent stays ready.
        """
        counts = self.ledger.deliveries.counts(self.job.stream, self.job.destination, self.job.position)
        progress = Progress(
            "records sent", total=sum(counts.get(s, 0) for s in ("ready", "retry", "in_doubt", "sending"))
        )
        while self.settings.max_records is None or progress.done < self.settings.max_records:
            claim = self._claim()
            if claim is None:
                if not self._wait_for_others():
                    break
                continue
            self._deliver(claim)
            progress.add(1)
        log.info("%s: %s", progress.line(), dict(self.counts))
        return dict(self.counts)

    def _claim(self) -> Claim | None:
        """Take what is ready or due; then, at the end, what earlier attempts left without an answer."""
        desk, job = self.ledger.deliveries, self.job
        for take in (desk.claim, desk.claim_in_doubt):
            claim = take(
                job.company,
                job.destination,
                job.position,
                stream=job.stream,
                run_id=self.run_key,
                lease_seconds=self.settings.lease_seconds + self.settings.wait_seconds,
            )
            if claim is not None:
                return claim
        return None

    def _wait_for_others(self) -> bool:
        """Wait for the next lease that may have been left by a crash; say whether there was one."""
        job = self.job
        ends = self.ledger.deliveries.next_lease_end(job.stream, job.destination, job.position, company=job.company)
        if ends is None:
            return False
        left = (ends - datetime.now(UTC)).total_seconds()
        if left > 0:
            log.info("A record is being sent elsewhere, or its sender crashed: waiting %.0f s.", left)
            self.sleep(min(left, 5.0))
        return True

    def _deliver(self, claim: Claim) -> None:
        """Send one claim, or read back what an earlier attempt left, and settle it."""
        if claim.was_in_doubt:
            found = self._read_back(claim)
            if found:
                self._settle(claim, "created", reason_code="ledger.delivery.read_back", remote_id=found)
                return
        try:
            sent = self.delivery.send(claim, lambda: self._hold(claim))
        except LeaseLostError:
            log.warning("Record %s was taken over while it waited for its turn.", claim.source_id)
        except AlreadyExistsError as error:
            # Our own unanswered attempt is on record, so what exists is what it made.
            state: SettledState = "created" if claim.was_in_doubt else "already_there"
            self._settle(claim, state, reason_code=error.reason_code, status=error.status, remote_id=error.remote_id)
        except RecordRejectedError as error:
            self._settle(claim, "rejected", reason_code=error.reason_code, field=error.field, status=error.status)
        except OutcomeUnknownError as error:
            self._settle(claim, "in_doubt", reason_code=error.reason_code, status=error.status, due_at=again(claim))
            self._lose_patience(error.what)
        except RetryLaterError as error:
            self._postpone(claim, error)
        except AbortError as error:
            # Kept as it was: nothing is wrong with this record.
            self._release(claim, error.reason_code, error.status)
            raise
        else:
            self._unclear = self._naps = 0
            self._settle(claim, sent.state, status=sent.status, remote_id=sent.remote_id, result=sent.result)

    def _hold(self, claim: Claim) -> None:
        """Renew the lease for the length of one request.

        :raises LeaseLostError: somebody else has the record now; nothing was sent.
        """
        if not self.ledger.deliveries.renew(claim, lease_seconds=self.settings.lease_seconds):
            raise LeaseLostError

    def _read_back(self, claim: Claim) -> str | None:
        """Ask the destination what it holds; where it cannot tell, sending again will."""
        try:
            return self.delivery.find(claim)
        except RetryLaterError as error:
            self._postpone(claim, error)
            raise
        except AbortError as error:
            self._release(claim, error.reason_code, error.status)
            raise

    def _postpone(self, claim: Claim, error: RetryLaterError) -> None:
        """Put the record back with its due time; pass the error on if it concerns all records."""
        due = error.retry_at or datetime.now(UTC) + timedelta(seconds=self.settings.lease_seconds)
        state: SettledState = "in_doubt" if claim.was_in_doubt else "retry"
        self._settle(claim, state, reason_code=error.reason_code, status=error.status, due_at=due)
        if isinstance(error, RateLimitedError):
            self._nap(error, due)
        else:
            self._lose_patience(error.what)

    def _nap(self, error: RateLimitedError, due: datetime) -> None:
        """Sleep over a short limit; a long one, or the third in a row, ends the attempt."""
        self._naps += 1
        left = (due - datetime.now(UTC)).total_seconds()
        if self._naps >= PATIENCE or left > LONGEST_NAP:
            raise error
        log.info("%s Going on in %.0f s.", error.what, max(left, 0))
        self.sleep(max(left, 0))

    def _release(self, claim: Claim, reason_code: str, status: int | None) -> None:
        state: SettledState = "in_doubt" if claim.was_in_doubt else "ready"
        self._settle(claim, state, reason_code=reason_code, status=status)

    def _lose_patience(self, what: str) -> None:
        """Stop after some bad answers in a row: a service that is down is not helped by more."""
        self._unclear += 1
        if self._unclear >= PATIENCE:
            raise ServiceUnavailableError(
                f"{PATIENCE} requests in a row had no clear answer; the last: {what}",
                reason_code="personio.service.unavailable",
                way_out="Everything is kept. The task is retried; look at Personio's status page.",
            )

    def _settle(
        self,
        claim: Claim,
        state: SettledState,
        *,
        reason_code: str = "",
        field: str = "",
        status: int | None = None,
        remote_id: str | None = None,
        due_at: datetime | None = None,
        result: Mapping[str, Any] | None = None,
    ) -> None:
        held = self.ledger.deliveries.settle(
            claim,
            state,
            reason_code=reason_code,
            field=field,
            status=status,
            remote_id=remote_id,
            due_at=due_at,
            result=result,
        )
        if not held:
            # The lease ran out and another worker took over: its outcome counts, not ours.
            log.warning("Record %s was taken over while we waited for its answer.", claim.source_id)
            return
        self.counts[state] += 1
        if state not in DONE:
            log.warning("Record %s: %s, %s %s", claim.source_id, state, reason_code, status or "")

"""Load: one request per delivery, and for every way it can end one state in the ledger.

A delivery is marked ``sending`` before its request leaves, so a crash at any point leaves a trace:
whoever finds the lease expired knows that the request may have been answered without us hearing it.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from include.errors import (
    AbortError,
    AlreadyExistsError,
    OutcomeUnknownError,
    RateLimitedError,
    RecordRejectedError,
    RetryLaterError,
)
from include.ledger.states import DONE
from include.sync.delivery import Delivery, LeaseLostError, RecordHeldUpError, Sent
from include.sync.other_positions import SETTLED, OtherPositions
from include.sync.patience import Patience, again
from include.sync.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.ledger import Ledger
    from include.ledger.claims import Claim
    from include.ledger.states import SettledState
    from include.sync.job import Job

__all__ = ["Delivery", "LoadSettings", "Loader", "Sent"]

log = logging.getLogger(__name__)

ATTEMPTS_SPENT = "ledger.attempts.spent"
IN_DOUBT = "in_doubt"
"""Stands as the field of a dead letter that may exist at Personio, where nobody can look."""

HELD_UP = timedelta(hours=1)
"""How long a record waits that needs a person."""


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """How the loader behaves.

    :param lease_seconds: how long a request may be under way before another worker takes the record
        for abandoned. Longer than the client's timeout, or a slow answer would be taken for a crash.
    :param wait_seconds: how much longer the lease is while the record waits for its turn: one window
        of the service's limit.
    :param max_records: stop after so many records; None: all.
    :param max_attempts: attempts without a clear answer after which a record is given up, until it is replayed.
    :param settled: how old an attempt for another position must be for its absence to be sure.
    """

    lease_seconds: float = 45.0
    wait_seconds: float = 60.0
    max_records: int | None = None
    max_attempts: int = 10
    settled: timedelta = SETTLED


class Loader:
    """Sends what is ready for one job until nothing is left that can be sent now.

    :param ledger: the open ledger.
    :param delivery: the destination.
    :param job: what is moved where.
    :param run_key: the run's name in the ledger.
    :param settings: leases and bounds.
    :param sleep: waits for limits, and while another worker's lease runs out; tests replace it.
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
        self._now = ledger.deliveries.now
        self._patience = Patience(sleep)
        self._held_up: AbortError | None = None

    def run(self) -> dict[str, int]:
        """Send until nothing is left; return state -> how many records ended in it.

        ``in_doubt_elsewhere`` counts what is in doubt for positions that this run does not send for.

        :raises AbortError: a refusal that would meet every record; the one at hand stays ready. One that meets
            some records is raised at the end, when the others have been sent.
        :raises RetryLaterError: the service is limited or away; what was not sent stays ready.
        """
        counts = self.ledger.deliveries.counts(self.job.stream, self.job.destination, self.job.position)
        progress = Progress(
            "records sent", total=sum(counts.get(s, 0) for s in ("ready", "retry", "in_doubt", "sending"))
        )
        most = self.settings.max_records
        while not self._patience.lost and (most is None or progress.done < most):
            claim = self._claim()
            if claim is None:
                if not self._wait_for_others():
                    break
                continue
            self._deliver(claim)
            progress.add(1)
        self._close()
        log.info("%s: %s", progress.line(), dict(self.counts))
        if self._held_up is not None:
            raise self._held_up
        return dict(self.counts)

    def _close(self) -> None:
        """Say why it ends early, or look up what other positions left behind."""
        if self._patience.lost:
            log.warning("Some records get no clear answer, time and again; the rest waits for the next run.")
            return
        settings = self.settings
        others = OtherPositions(
            *(self.ledger, self.delivery, self.job, self.run_key),
            lease_seconds=settings.lease_seconds + settings.wait_seconds,
            settled=settings.settled,
        )
        self.counts.update(others.settle())

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
        left = (ends - self._now()).total_seconds()
        if left > 0:
            log.info("A record is being sent elsewhere, or its sender crashed: waiting %.0f s.", left)
            self.sleep(min(left, 5.0))
        return True

    def _deliver(self, claim: Claim) -> None:
        """Settle one claim, whatever happens."""
        try:
            self._attempt(claim)
        except LeaseLostError:
            log.warning("Record %s was taken over while it waited for its turn.", claim.source_id)
        except AlreadyExistsError as error:
            # Our own unanswered attempt is on record, so what exists is what it made.
            state: SettledState = "created" if claim.was_in_doubt else "already_there"
            self._patience.answered()
            self._settle(claim, state, reason_code=error.reason_code, status=error.status, remote_id=error.remote_id)
        except RecordRejectedError as error:
            if error.status is not None:
                self._patience.answered()
            self._settle(claim, "rejected", reason_code=error.reason_code, field=error.field, status=error.status)
        except OutcomeUnknownError as error:
            due = again(claim.unanswered + 1, self._now())
            self._settle(
                claim, "in_doubt", reason_code=error.reason_code, status=error.status, due_at=due, unclear=True
            )
            self._patience.unclear(claim, error.what)
        except RetryLaterError as error:
            self._postpone(claim, error)
        except RecordHeldUpError as error:
            self._held_up = self._held_up or error.cause
            state, due = _waiting(claim), self._now() + HELD_UP
            self._settle(claim, state, reason_code=error.cause.reason_code, status=error.cause.status, due_at=due)
        except AbortError as error:
            # Kept as it was: nothing is wrong with this record.
            state = "in_doubt" if claim.was_in_doubt else "ready"
            self._settle(claim, state, reason_code=error.reason_code, status=error.status)
            raise

    def _attempt(self, claim: Claim) -> None:
        """Read back what an earlier attempt left, else send the record, unless that was tried too often."""
        found = self.delivery.find(claim) if claim.was_in_doubt else ""
        if found:
            self._settle(claim, "created", reason_code="ledger.delivery.read_back", remote_id=found)
        elif claim.unanswered >= self.settings.max_attempts:
            # It stays on record that it was in doubt: when it is replayed, "already exists" is ours.
            self._settle(claim, "rejected", reason_code=ATTEMPTS_SPENT, field=IN_DOUBT if found is None else "")
        else:
            sent = self.delivery.send(claim, lambda: self._hold(claim))
            self._patience.answered()
            self._settle(claim, sent.state, status=sent.status, remote_id=sent.remote_id, result=sent.result)

    def _hold(self, claim: Claim) -> None:
        """Renew the lease for the length of one request.

        :raises LeaseLostError: somebody else has the record now; nothing was sent.
        """
        if not self.ledger.deliveries.renew(claim, lease_seconds=self.settings.lease_seconds):
            raise LeaseLostError

    def _postpone(self, claim: Claim, error: RetryLaterError) -> None:
        """Put the record back with its due time; go on if the trouble may be its own or is soon over."""
        limited = isinstance(error, RateLimitedError)
        # Without a status nobody answered: that says nothing of this record.
        unclear = not limited and error.status is not None
        soon = self._now() + timedelta(seconds=self.settings.lease_seconds)
        due = error.retry_at or (again(claim.unanswered + 1, self._now()) if unclear else None) or soon
        self._settle(
            claim, _waiting(claim), reason_code=error.reason_code, status=error.status, due_at=due, unclear=unclear
        )
        if isinstance(error, RateLimitedError):
            self._patience.limited(error, (due - self._now()).total_seconds())
        else:
            self._patience.unclear(claim, error.what)

    def _settle(self, claim: Claim, state: SettledState, **outcome: Any) -> None:
        """Write the outcome down, if the claim still holds.

        :param outcome: as `include.ledger.claims.ClaimDesk.settle` takes it.
        """
        if not self.ledger.deliveries.settle(claim, state, **outcome):
            # The lease ran out and another worker took over: its outcome counts, not ours.
            log.warning("Record %s was taken over while we waited for its answer.", claim.source_id)
            return
        self.counts[state] += 1
        if state not in DONE:
            told = outcome.get("reason_code", ""), outcome.get("status") or ""
            log.warning("Record %s: %s, %s %s", claim.source_id, state, *told)


def _waiting(claim: Claim) -> SettledState:
    """Return the state in which an unsent record waits: a doubt from before stays one."""
    return "in_doubt" if claim.was_in_doubt else "retry"

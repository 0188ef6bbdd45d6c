"""Load: one request per delivery, and for every way it can end one state in the ledger.

A delivery is marked ``sending`` before its request leaves, so a crash at any point leaves a trace:
whoever finds the lease expired knows that the request may have been answered without us hearing it.

A long load comes in turns. Where the next slot of the service's limit is far, a turn ends with `Paused`, nothing
claimed, and the worker is free; all that the next turn needs to know is in the ledger.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass, replace
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
from include.sync.delivery import NOTHING, Delivery, LeaseLostError, RecordHeldUpError, Sent, told_of_existing
from include.sync.other_positions import SETTLED, OtherPositions
from include.sync.outbox import RunOutbox
from include.sync.patience import Patience, again
from include.sync.pauses import Begun, Paused, Turn
from include.sync.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from include.ledger import Ledger
    from include.ledger.claims import Claim
    from include.ledger.pacing import Lane
    from include.ledger.states import SettledState
    from include.sync.job import Job

__all__ = ["Begun", "Delivery", "LoadSettings", "Loader", "Paused", "Sent"]

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
    :param max_records: send so many records, over all attempts and pauses of the run; None: all.
    :param max_attempts: attempts without a clear answer after which a record is given up, until it is replayed.
    :param settled: how old an attempt for another position must be for its absence to be sure.
    :param selected: send only what the run selected, whoever owns it; else all that its lane has ready.
    :param lane: of the run; only a live load has a share of time.
    :param pause_after: pause instead of waiting longer than so many seconds; None: never.
    :param share_minutes: after which a live load leaves the rest, ready, to the next live run; None: never.
    """

    lease_seconds: float = 45.0
    wait_seconds: float = 60.0
    max_records: int | None = None
    max_attempts: int = 10
    settled: timedelta = SETTLED
    selected: bool = False
    lane: Lane = "live"
    pause_after: float | None = None
    share_minutes: float | None = None


class Loader:
    """Sends what is ready for one job until nothing is left that can be sent now.

    :param ledger: the open ledger.
    :param delivery: the destination.
    :param job: what is moved where.
    :param run_key: the run's name in the ledger.
    :param settings: leases and bounds.
    :param next_slot: says how many seconds the next slot of the service's limit is away, without taking it.
    :param begun: of the load that goes on after a pause; None: it begins.
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
        next_slot: Callable[[], float] = lambda: 0.0,
        begun: Begun | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.ledger = ledger
        self.delivery = delivery
        self.job = job
        self.run_key = run_key
        self.settings = settings or LoadSettings()
        self.next_slot = next_slot
        self.sleep = sleep
        self._now = ledger.deliveries.now
        self._outbox = RunOutbox(
            *(ledger, job, run_key), selected=self.settings.selected, most=self.settings.max_records
        )
        if begun is None:
            self._outbox.ask_again()
        self._begun = begun or Begun(self._now(), self._outbox.settled())
        self._patience = Patience(sleep, limited=self._begun.limited)
        self._held_up = self._begun.held_up
        self._turn = Turn(self._begun, self.settings.pause_after, self._now)

    def run(self) -> dict[str, int]:
        """Send until nothing is left, and sleep through the pauses; see `turn`."""
        while isinstance(ended := self.turn(), Paused):
            self.sleep(max((ended.until - self._now()).total_seconds(), 0.0))
        return ended

    def turn(self) -> dict[str, int] | Paused:
        """Send until nothing is left, or until it is better to pause.

        :return: state -> how many records of this run ended in it, over all its attempts and pauses;
            ``in_doubt_elsewhere`` counts what is in doubt for positions that this run does not send for, ``left``
            what a live load leaves to the next run because its share of time is over.
        :raises AbortError: a refusal that would meet every record; the one at hand stays ready. One that meets
            some records is raised at the end, when the others have been sent.
        :raises RetryLaterError: the service is limited or away; what was not sent stays ready.
        """
        turn, over = Turn(self._begun, self.settings.pause_after, self._now), False
        self._turn = turn
        progress = Progress("records sent", total=self._outbox.left())
        share = self.settings.share_minutes if self.settings.lane == "live" else None
        while not (
            self._patience.lost or (over := turn.is_over(share)) or turn.must_pause(self.next_slot, self._outbox.left)
        ):
            claim = self._claim()
            if claim is not None:
                turn.idle = 0.0
                self._deliver(claim)
                progress.add(1)
            elif not self._wait_for_others():
                break
        if turn.until is not None:
            pause = self.standing(turn.until)
            log.info("%s", pause.line())
            return pause
        counts = Counter(self._outbox.done()) + self._close()
        if over and (left := self._outbox.left()):
            counts["left"] = left
            log.info("%s records are left to the next live run: the share of time is over.", left)
        log.info("%s: %s", progress.line(), dict(counts))
        if self._held_up is not None:
            raise self._held_up
        return dict(counts)

    def standing(self, until: datetime | None = None) -> Paused:
        """Return how far the run is.

        :param until: aware; when it goes on. None: now.
        """
        begun = replace(self._begun, limited=self._patience.limits, held_up=self._held_up)
        return Paused(until or self._now(), self._outbox.settled(), self._outbox.left(), begun)

    def _close(self) -> Counter[str]:
        """Say why it ends early, or look up what other positions left behind; count that."""
        if self._patience.lost:
            log.warning("Some records get no clear answer, time and again; the rest waits for the next run.")
            return Counter()
        settings = self.settings
        others = OtherPositions(
            *(self.ledger, self.delivery, self.job, self.run_key),
            lease_seconds=settings.lease_seconds + settings.wait_seconds,
            settled=settings.settled,
        )
        return Counter(others.settle())

    def _claim(self) -> Claim | None:
        return self._outbox.claim(self.settings.lease_seconds + self.settings.wait_seconds)

    def _wait_for_others(self) -> bool:
        """Wait for the next lease that may have been left by a crash; say whether there was one."""
        ends = self._outbox.lease_end()
        if ends is None:
            return False
        # Its last moment still belongs to it.
        ends += timedelta(milliseconds=1)
        nap = min((ends - self._now()).total_seconds(), 5.0)
        if nap > 0 and not self._turn.idles_on(nap, until=ends):
            log.info("A record is being sent elsewhere, or its sender crashed: until %s.", f"{ends:%H:%M:%S %Z}")
            self.sleep(nap)
        return True

    def _deliver(self, claim: Claim) -> None:
        """Settle one claim, whatever happens."""
        try:
            self._attempt(claim)
        except LeaseLostError:
            log.warning("Record %s was taken over while it waited for its turn.", claim.source_id)
        except AlreadyExistsError as error:
            self._patience.answered()
            self._settle(claim, **told_of_existing(claim, error))
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
        found = self.delivery.find(claim) if claim.was_in_doubt else NOTHING
        if found:
            self._settle(claim, **found.outcome(claim))
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
        if not isinstance(error, RateLimitedError):
            self._patience.unclear(claim, error.what)
        elif self.settings.pause_after is None:
            self._patience.limited(error, (due - self._now()).total_seconds())
        else:
            if error.status is not None:
                # Our own pacing says so without one: other lanes were quicker, which proves nothing.
                self._patience.refused(error)
            self._turn.pause(due)

    def _settle(self, claim: Claim, state: SettledState, **outcome: Any) -> None:
        """Write the outcome down, if the claim still holds.

        :param outcome: as `include.ledger.claims.ClaimDesk.settle` takes it.
        """
        if not self.ledger.deliveries.settle(claim, state, **outcome):
            # The lease ran out and another worker took over: its outcome counts, not ours.
            log.warning("Record %s was taken over while we waited for its answer.", claim.source_id)
            return
        if state not in DONE:
            told = outcome.get("reason_code", ""), outcome.get("status") or ""
            log.warning("Record %s: %s, %s %s", claim.source_id, state, *told)


def _waiting(claim: Claim) -> SettledState:
    """Return the state in which an unsent record waits: a doubt from before stays one."""
    return "in_doubt" if claim.was_in_doubt else "retry"

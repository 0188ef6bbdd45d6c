"""What was left without an answer for a job position that is no longer used: looked up, never sent again."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from include.errors import ExactPersonioError
from include.sync.delivery import NOTHING

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.ledger.claims import Claim
    from include.sync.delivery import Delivery
    from include.sync.job import Job

log = logging.getLogger(__name__)

CHANGED: Final = "ledger.job_position_id.changed"
LOOK_AGAIN: Final = timedelta(hours=1)
SETTLED: Final = timedelta(minutes=2)
"""A request that is younger may still be under way at Personio: that nothing is there proves nothing yet."""


class OtherPositions:
    """Settles what is in doubt for a stream's other positions.

    A record in doubt is shut out of the new position, since it may have applied already. Found at Personio it is
    ``created``, or ``already_there`` if it is older than the first attempt. Surely absent it is ``rejected``: it is
    not sent, and the next run decides it for the position that is used now. Where nobody can tell it stays in doubt,
    and is counted.

    :param settled: how old an attempt must be for its absence to be sure.
    """

    def __init__(
        self,
        ledger: Ledger,
        delivery: Delivery,
        job: Job,
        run_key: str,
        *,
        lease_seconds: float,
        settled: timedelta = SETTLED,
    ) -> None:
        self._desk = ledger.deliveries
        self._delivery = delivery
        self._job = job
        self._run_key = run_key
        self._lease = lease_seconds
        self._settled = settled

    def settle(self) -> dict[str, int]:
        """Look up what is due; return how many were found or rejected, and ``in_doubt_elsewhere`` what is left."""
        job = self._job
        if not job.position:
            return {}
        counts: Counter[str] = Counter()
        while claim := self._desk.claim_left_behind(
            *(job.company, job.destination, job.position),
            stream=job.stream,
            run_id=self._run_key,
            lease_seconds=self._lease,
        ):
            if not self._look_up(claim, counts):
                break
        left = self._desk.in_doubt_elsewhere(job.stream, job.destination, job.position)
        if left:
            counts["in_doubt_elsewhere"] = left
            log.warning(
                "%d records are in doubt for a job position other than %d; they are not sent for it.",
                *(left, job.position),
            )
        return dict(counts)

    def _look_up(self, claim: Claim, counts: Counter[str]) -> bool:
        """Settle one claim; return whether the service could be asked."""
        now = self._desk.now()
        due = now + LOOK_AGAIN
        try:
            found = self._delivery.find(claim)
        except ExactPersonioError as error:
            # Nothing of this run depends on it: told, and looked up again.
            log.warning("Record %s cannot be looked up: %s", claim.source_id, error)
            self._desk.settle(claim, "in_doubt", reason_code=error.reason_code, status=error.status, due_at=due)
            return False
        if found:
            outcome = found.outcome(claim)
            self._desk.settle(claim, **outcome)
            counts[outcome["state"]] += 1
        elif found == NOTHING and now - claim.since >= self._settled:
            self._desk.settle(claim, "rejected", reason_code=CHANGED, field="job_position_id")
            counts["rejected"] += 1
        else:
            due = now + self._settled if found == NOTHING else due
            self._desk.settle(claim, "in_doubt", reason_code=CHANGED, field="job_position_id", due_at=due)
        return True

"""What one load may take: all that its lane has ready, or what its run selected, within the run's bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from include.clients.personio_answers import ADDRESS_UNREADABLE
from include.ledger.states import PENDING

if TYPE_CHECKING:
    from datetime import datetime

    from include.ledger import Ledger
    from include.ledger.claims import Claim
    from include.sync.job import Job


class RunOutbox:
    """The deliveries of one run's load.

    :param ledger: the open ledger.
    :param job: what is moved where.
    :param run_key: the run's name in the ledger.
    :param selected: only what the run has selected, whoever owns it; else all that its stream has ready.
    :param most: take so many records, over all attempts and pauses of the run; None: all.
    """

    def __init__(self, ledger: Ledger, job: Job, run_key: str, *, selected: bool, most: int | None) -> None:
        self._desk = ledger.deliveries
        self._outcomes = ledger.outcomes
        self._job = job
        self._run_key = run_key
        self._only: dict[str, Any] = {"selected_for": run_key} if selected else {}
        self._most = most
        self._taken = set() if most is None else self._outcomes.taken(run_key)

    def claim(self, lease_seconds: float) -> Claim | None:
        """Take what is ready or due; then, at the end, what earlier attempts left without an answer.

        :param lease_seconds: until another worker may take it over.
        """
        job = self._job
        for take in (self._desk.claim, self._desk.claim_in_doubt):
            claim = take(
                *(job.company, job.destination, job.position),
                stream=job.stream,
                run_id=self._run_key,
                lease_seconds=lease_seconds,
                **self._only,
            )
            if claim is None:
                continue
            if self._within(claim):
                return claim
            self._desk.settle(claim, "in_doubt" if claim.was_in_doubt else "ready")
        return None

    def ask_again(self) -> None:
        """Take at once what waits for a person because of this run: who starts it again has done their part.

        It also is said again, where the attempt that met it died before it could say so.
        """
        job = self._job
        self._desk.due_at_once(
            *(job.company, job.destination, job.position),
            run_id=self._run_key,
            stream=job.stream,
            reason_code=ADDRESS_UNREADABLE,
            **self._only,
        )

    def lease_end(self) -> datetime | None:
        """Return when the first lease of another worker ends; None if there is none to wait for."""
        job = self._job
        return self._desk.next_lease_end(
            *(job.stream, job.destination, job.position), company=job.company, **self._only
        )

    def left(self) -> int:
        """Return how many records wait to be sent, or to be looked up."""
        job = self._job
        if self._only:
            counts = self._desk.selected(self._run_key)
            left = sum(counts.get(state, 0) for state in PENDING)
        else:
            # Not among all deliveries: what waits are few, what is done may be a million.
            left = self._desk.pending(job.company, job.destination, job.position, stream=job.stream).total
        return left if self._most is None else min(left, max(self._most - self.settled(), 0))

    def done(self) -> dict[str, int]:
        """Return state -> how many records the run has brought into it, over all attempts and pauses."""
        return self._outcomes.of_run(self._run_key)

    def settled(self) -> int:
        """Return how many of them need nothing more from this run."""
        return sum(count for state, count in self.done().items() if state not in PENDING)

    def _within(self, claim: Claim) -> bool:
        """Whether the run may send it: what it had before may be tried again, nothing beyond its bound begun."""
        if self._most is None or claim.delivery_id in self._taken:
            return True
        if len(self._taken) >= self._most:
            return False
        self._taken.add(claim.delivery_id)
        return True

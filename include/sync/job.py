"""What one run moves where."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from include.ledger.pacing import Lane
    from include.records import Destination, StreamKey


@dataclass(frozen=True, slots=True)
class Job:
    """One stream on its way to one destination.

    :param stream: the DAG, division and entity that are read, in the lane of the run.
    :param destination: ``application``, ``employee`` or ``employee_match``.
    :param company: Personio's company id, part of every delivery's idempotency key.
    :param position: Personio's ``job_position_id``; 0 where the destination has no position.
    """

    stream: StreamKey
    destination: Destination
    company: int
    position: int

    @property
    def lane(self) -> Lane:
        """In which lane of the services' limits its calls go."""
        return "history" if self.stream.is_history else "live"

    def run_key(self, run_id: str) -> str:
        """Name a run across DAGs: two DAGs' scheduled runs share their run ids.

        The name is the same in both lanes: people know the run by its DAG.
        """
        return f"{self.stream.dag}/{run_id}"

    def history(self) -> Job:
        """Return the same job in the lane of runs that never move the watermark."""
        return dataclasses.replace(self, stream=self.stream.history())

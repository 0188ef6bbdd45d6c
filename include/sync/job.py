"""What one run moves where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from include.records import Destination, StreamKey


@dataclass(frozen=True, slots=True)
class Job:
    """One stream on its way to one destination.

    :param stream: the DAG, division and entity that are read.
    :param destination: ``application`` or ``employee``.
    :param company: Personio's company id, part of every delivery's idempotency key.
    :param position: Personio's ``job_position_id``; 0 where the destination has no position.
    """

    stream: StreamKey
    destination: Destination
    company: int
    position: int

    def run_key(self, run_id: str) -> str:
        """Name a run across DAGs: two DAGs' scheduled runs share their run ids."""
        return f"{self.stream.dag_id}/{run_id}"

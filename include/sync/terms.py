"""What a run decides by: the same for every record of it."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from include.records import StreamKey, Window
    from include.sync.job import Job
    from include.transform import Mapping


@dataclass(frozen=True, slots=True)
class Terms:
    """What a run decides by.

    :param job: what is moved where, in the lane of the run.
    :param mapping: how rows become records.
    :param window: as pinned.
    :param run_key: the run's name in the ledger.
    """

    job: Job
    mapping: Mapping
    window: Window
    run_key: str

    @property
    def fingerprint(self) -> str:
        """The mapping's: what it decided by content stands for every window."""
        return self.mapping.fingerprint

    @property
    def window_fingerprint(self) -> str:
        """The mapping's and the window's: what was not new for one window may be for another."""
        text = f"{self.mapping.fingerprint} {self.window.created_from} {self.window.created_to}"
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def live_stream(self) -> StreamKey:
        """The lane of the DAG's live runs."""
        return dataclasses.replace(self.job.stream, dag_id=self.job.stream.dag)

    @property
    def selected_for(self) -> str | None:
        """Into whose outbox goes what is decided; None: what a live run decides, any live run sends."""
        return self.run_key if self.job.stream.is_history else None

"""What one transaction of decisions is about, and what it amounts to."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from include.ledger.states import NOT_NEW, PENDING

if TYPE_CHECKING:
    from datetime import datetime

    from include.records import Decision, Destination, StreamKey


def delivery_key(stream: StreamKey, destination: Destination, job: int, company: int, source_id: str) -> str:
    """Return the key under which a record arrives once, whichever DAG or run brings it."""
    parts = (company, stream.division, stream.entity, source_id, destination, job)
    return hashlib.sha256("|".join(str(part) for part in parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Batch:
    """What is the same for all decisions of one transaction, and what they amount to.

    :param inserts: by key: decisions on records that are decided for the first time.
    :param ready: ids at Exact of what is ready now.
    :param to_send: ids of deliveries that wait to be sent, or are on their way.
    :param released: ids of deliveries that were to be sent and are not any more.
    """

    stream: StreamKey
    destination: Destination
    job: int
    company: int
    run_id: str
    fingerprint: str
    at: datetime
    window_fingerprint: str | None = None
    selected_for: str | None = None
    counts: Counter[str] = field(default_factory=Counter)
    inserts: dict[str, Decision] = field(default_factory=dict)
    updates: list[dict[str, Any]] = field(default_factory=list)
    touches: list[dict[str, Any]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    ready: list[str] = field(default_factory=list)
    to_send: list[int] = field(default_factory=list)
    released: list[int] = field(default_factory=list)

    def fingerprint_of(self, decision: Decision) -> str:
        """Return the fingerprint under which a decision stands: what is not new is so for one window only."""
        if decision.reason_code == NOT_NEW and self.window_fingerprint is not None:
            return self.window_fingerprint
        return self.fingerprint

    def count(self, decision: Decision) -> None:
        """Count a decision that was taken."""
        self.counts[decision.outcome] += 1
        if decision.outcome == "ready":
            self.ready.append(decision.source_id)

    def leave(self, delivery_id: int, state: str) -> None:
        """Note the state that a delivery is left in."""
        (self.to_send if state in PENDING else self.released).append(delivery_id)

"""What one transaction of decisions is about, and what it amounts to."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from include.ledger.states import NOT_NEW, PENDING
from include.ledger.windows import stream_values
from include.records import HISTORY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Row as SqlRow

    from include.records import Decision, Destination, StreamKey


def delivery_key(stream: StreamKey, destination: Destination, job: int, company: int, source_id: str) -> str:
    """Return the key under which a record arrives once, whichever DAG or run brings it."""
    parts = f"{company}|{stream.division}|{stream.entity}|{source_id}|{destination}|{job}"
    return hashlib.sha256(parts.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Batch:
    """What is the same for all decisions of one transaction, and what they amount to.

    :param inserts: by key: decisions on records that are decided for the first time.
    :param renamed: by delivery that is decided anew: the words by which it is found now.
    :param ready: ids at Exact of what is ready now.
    :param to_send: deliveries that wait to be sent, or are on their way: id -> what the run has of its own for it,
        sealed; None: it sends what the delivery holds.
    :param released: ids of deliveries that were to be sent and are not any more.
    :param withdrawn: ids of deliveries that the run does not want, and somebody else has waiting.
    :param outdated: ids of deliveries that got new content.
    :param foreign: ids of deliveries on which another lane's or mapping's runs may rely, and that were changed.
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
    renamed: dict[int, list[str]] = field(default_factory=dict, repr=False)
    ready: list[str] = field(default_factory=list)
    to_send: dict[int, bytes | None] = field(default_factory=dict)
    released: list[int] = field(default_factory=list)
    withdrawn: list[int] = field(default_factory=list)
    outdated: list[int] = field(default_factory=list)
    _owners: dict[bool, dict[str, Any]] = field(default_factory=dict, repr=False)
    foreign: list[int] = field(default_factory=list)
    _told: dict[int, tuple[Mapping[str, str], str]] = field(default_factory=dict, repr=False)

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

    def owner_values(self, decision: Decision) -> dict[str, Any]:
        """Return the lane that owns a decision, as columns: what only a run of history may send, no live run may.

        Whatever else such a run decides stays with the lane that has read the record: a replay's rows are of both.
        """
        apart = bool(self.selected_for) and decision.outcome == "ready"
        if apart not in self._owners:
            self._owners[apart] = stream_values(self.stream.history() if apart else self.stream)
        return self._owners[apart]

    def note_foreign(self, row: SqlRow[Any], values: Mapping[str, Any]) -> None:
        """Note a delivery that is decided anew, if it was another lane's or mapping's, or becomes another lane's."""
        mine = self.stream.dag_id
        # What history had put aside and now would send, a live run takes over if history does not come to it.
        for_history = values["state"] in PENDING and values["dag_id"].endswith(HISTORY)
        if for_history or {row.dag_id, values["dag_id"]} != {mine} or row.fingerprint != values["fingerprint"]:
            self.foreign.append(row.id)

    def told(self, trace: Mapping[str, str]) -> str | None:
        """Return a trace as it is stored; decisions of the same story share one, which is written once.

        The batch keeps what it has written, so that no other trace can be at the same place.
        """
        if not trace:
            return None
        if id(trace) not in self._told:
            self._told[id(trace)] = trace, json.dumps(dict(trace))
        return self._told[id(trace)][1]

    def leave(self, delivery_id: int, state: str, own: bytes | None = None) -> None:
        """Note the state that a delivery is left in, and what the run has of its own for it."""
        if state in PENDING:
            self.to_send[delivery_id] = own
        else:
            self.released.append(delivery_id)

"""Writing decisions: one delivery per record, company, destination and job, however often it is decided."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from include.ledger import events
from include.ledger.states import (
    CHANGED_AFTER_LOAD,
    CHANGED_IN_FLIGHT,
    DONE,
    IN_FLIGHT,
    STATE_CHANGE,
)
from include.ledger.superseding import supersede
from include.ledger.tables import deliveries
from include.ledger.windows import stream_values

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection
    from sqlalchemy import Row as SqlRow

    from include.ledger.crypto import Cipher
    from include.ledger.database import Database
    from include.records import Decision, Destination, StreamKey

SLICE = 500
"""Decisions per transaction: other workers wait for at most so many."""

OUTCOMES = ("ready", "rejected", "skipped_by_rule", CHANGED_AFTER_LOAD, "in_flight", "unchanged", "stale")
NO_CONTENT = ""
"""Stands for the payload of a record that once had one and now is rejected."""


def delivery_key(stream: StreamKey, destination: Destination, job: int, company: int, source_id: str) -> str:
    """Return the key under which a record arrives once, whichever DAG or run brings it."""
    parts = (company, stream.division, stream.entity, source_id, destination, job)
    return hashlib.sha256("|".join(str(part) for part in parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Batch:
    """What is the same for all decisions of one call, and what they amount to."""

    stream: StreamKey
    destination: Destination
    job: int
    company: int
    run_id: str
    fingerprint: str
    at: datetime
    counts: Counter[str] = field(default_factory=Counter)
    inserts: list[dict[str, Any]] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    touches: list[dict[str, Any]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    ready: list[str] = field(default_factory=list)


class DecisionWriter:
    """Turns decisions into deliveries."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher

    def decide(  # noqa: PLR0917 - what it is about, in the order of the key, then what and by whom
        self,
        stream: StreamKey,
        destination: Destination,
        job: int | None,
        company: int | None,
        decisions: Sequence[Decision],
        run_id: str,
        *,
        fingerprint: str = "",
    ) -> dict[str, int]:
        """Store what was decided; return how many came to what.

        A record that Personio has is never made ready again: its changed content becomes an event. One
        whose request may be on its way keeps its payload and is decided anew once its outcome is known.

        :param fingerprint: of the mapping that decided.
        """
        totals: Counter[str] = Counter(dict.fromkeys(OUTCOMES, 0))
        for start in range(0, len(decisions), SLICE):
            batch = _Batch(*(stream, destination, job or 0, company or 0, run_id, fingerprint, self._database.now()))
            with self._database.write() as connection:
                self._decide(connection, batch, decisions[start : start + SLICE])
            totals.update(batch.counts)
        return dict(totals)

    def _decide(self, connection: Connection, batch: _Batch, decisions: Sequence[Decision]) -> None:
        newest: dict[str, Decision] = {}
        for decision in decisions:
            held = newest.get(decision.source_id)
            if held is None or decision.row_version >= held.row_version:
                newest[decision.source_id] = decision
        keyed = {
            delivery_key(batch.stream, batch.destination, batch.job, batch.company, source_id): decision
            for source_id, decision in newest.items()
        }
        known = _prefetch(connection, list(keyed))
        for key, decision in keyed.items():
            row = known.get(key)
            if row is None:
                batch.inserts.append(self._insert_values(batch, key, decision))
                _count(batch, decision)
            else:
                self._redecide(batch, row, decision)
        self._write(connection, batch)

    def _redecide(self, batch: _Batch, row: SqlRow[Any], decision: Decision) -> None:
        if decision.row_version < row.decided_version:
            batch.counts["stale"] += 1
        elif row.state in DONE:
            changed = self._note_change(batch, row, decision, CHANGED_AFTER_LOAD, decision.row_version)
            batch.counts[CHANGED_AFTER_LOAD if changed else "unchanged"] += 1
        elif row.state in IN_FLIGHT:
            # The version stays undecided, so that the new content is seen again when the outcome is known.
            self._note_change(batch, row, decision, CHANGED_IN_FLIGHT, row.decided_version)
            batch.counts["in_flight"] += 1
        else:
            self._update(batch, row, decision)
            _count(batch, decision)

    def _note_change(self, batch: _Batch, row: SqlRow[Any], decision: Decision, kind: str, version: int) -> bool:
        new_hash = row.content_hash
        if decision.outcome == "ready":
            new_hash = self._cipher.digest_of(_content(decision))
        elif decision.outcome == "rejected":
            new_hash = NO_CONTENT
        changed: bool = new_hash != row.content_hash
        batch.touches.append(
            {
                "pk": row.id,
                "new_version": version,
                "new_fingerprint": batch.fingerprint if version == decision.row_version else row.fingerprint,
                "new_hash": new_hash,
            }
        )
        if changed:
            self._line(batch, row, decision, kind=kind, to_state=row.state)
        return changed

    def _update(self, batch: _Batch, row: SqlRow[Any], decision: Decision) -> None:
        # A retry waits for its time whatever its payload is: the service named that time.
        waits = row.state == "retry" and decision.outcome == "ready"
        state = "retry" if waits else decision.outcome
        values = self._decided_values(batch, decision)
        values |= {"pk": row.id, "state": state, "due_at": row.due_at if waits else None}
        batch.updates.append(values)
        if (row.state, row.reason_code, row.field) != (state, decision.reason_code, decision.field):
            self._line(batch, row, decision, kind=STATE_CHANGE, to_state=state)

    def _line(self, batch: _Batch, row: SqlRow[Any], decision: Decision, *, kind: str, to_state: str) -> None:
        batch.lines.append(
            events.line(
                row.id,
                run_id=batch.run_id,
                at=batch.at,
                kind=kind,
                from_state=row.state,
                to_state=to_state,
                reason_code=decision.reason_code,
                field=decision.field,
                attempt=row.attempt,
            )
        )

    def _decided_values(self, batch: _Batch, decision: Decision) -> dict[str, Any]:
        content = _content(decision) if decision.outcome == "ready" else None
        return {
            "decided_version": decision.row_version,
            "fingerprint": batch.fingerprint,
            "content_hash": None if content is None else self._cipher.digest_of(content),
            "sealed": None if content is None else self._cipher.seal(content),
            "email_hash": self._cipher.email_digest(decision.email) if decision.email else None,
            "trace": json.dumps(dict(decision.trace)) if decision.trace else None,
            "reason_code": decision.reason_code,
            "field": decision.field,
            "run_id": batch.run_id,
            "decided_at": batch.at,
            "updated_at": batch.at,
            **stream_values(batch.stream),
        }

    def _insert_values(self, batch: _Batch, key: str, decision: Decision) -> dict[str, Any]:
        return {
            **self._decided_values(batch, decision),
            "key": key,
            "company": batch.company,
            "destination": batch.destination,
            "job": batch.job,
            "source_id": decision.source_id,
            "state": decision.outcome,
            "attempt": 0,
            "was_in_doubt": False,
            "due_at": None,
        }

    def _write(self, connection: Connection, batch: _Batch) -> None:
        if batch.inserts:
            # Another run may have decided the same record since we looked (PostgreSQL): its word stands.
            insert = self._database.insert(deliveries).on_conflict_do_nothing(index_elements=["key"])
            made = connection.execute(insert.returning(deliveries.c.id, deliveries.c.key), batch.inserts)
            ids = {row.key: row.id for row in made}
            batch.lines.extend(
                events.line(
                    ids[values["key"]],
                    run_id=batch.run_id,
                    at=batch.at,
                    to_state=values["state"],
                    reason_code=values["reason_code"],
                    field=values["field"],
                )
                for values in batch.inserts
                if values["key"] in ids
            )
        if batch.updates:
            columns: dict[str, Any] = {name: bindparam(f"new_{name}") for name in batch.updates[0] if name != "pk"}
            rows = [
                {name if name == "pk" else f"new_{name}": value for name, value in values.items()}
                for values in batch.updates
            ]
            connection.execute(deliveries.update().where(deliveries.c.id == bindparam("pk")).values(columns), rows)
        if batch.touches:
            connection.execute(_TOUCH, batch.touches)
        if batch.job and batch.ready:
            batch.lines.extend(supersede(connection, batch, batch.ready))
        events.write(connection, batch.lines)


_TOUCH = (
    deliveries.update()
    .where(deliveries.c.id == bindparam("pk"))
    .values(
        decided_version=bindparam("new_version"),
        fingerprint=bindparam("new_fingerprint"),
        content_hash=bindparam("new_hash"),
    )
)


def _count(batch: _Batch, decision: Decision) -> None:
    batch.counts[decision.outcome] += 1
    if decision.outcome == "ready":
        batch.ready.append(decision.source_id)


def _content(decision: Decision) -> dict[str, Any]:
    return {"payload": dict(decision.payload or {}), "email": decision.email}


def _prefetch(connection: Connection, keys: list[str]) -> dict[str, SqlRow[Any]]:
    query = (
        select(
            *(deliveries.c.id, deliveries.c.key, deliveries.c.state, deliveries.c.decided_version),
            *(deliveries.c.fingerprint, deliveries.c.content_hash, deliveries.c.reason_code),
            *(deliveries.c.field, deliveries.c.due_at, deliveries.c.attempt),
        )
        .where(deliveries.c.key.in_(keys))
        # One order for everybody: two runs that lock the same rows cannot block each other for good.
        .order_by(deliveries.c.id)
        .with_for_update()
    )
    return {row.key: row for row in connection.execute(query)}

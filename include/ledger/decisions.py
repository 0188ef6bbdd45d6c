"""Writing decisions: one delivery per record, company, destination and job, however often it is decided."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam

from include.ledger import events, names, run_outbox
from include.ledger.decision_batch import Batch, delivery_key
from include.ledger.known_deliveries import content_of, is_late, known
from include.ledger.locks import serialise
from include.ledger.own_content import seal_own
from include.ledger.settled import unsettle
from include.ledger.states import (
    CHANGED_AFTER_LOAD,
    CHANGED_IN_FLIGHT,
    DONE,
    IN_FLIGHT,
    PENDING,
    STATE_CHANGE,
)
from include.ledger.superseding import supersede
from include.ledger.tables import deliveries
from include.ledger.tombstones import Tombstones

if TYPE_CHECKING:
    from collections.abc import Sequence

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


class DecisionWriter:
    """Turns decisions into deliveries."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher
        self._tombstones = Tombstones(database, cipher)

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
        window_fingerprint: str | None = None,
        selected_for: str | None = None,
    ) -> dict[str, int]:
        """Store what was decided; return how many came to what.

        A record that Personio has is never made ready again: its changed content becomes an event. One
        whose request may be on its way keeps its payload and is decided anew once its outcome is known.

        That a record is not new is said only of one that nobody asked for, whoever came first: what a window, a
        backfill or a replay has decided stands against it, and such a decision stands against what is not new.

        :param fingerprint: of the mapping that decided.
        :param window_fingerprint: of mapping and window: stored with what was not new, which is so for this window.
        :param selected_for: a run's name in the ledger: all that is to be sent, or is on its way, goes into its
            outbox, whoever owns it. What somebody else has waiting in the same state of the record stays as it is,
            and what the run decided otherwise is its own: it sends that, or leaves the record to the others.
        """
        totals: Counter[str] = Counter(dict.fromkeys(OUTCOMES, 0))
        for start in range(0, len(decisions), SLICE):
            batch = Batch(
                *(stream, destination, job or 0, company or 0, run_id, fingerprint, self._database.now()),
                window_fingerprint=window_fingerprint,
                selected_for=selected_for,
            )
            with self._database.write() as connection:
                # Runs of several lanes and DAGs come to the same new records in different orders: one at a time, or
                # two would wait for each other, and the later one would not see what the other has just decided.
                serialise(connection, f"decide {company} {destination} {stream.division} {stream.entity}")
                self._decide(connection, batch, decisions[start : start + SLICE])
            totals.update(batch.counts)
        return dict(totals)

    def _decide(self, connection: Connection, batch: Batch, decisions: Sequence[Decision]) -> None:
        newest: dict[str, Decision] = {}
        for decision in decisions:
            held = newest.get(decision.source_id)
            if held is None or decision.row_version >= held.row_version:
                newest[decision.source_id] = decision
        newest = self._tombstones.decisions(connection, batch.stream, newest)
        keyed = {
            delivery_key(batch.stream, batch.destination, batch.job, batch.company, source_id): decision
            for source_id, decision in newest.items()
        }
        before = known(connection, list(keyed), batch.selected_for)
        for key, decision in keyed.items():
            row = before.rows.get(key)
            if row is None:
                batch.inserts[key] = decision
            elif batch.selected_for is not None and _is_same_state(row, decision) and before.waits_for_others(row):
                self._leave_to_others(batch, row, decision)
            else:
                self._redecide(batch, row, decision)
        self._write(connection, batch)
        if batch.foreign:
            unsettle(connection, [(batch.stream.division, batch.stream.entity)])

    def _leave_to_others(self, batch: Batch, row: SqlRow[Any], decision: Decision) -> None:
        """Change nothing of what others have waiting; what the run itself wants to send is its own."""
        batch.count(decision)
        if decision.outcome == "ready":
            batch.leave(row.id, row.state, self._own(batch, row, decision))
        else:
            batch.withdrawn.append(row.id)

    def _own(self, batch: Batch, row: SqlRow[Any], decision: Decision) -> bytes | None:
        if decision.outcome != "ready" or self._cipher.digest_of(content_of(decision)) == row.content_hash:
            return None
        return seal_own(self._cipher, decision, batch.fingerprint)

    def _redecide(self, batch: Batch, row: SqlRow[Any], decision: Decision) -> None:
        own = None
        if is_late(row, decision):
            batch.counts["stale"] += 1
        elif row.state in DONE:
            changed = self._note_change(batch, row, decision, CHANGED_AFTER_LOAD, decision.row_version)
            batch.counts[CHANGED_AFTER_LOAD if changed else "unchanged"] += 1
        elif row.state in IN_FLIGHT:
            # The version stays undecided, so that the new content is seen again when the outcome is known.
            self._note_change(batch, row, decision, CHANGED_IN_FLIGHT, row.decided_version)
            batch.counts["in_flight"] += 1
            own = self._own(batch, row, decision) if batch.selected_for is not None else None
        else:
            self._update(batch, row, decision)
            batch.count(decision)
            return
        batch.leave(row.id, row.state, own)

    def _note_change(self, batch: Batch, row: SqlRow[Any], decision: Decision, kind: str, version: int) -> bool:
        new_hash = row.content_hash
        if decision.outcome == "ready":
            new_hash = self._cipher.digest_of(content_of(decision))
        elif decision.outcome == "rejected":
            new_hash = NO_CONTENT
        changed: bool = new_hash != row.content_hash
        if row.state not in DONE and version == decision.row_version and row.fingerprint != batch.fingerprint:
            # Refused, it would be so for this mapping, and no longer for the one that others rely on.
            batch.foreign.append(row.id)
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

    def _update(self, batch: Batch, row: SqlRow[Any], decision: Decision) -> None:
        # A retry waits for its time whatever its payload is: the service named that time.
        waits = row.state == "retry" and decision.outcome == "ready"
        state = "retry" if waits else decision.outcome
        values = self._decided_values(batch, decision)
        values |= {"pk": row.id, "state": state, "due_at": row.due_at if waits else None}
        if batch.selected_for is not None and row.state in PENDING:
            values["dag_id"] = row.dag_id
        batch.updates.append(values)
        batch.renamed[row.id] = names.words_for(decision.payload, decision.called)
        batch.outdated.append(row.id)
        batch.note_foreign(row, values)
        batch.leave(row.id, state)
        if (row.state, row.reason_code, row.field) != (state, decision.reason_code, decision.field):
            self._line(batch, row, decision, kind=STATE_CHANGE, to_state=state)

    def _line(self, batch: Batch, row: SqlRow[Any], decision: Decision, *, kind: str, to_state: str) -> None:
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

    def _decided_values(self, batch: Batch, decision: Decision) -> dict[str, Any]:
        content = content_of(decision) if decision.outcome == "ready" else None
        return {
            "decided_version": decision.row_version,
            "fingerprint": batch.fingerprint_of(decision),
            "content_hash": None if content is None else self._cipher.digest_of(content),
            "sealed": None if content is None else self._cipher.seal(content),
            "email_hash": self._cipher.email_digest(decision.email) if decision.email else None,
            "trace": batch.told(decision.trace),
            "reason_code": decision.reason_code,
            "field": decision.field,
            "run_id": batch.run_id,
            "decided_at": batch.at,
            "updated_at": batch.at,
            **batch.owner_values(decision),
        }

    def _insert_values(self, batch: Batch, key: str, decision: Decision) -> dict[str, Any]:
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

    def _write(self, connection: Connection, batch: Batch) -> None:
        self._insert(connection, batch)
        if batch.updates:
            columns: dict[str, Any] = {name: bindparam(f"new_{name}") for name in batch.updates[0] if name != "pk"}
            rows = [
                {name if name == "pk" else f"new_{name}": value for name, value in values.items()}
                for values in batch.updates
            ]
            connection.execute(deliveries.update().where(deliveries.c.id == bindparam("pk")).values(columns), rows)
            names.replace(connection, self._cipher, batch.renamed)
        if batch.touches:
            connection.execute(_TOUCH, batch.touches)
        run_outbox.outdate(connection, batch.outdated)
        if batch.selected_for is not None:
            run_outbox.put(self._database, connection, batch.selected_for, batch.to_send)
            run_outbox.withdraw(connection, batch.selected_for, batch.withdrawn)
        elif batch.job and batch.ready:
            batch.lines.extend(supersede(connection, batch, batch.ready))
        run_outbox.release(connection, batch.released)
        events.write(connection, batch.lines)

    def _insert(self, connection: Connection, batch: Batch) -> None:
        if not batch.inserts:
            return
        values = [self._insert_values(batch, key, decision) for key, decision in batch.inserts.items()]
        made = connection.execute(deliveries.insert().returning(deliveries.c.id, deliveries.c.key), values)
        ids = {row.key: row.id for row in made}
        called = {ids[key]: names.words_for(one.payload, one.called) for key, one in batch.inserts.items()}
        # SQLite gives a number anew whose delivery somebody has deleted: what it was called goes.
        names.replace(connection, self._cipher, called)
        for key, decision in batch.inserts.items():
            batch.count(decision)
            if decision.outcome == "ready":
                batch.to_send[ids[key]] = None
            batch.lines.append(
                events.line(
                    ids[key],
                    run_id=batch.run_id,
                    at=batch.at,
                    to_state=decision.outcome,
                    reason_code=decision.reason_code,
                    field=decision.field,
                )
            )


_TOUCH = (
    deliveries.update()
    .where(deliveries.c.id == bindparam("pk"))
    .values(
        decided_version=bindparam("new_version"),
        fingerprint=bindparam("new_fingerprint"),
        content_hash=bindparam("new_hash"),
    )
)


def _is_same_state(row: SqlRow[Any], decision: Decision) -> bool:
    return bool(row.decided_version == decision.row_version)

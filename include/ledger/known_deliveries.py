"""What stands already where a decision arrives: the deliveries, and who else wants them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from include.ledger.run_tables import run_outbox
from include.ledger.states import NEVER_DECIDED, NOT_ASKED_FOR, NOT_NEW, REFUSED
from include.ledger.tables import deliveries
from include.records import HISTORY

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy import Row as SqlRow

    from include.records import Decision


@dataclass(frozen=True, slots=True)
class Known:
    """Deliveries by key, locked to the end of the transaction.

    :param wanted: ids of those that are in the outbox of a run other than the one that decides.
    """

    rows: dict[str, SqlRow[Any]]
    wanted: frozenset[int]

    def waits_for_others(self, row: SqlRow[Any]) -> bool:
        """Say whether somebody else is going to send a delivery: a live lane, or another run."""
        return row.state in {"ready", "retry"} and (not row.dag_id.endswith(HISTORY) or row.id in self.wanted)


def known(connection: Connection, keys: list[str], run_key: str | None) -> Known:
    """Lock and return what is known under some keys.

    :param run_key: the run of a history lane that decides; None: a live run does.
    """
    query = (
        select(
            *(deliveries.c.id, deliveries.c.key, deliveries.c.state, deliveries.c.decided_version),
            *(deliveries.c.fingerprint, deliveries.c.content_hash, deliveries.c.reason_code),
            *(deliveries.c.field, deliveries.c.due_at, deliveries.c.attempt, deliveries.c.dag_id),
        )
        .where(deliveries.c.key.in_(keys))
        # One order for everybody: two runs that lock the same rows cannot block each other for good.
        .order_by(deliveries.c.id)
        .with_for_update()
    )
    rows = {row.key: row for row in connection.execute(query)}
    if run_key is None or not rows:
        return Known(rows, frozenset())
    others = select(run_outbox.c.delivery_id).where(
        run_outbox.c.delivery_id.in_([row.id for row in rows.values()]), run_outbox.c.run_id != run_key
    )
    return Known(rows, frozenset(connection.execute(others).scalars()))


def is_late(row: SqlRow[Any], decision: Decision) -> bool:
    """Say whether a decision comes too late for a delivery: a newer one, or somebody's wish, stands against it."""
    says_not_new = decision.outcome == "skipped_by_rule" and decision.reason_code == NOT_NEW
    was_unwanted = row.state == "skipped_by_rule" and row.reason_code in NOT_ASKED_FOR
    if says_not_new and (not was_unwanted or row.decided_version == NEVER_DECIDED):
        return True
    if was_unwanted and (not says_not_new or row.reason_code == REFUSED):
        # No decision by its content stands. Where that is newer in another lane, it is decided there once more.
        return False
    return bool(decision.row_version < row.decided_version)


def content_of(decision: Decision) -> dict[str, Any]:
    """Return what is sent of a record, as it is sealed and compared."""
    return {"payload": dict(decision.payload or {}), "email": decision.email}

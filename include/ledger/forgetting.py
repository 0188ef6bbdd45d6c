"""Forgetting row versions: Exact makes all of them anew when it moves a division to another database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import case, func, literal, select

from include.ledger.settled import unsettle
from include.ledger.states import NEVER_DECIDED
from include.ledger.tables import deliveries, staged

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Table

    from include.records import StreamKey

FORGOTTEN = 0
"""Row version of a row that is to be read again, and of the decision on it; Exact's own begin above it."""

UNDECIDED = -2
"""As `decided_version` where a newer row waited for its decision when row versions were forgotten: below every row
version, and yet no mark for replay."""


def of_feed(table: Table, stream: StreamKey) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a row is about the same feed of Exact, whichever lane or DAG reads it."""
    return table.c.division == stream.division, table.c.entity == stream.entity


def rows_of(stream: StreamKey) -> str:
    """Name what is held while rows of a division are stored, by whichever lane or DAG."""
    return f"rows {stream.division} {stream.entity}"


def forget_row_versions(connection: Connection, stream: StreamKey) -> None:
    """Forget the row versions of a division's records and decisions, in all lanes and DAGs.

    :param connection: of a transaction that holds `rows_of` the stream.
    """
    # In the order in which decisions lock theirs (PostgreSQL), else two could wait for each other.
    rows = select(deliveries.c.id).where(*of_feed(deliveries, stream)).order_by(deliveries.c.id).with_for_update()
    connection.execute(select(func.count()).select_from(rows.subquery()))
    newer = (
        select(literal(1))
        .where(
            staged.c.source_id == deliveries.c.source_id,
            *of_feed(staged, stream),
            staged.c.row_version > deliveries.c.decided_version,
        )
        .exists()
    )
    # First: whether a row waits can be told only as long as its version is on record.
    update = deliveries.update().where(*of_feed(deliveries, stream), deliveries.c.decided_version != NEVER_DECIDED)
    connection.execute(update.values(decided_version=case((newer, UNDECIDED), else_=FORGOTTEN)))
    connection.execute(staged.update().where(*of_feed(staged, stream)).values(row_version=FORGOTTEN))
    unsettle(connection, [(stream.division, stream.entity)])

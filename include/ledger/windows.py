"""The window of a run, decided once: a retried or cleared task gets the same one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, select

from include.ledger.tables import windows
from include.records import StreamKey, Window

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Table

    from include.ledger.database import Database


def of_stream(table: Table, stream: StreamKey) -> ColumnElement[bool]:
    """Return the condition that a row belongs to a stream."""
    return and_(
        table.c.dag_id == stream.dag_id,
        table.c.division == stream.division,
        table.c.entity == stream.entity,
    )


def stream_values(stream: StreamKey) -> dict[str, Any]:
    """Return a stream as column values."""
    return {"dag_id": stream.dag_id, "division": stream.division, "entity": stream.entity}


class Windows:
    """Pinned windows by stream and run."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pin(self, stream: StreamKey, run_id: str, window: Window) -> Window:
        """Pin a run's window and return the pinned one: the first writer wins."""
        values = {
            **stream_values(stream),
            "run_id": run_id,
            "mode": window.mode,
            "after": window.after,
            "created_from": window.created_from,
            "created_to": window.created_to,
            "advances": window.advances,
            "pinned_at": self._database.now(),
        }
        with self._database.write() as connection:
            connection.execute(self._database.insert(windows).on_conflict_do_nothing(), values)
            pinned = _find(connection, stream, run_id)
        return pinned or window

    def get(self, stream: StreamKey, run_id: str) -> Window | None:
        """Return the run's window; None if it was never pinned."""
        with self._database.read() as connection:
            return _find(connection, stream, run_id)


def _find(connection: Connection, stream: StreamKey, run_id: str) -> Window | None:
    query = select(windows).where(of_stream(windows, stream), windows.c.run_id == run_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return Window(row.mode, row.after, row.created_from, row.created_to, row.advances)

"""The window of a run, decided once: a retried or cleared task gets the same one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, or_, select, tuple_

from include.ledger.tables import extracts, windows
from include.ledger.window_terms import filter_in, read_terms, terms_of
from include.records import HISTORY, StreamKey, Window

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Table
    from sqlalchemy import Row as SqlRow

    from include.ledger.database import Database


def of_stream(table: Table, stream: StreamKey) -> ColumnElement[bool]:
    """Return the condition that a row belongs to a stream."""
    return and_(
        table.c.dag_id == stream.dag_id,
        table.c.division == stream.division,
        table.c.entity == stream.entity,
    )


def of_lanes(table: Table, stream: StreamKey) -> ColumnElement[bool]:
    """Return the condition that a row belongs to a stream, of a live lane also to any history lane of its feed.

    A DAG for history has no live runs of its own: whichever live DAG reads the same feed looks after it.
    """
    mine = table.c.dag_id == stream.dag_id
    return and_(
        mine if stream.is_history else or_(mine, table.c.dag_id.endswith(HISTORY)),
        table.c.division == stream.division,
        table.c.entity == stream.entity,
    )


def stream_values(stream: StreamKey) -> dict[str, Any]:
    """Return a stream as column values."""
    return {"dag_id": stream.dag_id, "division": stream.division, "entity": stream.entity}


@dataclass(frozen=True, slots=True)
class PinnedWindow:
    """A window as it was pinned.

    :param counted: what the planner noted of it, as JSON values.
    """

    stream: StreamKey
    window: Window
    pinned_at: datetime
    counted: dict[str, Any]


class Windows:
    """Pinned windows by stream and run."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pin(self, stream: StreamKey, run_id: str, window: Window, *, anew: bool = False) -> Window:
        """Pin a run's window and return the pinned one: the first writer wins.

        :param anew: the run means another window than before: it replaces the pinned one, and what the run had read
            for that one counts no more.
        """
        key = {**stream_values(stream), "run_id": run_id}
        values = {
            "mode": window.mode,
            "after": window.after,
            "created_from": window.created_from,
            "created_to": window.created_to,
            "advances": window.advances,
            "reading": window.reading,
            "terms": terms_of(window),
            "pinned_at": self._database.now(),
        }
        insert = self._database.insert(windows).values({**key, **values})
        with self._database.write() as connection:
            if anew:
                connection.execute(insert.on_conflict_do_update(index_elements=list(key), set_=values))
                connection.execute(extracts.delete().where(of_stream(extracts, stream), extracts.c.run_id == run_id))
            else:
                connection.execute(insert.on_conflict_do_nothing())
            pinned = _find(connection, stream, run_id)
        return window if pinned is None else _window(pinned)

    def get(self, stream: StreamKey, run_id: str) -> Window | None:
        """Return the run's window; None if it was never pinned."""
        with self._database.read() as connection:
            row = _find(connection, stream, run_id)
        return None if row is None else _window(row)

    def pinned_at(self, stream: StreamKey, run_id: str) -> datetime | None:
        """Return when the run's window was pinned; None if it never was."""
        query = select(windows.c.pinned_at).where(of_stream(windows, stream), windows.c.run_id == run_id)
        with self._database.read() as connection:
            return connection.execute(query).scalar()

    def of_run(self, run_key: str) -> list[PinnedWindow]:
        """Return the windows of a run, in either lane, by stream.

        :param run_key: the run's name in the ledger, ``DAG/run``.
        """
        dag_id, _, run_id = run_key.partition("/")
        mine = (windows.c.dag_id.in_((dag_id, f"{dag_id}{HISTORY}")), windows.c.run_id == run_id)
        query = select(windows).where(*mine).order_by(windows.c.division, windows.c.entity, windows.c.dag_id)
        return [pinned for _, pinned in self._pinned(query)]

    def of_runs(self, keys: Sequence[tuple[StreamKey, str]]) -> dict[tuple[StreamKey, str], PinnedWindow]:
        """Return the windows of some runs; one without a window is left out.

        :param keys: stream, in the lane of the run, and Airflow's id of the run.
        """
        wanted = [(stream.dag_id, stream.division, stream.entity, run_id) for stream, run_id in keys]
        named = tuple_(*(windows.c[name] for name in ("dag_id", "division", "entity", "run_id")))
        found = self._pinned(select(windows).where(named.in_(wanted)))
        return {(pinned.stream, run_id): pinned for run_id, pinned in found}

    def _pinned(self, query: Any) -> list[tuple[str, PinnedWindow]]:
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [
            (
                row.run_id,
                PinnedWindow(
                    StreamKey(row.dag_id, row.division, row.entity),
                    _window(row),
                    row.pinned_at,
                    dict(read_terms(row.terms)["counted"]),
                ),
            )
            for row in rows
        ]

    def note(self, stream: StreamKey, run_id: str, **counted: Any) -> None:
        """Add to what the planner counted for a run; a run without a pinned window has nothing to add to.

        :param counted: JSON values, nothing about people; a name that is there already gets the new value.
        """
        mine = and_(of_stream(windows, stream), windows.c.run_id == run_id)
        with self._database.write() as connection:
            row = _find(connection, stream, run_id, lock=True)
            if row is not None:
                terms = terms_of(_window(row), read_terms(row.terms)["counted"] | counted)
                connection.execute(windows.update().where(mine).values(terms=terms))

    def counted(self, stream: StreamKey, run_id: str) -> dict[str, Any]:
        """Return what the planner counted for a run; empty if it counted nothing."""
        with self._database.read() as connection:
            row = _find(connection, stream, run_id)
        return {} if row is None else dict(read_terms(row.terms)["counted"])


def _find(connection: Connection, stream: StreamKey, run_id: str, *, lock: bool = False) -> SqlRow[Any] | None:
    query = select(windows).where(of_stream(windows, stream), windows.c.run_id == run_id)
    return connection.execute(query.with_for_update() if lock else query).one_or_none()


def _window(row: SqlRow[Any]) -> Window:
    terms = read_terms(row.terms)
    return Window(
        mode=row.mode,
        after=row.after,
        created_from=row.created_from,
        created_to=row.created_to,
        advances=row.advances,
        reading=row.reading,
        where=filter_in(terms),
        max_records=terms["max_records"],
        preview=terms["preview"],
    )

"""How far a stream has been read: the ledger's copy of the watermark."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from sqlalchemy import and_, or_, select

from include.ledger.forgetting import forget_row_versions, of_feed, rows_of
from include.ledger.locks import serialise
from include.ledger.tables import extracts, watermarks, windows
from include.ledger.windows import of_stream, stream_values
from include.records import HISTORY

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Table

    from include.ledger.database import Database
    from include.records import StreamKey


class Unchanged(Enum):
    """Stands for a value that is to stay what it is, where None is a value too."""

    UNCHANGED = auto()


UNCHANGED = Unchanged.UNCHANGED


@dataclass(frozen=True, slots=True)
class Watermark:
    """A committed watermark.

    :param value: Exact's row version up to which everything was read (inclusive).
    :param run_id: the run that committed it; its XCom holds the same value.
    :param created_from: records created before it are not new; None: everything is.
    :param witness: id of the record that had this row version, None if it is not known. While the feed shows
        it there, the row versions are still the same ones.
    :param moved: when Exact moved the division to another database, as Exact tells it; empty: never. None: it was
        not asked yet.
    :param columns: of a history lane: the columns that its rows were read with, space separated.
    """

    value: int
    run_id: str
    created_from: datetime | None
    committed_at: datetime
    witness: str | None = None
    moved: str | None = None
    columns: str | None = None


class Watermarks:
    """Watermarks by stream; they move by compare-and-set, and only forward."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, stream: StreamKey) -> Watermark | None:
        """Return the stream's watermark; None before the first commit."""
        with self._database.read() as connection:
            return _find(connection, stream)

    def advance(
        self,
        stream: StreamKey,
        *,
        expected: int | None,
        to: int,
        run_id: str,
        created_from: datetime | None,
        witness: str | None = None,
        columns: str | None = None,
    ) -> bool:
        """Move the watermark from ``expected`` forward to ``to``; return whether it stands there for this run.

        :param expected: the value the run started from; None if there was none.
        :param witness: id of the record that has the row version ``to``, if it is known.
        :param columns: of a history lane: what its rows were read with; None: what is on record stays.
        """
        with self._database.write() as connection:
            current = _find(connection, stream, lock=True)
            if current is not None and (current.value, current.run_id) == (to, run_id):
                return True
            if (current.value if current else None) != expected or (expected is not None and to < expected):
                return False
            if witness is None and current is not None and current.value == to:
                witness = current.witness
            moved = current.moved if current else None
            if columns is None and current is not None:
                columns = current.columns
            new = Watermark(to, run_id, created_from, self._database.now(), witness, moved, columns)
            return self._put(connection, stream, new, replaces=current is not None)

    def rewind(
        self,
        stream: StreamKey,
        to: int,
        run_id: str,
        *,
        created_from: datetime | Unchanged | None = UNCHANGED,
    ) -> None:
        """Set the watermark, backward as well: re-reading is safe, deliveries are kept apart.

        :param created_from: where "new" begins from now on; None: everything is new.
        """
        with self._database.write() as connection:
            current = _find(connection, stream, lock=True)
            if created_from is UNCHANGED:
                created_from = current.created_from if current else None
            # No witness: nobody knows which record has that row version. The date stays: it tells the next
            # run whether the row versions that are on record are still the ones of the feed.
            moved, columns = (current.moved, current.columns) if current else (None, None)
            new = Watermark(to, run_id, created_from, self._database.now(), None, moved, columns)
            self._put(connection, stream, new, replaces=current is not None)

    def note(self, stream: StreamKey, value: int, *, witness: str | None = None, moved: str | None = None) -> None:
        """Add what was learnt of the watermark while it stands at ``value``; what is known already stays."""
        learnt = {"witness": witness, "moved": moved}
        with self._database.write() as connection:
            for name, told in learnt.items():
                if told is not None:
                    unknown = (watermarks.c.value == value) & watermarks.c[name].is_(None)
                    update = watermarks.update().where(of_stream(watermarks, stream), unknown)
                    connection.execute(update.values({name: told}))

    def restart(self, stream: StreamKey, to: int, run_id: str, *, moved: str | None) -> None:
        """Begin the stream anew because Exact made all its row versions anew; one transaction.

        Row versions on record are forgotten in all lanes and DAGs of the division, else a row that has a lower one
        now would count as older than what is known. Contents, deliveries and marks for replay stay, so nothing is
        sent again, and nobody counts as asked for who was not. What was decided is decided again when it is read
        again; what was not, waits for its decision as before.

        Every window of the stream begins at ``to``, also those of other runs: what they had reached means nothing
        any more. So does the place of every history lane in the division's feed. Other DAGs' live lanes find out
        by themselves.

        :param to: where the feed begins.
        :param run_id: of the run that reads it again; no earlier run's XCom speaks for the watermark.
        :param moved: as Exact tells it; None: it could not be asked, and what is known stays.
        """
        with self._database.write() as connection:
            serialise(connection, rows_of(stream))
            current = _find(connection, stream, lock=True)
            if moved is None and current is not None:
                moved = current.moved
            created_from = current.created_from if current else None
            new = Watermark(to, run_id, created_from, self._database.now(), None, moved)
            self._put(connection, stream, new, replaces=current is not None)
            forget_row_versions(connection, stream)
            connection.execute(windows.update().where(_feed_places(windows, stream)).values(after=to))
            others = _feed_places(watermarks, stream) & ~of_stream(watermarks, stream)
            connection.execute(watermarks.delete().where(others))
            connection.execute(extracts.delete().where(_feed_places(extracts, stream)))

    def _put(self, connection: Connection, stream: StreamKey, new: Watermark, *, replaces: bool) -> bool:
        values = dataclasses.asdict(new)
        if replaces:
            connection.execute(watermarks.update().where(of_stream(watermarks, stream)).values(values))
            return True
        insert = self._database.insert(watermarks).values({**stream_values(stream), **values})
        # Not by rowcount: after an INSERT the PostgreSQL driver says -1, so the loser would believe it won.
        won = connection.execute(insert.on_conflict_do_nothing().returning(watermarks.c.value))
        return won.first() is not None


def _feed_places(table: Table, stream: StreamKey) -> ColumnElement[bool]:
    """Return the condition that a row tells of a place in the feed: the stream's, or any history lane's."""
    return or_(of_stream(table, stream), and_(*of_feed(table, stream), table.c.dag_id.endswith(HISTORY)))


def _find(connection: Connection, stream: StreamKey, *, lock: bool = False) -> Watermark | None:
    query = select(watermarks).where(of_stream(watermarks, stream))
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        return None
    return Watermark(row.value, row.run_id, row.created_from, row.committed_at, row.witness, row.moved, row.columns)

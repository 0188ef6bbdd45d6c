"""How far a stream has been read: the ledger's copy of the watermark."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from sqlalchemy import select

from include.ledger.tables import watermarks
from include.ledger.windows import of_stream, stream_values

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

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
    """

    value: int
    run_id: str
    created_from: datetime | None
    committed_at: datetime


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
    ) -> bool:
        """Move the watermark from ``expected`` forward to ``to``; return whether it stands there for this run.

        :param expected: the value the run started from; None if there was none.
        """
        with self._database.write() as connection:
            current = _find(connection, stream, lock=True)
            if current is not None and (current.value, current.run_id) == (to, run_id):
                return True
            if (current.value if current else None) != expected or (expected is not None and to < expected):
                return False
            new = Watermark(to, run_id, created_from, self._database.now())
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
            new = Watermark(to, run_id, created_from, self._database.now())
            self._put(connection, stream, new, replaces=current is not None)

    def _put(self, connection: Connection, stream: StreamKey, new: Watermark, *, replaces: bool) -> bool:
        values = dataclasses.asdict(new)
        if replaces:
            connection.execute(watermarks.update().where(of_stream(watermarks, stream)).values(values))
            return True
        insert = self._database.insert(watermarks).values({**stream_values(stream), **values})
        # Not by rowcount: after an INSERT the PostgreSQL driver says -1, so the loser would believe it won.
        won = connection.execute(insert.on_conflict_do_nothing().returning(watermarks.c.value))
        return won.first() is not None


def _find(connection: Connection, stream: StreamKey, *, lock: bool = False) -> Watermark | None:
    query = select(watermarks).where(of_stream(watermarks, stream))
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else Watermark(row.value, row.run_id, row.created_from, row.committed_at)

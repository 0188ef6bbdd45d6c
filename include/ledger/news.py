"""News: which records of a source are new, handed to whoever asks for them, each once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from include.ledger.outbox_tables import news_cursors, news_records

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

    from include.ledger.database import Database

SLICE = 5000
"""Records per statement of `News.add`; all of them are one transaction."""

WAITING = ""
"""Stands for the batch of a record that nobody has claimed."""

_c = news_records.c


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a source has been read.

    :param value: the source's own notion of it: a row version, a time, a page.
    :param created_from: aware; what was created before it is not new. None: everything is.
    """

    value: str
    created_from: datetime | None


class News:
    """The new records of all sources, on their way from the one who reads to the one who is told.

    A record is known by its id from the first time it was read, and stays known for good: a source that
    lists a changed record again must not make it new again. Ids are all that is kept of a record.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def cursor(self, source: str) -> Cursor | None:
        """Return how far the source has been read; None before the first time."""
        with self._database.read() as connection:
            return _cursor(connection, source)

    def add(
        self,
        source: str,
        records: Sequence[tuple[str, datetime | None]],
        cursor: Cursor,
        *,
        expected: Cursor | None,
        news: bool = True,
    ) -> int | None:
        """Store the ids not known yet and move the cursor, in one transaction.

        Called page by page it keeps other writers waiting for a moment only.

        :param records: id and time of creation, in the order in which they are to be handed out.
        :param cursor: where to go on reading.
        :param expected: where this reader began; None: it found no cursor.
        :param news: False: the ids are known from now on, and are no news.
        :returns: how many ids were not known; None if somebody else moved the cursor, then nothing is stored.
        """
        with self._database.write() as connection:
            if not self._move(connection, source, cursor, expected):
                return None
            return sum(
                self._insert(connection, source, records[start : start + SLICE], news=news)
                for start in range(0, len(records), SLICE)
            )

    def claim(self, source: str, batch: str, *, limit: int = 1000, take_over: bool = False) -> list[str]:
        """Return the ids that are this batch's to deliver, oldest first.

        Those it has claimed before and not confirmed, unchanged; if there are none, the next that wait.

        :param batch: who delivers: the same name in every attempt of the same work.
        :param limit: at most so many are claimed at once.
        :param take_over: claim those of other batches too that were never confirmed.
        """
        if not batch:
            raise ValueError("a batch needs a name")
        if limit < 1:
            raise ValueError("a batch holds one record at least")
        with self._database.write() as connection:
            if not _lock(connection, source):
                return []
            mine = _ids(connection, _open(source, batch))
            return mine or self._take(connection, source, batch, limit, take_over=take_over)

    def confirm(self, source: str, batch: str) -> int:
        """Record that the batch was delivered, so that nobody gets its ids again; return how many it held."""
        with self._database.write() as connection:
            if not batch or not _lock(connection, source):
                return 0
            values = {"delivered": self._database.now()}
            return connection.execute(news_records.update().where(*_open(source, batch)).values(values)).rowcount

    def batches(self, source: str) -> list[str]:
        """Return the batches that were claimed and not confirmed, oldest first."""
        query = (
            select(_c.batch)
            .where(_c.source == source, _c.delivered.is_(None), _c.batch != WAITING)
            .group_by(_c.batch)
            .order_by(func.min(_c.id))
        )
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def waiting(self, source: str) -> int:
        """Return how many records nobody has claimed yet."""
        query = select(func.count()).select_from(news_records).where(*_open(source, WAITING))
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def _move(self, connection: Connection, source: str, cursor: Cursor, expected: Cursor | None) -> bool:
        values = {"value": cursor.value, "created_from": cursor.created_from, "updated_at": self._database.now()}
        if expected is None:
            insert = self._database.insert(news_cursors).values({"source": source, **values})
            # Not by rowcount: after an INSERT the PostgreSQL driver says -1, so the loser would believe it won.
            won = connection.execute(insert.on_conflict_do_nothing().returning(news_cursors.c.source))
            return won.first() is not None
        if _cursor(connection, source, lock=True) != expected:
            return False
        connection.execute(news_cursors.update().where(news_cursors.c.source == source).values(values))
        return True

    def _insert(
        self, connection: Connection, source: str, records: Sequence[tuple[str, datetime | None]], *, news: bool
    ) -> int:
        delivered = None if news else self._database.now()
        values = [
            {"source": source, "record_id": record, "created": created, "batch": WAITING, "delivered": delivered}
            for record, created in dict(records).items()
        ]
        insert = self._database.insert(news_records).on_conflict_do_nothing(index_elements=["source", "record_id"])
        return len(connection.execute(insert.returning(_c.id), values).all())

    def _take(self, connection: Connection, source: str, batch: str, limit: int, *, take_over: bool) -> list[str]:
        free = [_c.source == source, _c.delivered.is_(None)] if take_over else _open(source, WAITING)
        query = select(_c.id, _c.record_id).where(*free).order_by(_c.id).limit(limit)
        rows = connection.execute(query).all()
        if rows:
            # The lock holds: what is free up to the last of these is these.
            taken = news_records.update().where(*free, _c.id <= rows[-1].id)
            connection.execute(taken.values(batch=batch))
        return [row.record_id for row in rows]


def _open(source: str, batch: str) -> list[ColumnElement[bool]]:
    return [_c.source == source, _c.batch == batch, _c.delivered.is_(None)]


def _ids(connection: Connection, where: list[ColumnElement[bool]]) -> list[str]:
    return list(connection.execute(select(_c.record_id).where(*where).order_by(_c.id)).scalars())


def _cursor(connection: Connection, source: str, *, lock: bool = False) -> Cursor | None:
    query = select(news_cursors).where(news_cursors.c.source == source)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else Cursor(row.value, row.created_from)


def _lock(connection: Connection, source: str) -> bool:
    """Have the source to oneself until the transaction ends; False if nothing was ever read from it."""
    return _cursor(connection, source, lock=True) is not None

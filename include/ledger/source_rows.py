"""What Exact said of one record, for a person who wants to try something on it; nothing here writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from include.ledger.tables import staged
from include.records import HISTORY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from typing import Any

    from sqlalchemy import Connection, Select
    from sqlalchemy import Row as SqlRow

    from include.ledger.crypto import Cipher
    from include.ledger.database import Database
    from include.records import Entity, Row

_MOST: Final = 20
"""Divisions that are looked at."""


@dataclass(frozen=True, slots=True)
class SourceCopy:
    """One lane's copy of a record of Exact.

    :param row: decrypted, so it does not show; None where its content was removed.
    """

    dag_id: str
    division: int
    source_id: str
    row_version: int
    created: datetime | None
    staged_at: datetime
    row: Row | None = field(repr=False)


class SourceRows:
    """The staged rows, one record at a time.

    :param database: the ledger's.
    :param cipher: unlocked.
    """

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher

    def of(self, source_id: str, entity: Entity, division: int | None = None) -> list[SourceCopy]:
        """Return the copies of a record, those with content first, then the newest version.

        :param source_id: its ID, in lower case.
        :param entity: what it is.
        :param division: only of this one.
        """
        query = self._columns().where(staged.c.source_id == source_id, staged.c.entity == entity)
        if division is not None:
            query = query.where(staged.c.division == division)
        with self._database.read() as connection:
            found = [self._opened(row) for row in connection.execute(query)]
        return sorted(found, key=lambda copy: (copy.row is not None, copy.row_version), reverse=True)

    def newest(self, dag_ids: Iterable[str], entity: Entity) -> str | None:
        """Return the ID of the record that DAGs came to know last; None if they know none.

        :param dag_ids: of either lane.
        :param entity: what it is.
        """
        lanes = [lane for dag_id in dag_ids for lane in (dag_id, f"{dag_id}{HISTORY}")]
        with self._database.read() as connection:
            # Two steps: the first runs on the index alone, whatever the size of the stream.
            found = [
                self._last(connection, lane, division, entity)
                for lane in lanes
                for division in self._divisions(connection, lane)
            ]
            known = [number for number in found if number is not None]
            if not known:
                return None
            rows = connection.execute(
                select(staged.c.staged_at, staged.c.id, staged.c.source_id).where(staged.c.id.in_(known))
            )
            return str(max(tuple(row) for row in rows)[2])

    def _last(self, connection: Connection, dag_id: str, division: int, entity: Entity) -> int | None:
        mine = (staged.c.dag_id == dag_id, staged.c.division == division, staged.c.entity == entity)
        query = select(staged.c.id).where(*mine).order_by(staged.c.id.desc()).limit(1)
        found: int | None = connection.execute(query).scalar()
        return found

    def _divisions(self, connection: Connection, dag_id: str) -> Iterator[int]:
        """Step through the divisions of a lane by the index, one look each."""
        after = 0
        for _ in range(_MOST):
            query = select(staged.c.division).where(staged.c.dag_id == dag_id, staged.c.division > after)
            found = connection.execute(query.order_by(staged.c.division).limit(1)).scalar()
            if found is None:
                return
            yield found
            after = found

    def _columns(self) -> Select[Any]:
        names = ("dag_id", "division", "source_id", "row_version", "created", "staged_at", "sealed")
        return select(*(staged.c[name] for name in names))

    def _opened(self, row: SqlRow[Any]) -> SourceCopy:
        content = self._cipher.open(row.sealed) if row.sealed else None
        return SourceCopy(
            row.dag_id, row.division, row.source_id, row.row_version, row.created, row.staged_at, content
        )

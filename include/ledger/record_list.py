"""Lists of deliveries, the newest first: a page costs the same in a ledger of a million, whatever it is narrowed by.

What has an index is walked along it: a lane's states by time, a reason's rejections by time, a run's, a name's or an
id's deliveries by number. What has none is looked for among the next thousand of these, and the page then says
how far it has looked.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, literal, select, tuple_, union_all

from include.ledger.fitting import as_listed, different
from include.ledger.listed_ranges import RANGES, Range, lanes_and_states, listed_ranges
from include.ledger.names import words_of
from include.ledger.tables import UtcDateTime, deliveries
from include.ledger.whole_record import WholeRecord, whole_record
from include.records import HISTORY

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement, Connection
    from sqlalchemy import Row as SqlRow

    from include.ledger.crypto import Cipher
    from include.ledger.database import Database
    from include.ledger.narrowing import Narrowing

LOOKED: Final = 1_000
"""So many deliveries are looked at for a page, where no index knows which of them fit."""

_SHOWN: Final = (
    *("id", "dag_id", "division", "entity", "source_id", "destination", "job", "state", "reason_code", "field"),
    *("attempt", "remote_id", "run_id", "updated_at"),
)
Key = tuple[datetime | None, int]
"""Where a page ended: the time, where it goes by time, and the number."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One delivery on a list.

    :param dag_id: of the DAG that decided it, whichever lane it is.
    :param payload: what is sent; None where nothing is held or nobody asked for it. Personal data.
    """

    id: int
    dag_id: str
    division: int
    entity: str
    source_id: str
    destination: str
    job: int
    state: str
    reason_code: str
    field: str
    attempt: int
    remote_id: str | None
    run_id: str
    updated_at: datetime
    payload: dict[str, Any] | None = dataclasses.field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a list.

    :param older: after which the next page begins; None: this was the last one.
    :param looked_at: how many were looked at without filling the page; 0: the page is as full as it can be.
    """

    rows: list[Listed] = field(repr=False)
    older: Key | None
    looked_at: int = 0


class RecordList:
    """Questions of whoever looks for records; nothing here writes.

    :param database: the ledger's.
    :param cipher: unlocked.
    """

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher

    def email_digest(self, email: str) -> str:
        """Return the keyed hash of an address, for a narrowing."""
        return self._cipher.email_digest(email)

    def name_digests(self, name: str) -> tuple[str, ...]:
        """Return the keyed hashes of the words of a name, for a narrowing; empty if there is none in it."""
        return tuple(self._cipher.name_digest(word) for word in words_of(name))

    def lanes(self) -> list[tuple[str, int, str, str, str]]:
        """Return what there is: (lane, division, entity, destination, state), by index and without counting."""
        with self._database.read() as connection:
            return [tuple(row)[1:] for row in connection.execute(lanes_and_states())]

    def page(
        self, asked: Narrowing, *, after: Key | None = None, limit: int = 50, with_content: bool = False
    ) -> ListPage:
        """Return the newest deliveries that fit.

        :param after: where the page before ended.
        :param limit: the most.
        :param with_content: also what is sent of each, decrypted.
        """
        names = (*_SHOWN, "sealed") if with_content else _SHOWN
        with self._database.read() as connection:
            if asked.candidates():
                rows, older, looked = _by_number(connection, asked, after, limit, names)
            else:
                rows, older, looked = _by_time(connection, asked, after, limit, names)
        return ListPage([self._listed(row, with_content=with_content) for row in rows], older, looked)

    def whole(
        self, record: tuple[int, str, str], *, dags: Collection[str] | None = None, with_content: bool = False
    ) -> WholeRecord:
        """Return all that is known of one record; see `include.ledger.whole_record`."""
        return whole_record(self._database, self._cipher, record, dags=dags, with_content=with_content)

    def sources(self, asked: Narrowing, *, most: int) -> list[tuple[int, str, str]]:
        """Return (division, entity, id at Exact) of the records of what fits.

        :param most: so many; who gets one more knows that there are more.
        """
        columns = [deliveries.c[name] for name in ("division", "entity", "source_id")]
        with self._database.read() as connection:
            found = different(connection, as_listed(connection, asked), columns, most)
        return [(division, entity, source_id) for division, entity, source_id in found]

    def newest(self) -> int:
        """Return the highest number of a delivery, 0 if there is none."""
        with self._database.read() as connection:
            return connection.execute(select(func.max(deliveries.c.id))).scalar() or 0

    def _listed(self, row: SqlRow[Any], *, with_content: bool) -> Listed:
        values = {name: getattr(row, name) for name in _SHOWN}
        values["dag_id"] = row.dag_id.removesuffix(HISTORY)
        if with_content and row.sealed:
            values["payload"] = self._cipher.open(row.sealed).get("payload")
        return Listed(**values)


Found = tuple[list["SqlRow[Any]"], Key | None, int]


def _by_number(
    connection: Connection, asked: Narrowing, after: Key | None, limit: int, names: Sequence[str]
) -> Found:
    (first, _), *others = asked.candidates()
    number = first.selected_columns[0]
    if after is not None:
        first = first.where(number < after[1])
    meant = first.order_by(number.desc()).limit(LOOKED).subquery()
    where = [condition for _, condition in others]
    where += asked.conditions()
    query = (
        select(*(deliveries.c[name] for name in names))
        .join_from(meant, deliveries, deliveries.c.id == meant.c[0])
        .where(*where)
        .order_by(deliveries.c.id.desc())
    )
    rows = connection.execute(query.limit(limit + 1)).all()
    if len(rows) > limit:
        return list(rows[:limit]), (None, rows[limit - 1].id), 0
    last = connection.execute(select(meant.c[0]).order_by(meant.c[0].desc()).offset(LOOKED - 1).limit(1)).scalar()
    return list(rows), None if last is None else (None, last), 0 if last is None else LOOKED


def _by_time(connection: Connection, asked: Narrowing, after: Key | None, limit: int, names: Sequence[str]) -> Found:
    ranges, exact = listed_ranges(connection, asked)
    most = limit + 1 if exact else LOOKED
    found: list[SqlRow[Any]] = []
    ends: list[SqlRow[Any]] = []
    for start in range(0, len(ranges), RANGES):
        merged = _merged(ranges[start : start + RANGES], asked, after, most)
        query = (
            select(*(deliveries.c[name] for name in names))
            .join_from(merged, deliveries, deliveries.c.id == merged.c.id)
            .where(*([] if exact else [deliveries.c.reason_code == asked.reason_code]))
            .order_by(deliveries.c.updated_at.desc(), deliveries.c.id.desc())
        )
        found += connection.execute(query.limit(limit + 1)).all()
        if not exact:
            last = select(merged).order_by(merged.c.updated_at.desc(), merged.c.id.desc())
            ends += connection.execute(last.offset(most - 1).limit(1)).all()
    found.sort(key=lambda row: (row.updated_at, row.id), reverse=True)
    # The nearest of the ends: behind it, one of the statements has not looked.
    end = max(((row.updated_at, row.id) for row in ends), default=None)
    if end is not None:
        found = [row for row in found if (row.updated_at, row.id) >= end]
    if len(found) > limit:
        return found[:limit], (found[limit - 1].updated_at, found[limit - 1].id), 0
    return found, end, 0 if end is None else LOOKED


def _merged(ranges: Sequence[Range], asked: Narrowing, after: Key | None, most: int) -> Any:
    """Return the newest of some ranges, by time and number."""
    at, number = deliveries.c.updated_at, deliveries.c.id
    within: list[ColumnElement[bool]] = []
    if asked.since is not None:
        within.append(at >= asked.since)
    if asked.until is not None:
        within.append(at < asked.until)
    if after is not None:
        within.append(tuple_(at, number) < tuple_(literal(after[0], UtcDateTime), literal(after[1])))
    parts = [
        select(at, number).where(*same, *within).order_by(at.desc(), number.desc()).limit(most).subquery()
        for same in ranges
    ]
    every = union_all(*(select(part.c.updated_at, part.c.id) for part in parts)).subquery()
    return select(every).order_by(every.c.updated_at.desc(), every.c.id.desc()).limit(most).subquery()

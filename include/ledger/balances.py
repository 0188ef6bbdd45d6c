"""What became of every record that was read: counted by the database, on indexes, whatever the ledger's size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, get_args

from sqlalchemy import and_, case, func, literal, select

from include.ledger.erasure_tables import erasures
from include.ledger.states import DeliveryState
from include.ledger.tables import deliveries, events, staged, watermarks
from include.ledger.tombstones import ERASED
from include.records import HISTORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Select

    from include.ledger.database import Database
    from include.records import Destination, Entity

STATES: Final[tuple[str, ...]] = get_args(DeliveryState)

OTHER_POSITION: Final = "other_position"
BLANKED: Final = "blanked"
NOT_ASKED_FOR: Final = "not_asked_for"
WAITING: Final = "waiting"
LOST: Final = "lost"
LEFT_OUT: Final = (OTHER_POSITION, BLANKED, NOT_ASKED_FOR, WAITING, LOST)
"""What a record can be that was read and has no delivery; only the last is a difference."""

SLICE: Final = 50_000
"""Ids per query where a table is walked through: so far apart are two lines of progress."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where records of one feed go: the unit of the balance, both lanes and all DAGs together.

    :param job: Personio's position; 0 where the destination has none.
    """

    division: int
    entity: Entity
    company: int
    destination: Destination
    job: int

    def __str__(self) -> str:
        return f"{self.division}/{self.entity}/{self.destination or 'undecided'}/{self.company}/{self.job}"


@dataclass(frozen=True, slots=True)
class Owned:
    """How many deliveries of a target one lane owns in one state."""

    dag_id: str
    target: Target
    state: str
    count: int


class Balances:
    """Questions of a reconciliation to the ledger; nothing here writes.

    :param database: the ledger's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def now(self) -> datetime:
        """Return the ledger's time."""
        return self._database.now()

    def owned(self) -> list[Owned]:
        """Return all deliveries, counted by lane, target and state."""
        names = ("dag_id", "division", "entity", "company", "destination", "job", "state")
        columns = [deliveries.c[name] for name in names]
        query = select(*columns, func.count().label("number")).group_by(*columns).order_by(*columns)
        with self._database.read() as connection:
            return [
                Owned(
                    row.dag_id,
                    Target(row.division, row.entity, row.company, row.destination, row.job),
                    row.state,
                    row.number,
                )
                for row in connection.execute(query)
            ]

    def states(self, target: Target) -> dict[str, int]:
        """Return state -> how many deliveries to the target are in it."""
        query = select(deliveries.c.state, func.count()).where(*of_target(target)).group_by(deliveries.c.state)
        with self._database.read() as connection:
            return {str(state): int(count) for state, count in connection.execute(query)}

    def lanes(self) -> list[tuple[str, int, Entity, int]]:
        """Return (lane, division, entity, rows) of all that was read."""
        columns = (staged.c.dag_id, staged.c.division, staged.c.entity)
        query = select(*columns, func.count()).group_by(*columns).order_by(*columns)
        with self._database.read() as connection:
            return [(row[0], row[1], row[2], row[3]) for row in connection.execute(query)]

    def read(self, division: int, entity: Entity, lanes: Sequence[str]) -> int:
        """Return how many records were read, each once however many lanes have it."""
        total = 0
        for number in range(len(lanes)):
            query = select(func.count()).select_from(staged).where(*first_in(division, entity, lanes, number))
            with self._database.read() as connection:
                total += int(connection.execute(query).scalar_one())
        return total

    def without_delivery(self, target: Target, lanes: Sequence[str], settled_before: datetime) -> dict[str, int]:
        """Return how many records were read and have no delivery to the target, by what that means.

        :param lanes: of the target, the live ones first.
        :param settled_before: aware; what was read since may still be on its way through a run.
        """
        found = dict.fromkeys(LEFT_OUT, 0)
        for number in range(len(lanes)):
            why = _why(target, lanes[number], settled_before).label("why")
            missing = select(why).where(*_undelivered(target, lanes, number)).subquery()
            query = select(missing.c.why, func.count()).group_by(missing.c.why)
            with self._database.read() as connection:
                for name, count in connection.execute(query):
                    found[name] += count
        return found

    def lost(self, target: Target, lanes: Sequence[str], settled_before: datetime, most: int) -> list[str]:
        """Return ids at Exact of records that a run should have decided on, and that have no delivery."""
        ids: list[str] = []
        for number in range(len(lanes)):
            query = (
                select(staged.c.source_id)
                .where(*_undelivered(target, lanes, number), _why(target, lanes[number], settled_before) == LOST)
                .order_by(staged.c.source_id)
                .limit(most - len(ids))
            )
            with self._database.read() as connection:
                ids += connection.execute(query).scalars()
        return ids

    def erased(self, target: Target) -> int:
        """Return how many deliveries are left alone because their person was erased."""
        query = (
            select(func.count())
            .select_from(deliveries)
            .where(*of_target(target), deliveries.c.state == "skipped_by_rule", deliveries.c.reason_code == ERASED)
        )
        with self._database.read() as connection:
            if connection.execute(select(literal(1)).select_from(erasures).limit(1)).first() is None:
                return 0
            return int(connection.execute(query).scalar_one())

    def unread(self, target: Target, lanes: Sequence[str], most: int) -> tuple[int, list[str]]:
        """Return how many deliveries are of records that no lane has, and the first ids at Exact.

        :param lanes: of the target.
        """
        read = select(literal(1)).where(*_same_source(), staged.c.dag_id.in_(lanes))
        where = (*of_target(target), ~read.exists())
        with self._database.read() as connection:
            count = int(connection.execute(select(func.count()).select_from(deliveries).where(*where)).scalar_one())
            if not count:
                return 0, []
            ids = select(deliveries.c.source_id).where(*where).order_by(deliveries.c.source_id).limit(most)
            return count, list(connection.execute(ids).scalars())

    def removed(self, most: int, tell: Callable[[int], None] = lambda _: None) -> tuple[int, list[str]]:
        """Return how many deliveries are gone although their story is there, and the first of their numbers.

        :param tell: called with the number of deliveries that were looked at since it was called last.
        """
        there = select(literal(1)).where(deliveries.c.id == events.c.delivery_id).exists()
        orphan = select(events.c.delivery_id).distinct().where(~there)
        count, first = 0, list[str]()
        for start, end in self._slices(events.c.delivery_id):
            query = orphan.where(events.c.delivery_id > start, events.c.delivery_id <= end)
            with self._database.read() as connection:
                ids = sorted(connection.execute(query).scalars())
            count += len(ids)
            first += [str(number) for number in ids[: most - len(first)]]
            tell(end - start)
        return count, first

    def _slices(self, column: Any) -> Iterator[tuple[int, int]]:
        with self._database.read() as connection:
            # Two queries: together, SQLite would walk through the whole index for them.
            first = connection.execute(select(func.min(column))).scalar()
            last = connection.execute(select(func.max(column))).scalar()
        if first is None or last is None:
            return
        for start in range(first - 1, last, SLICE):
            yield start, min(start + SLICE, last)


def of_target(target: Target) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a delivery is to a target; the states are named for the index's sake."""
    return (
        deliveries.c.state.in_(STATES),
        deliveries.c.company == target.company,
        deliveries.c.destination == target.destination,
        deliveries.c.job == target.job,
        deliveries.c.division == target.division,
        deliveries.c.entity == target.entity,
    )


def first_in(division: int, entity: Entity, lanes: Sequence[str], number: int) -> list[ColumnElement[bool]]:
    """Return the conditions that a row is in a lane and in none of those before it."""
    where = [staged.c.dag_id == lanes[number], staged.c.division == division, staged.c.entity == entity]
    before = staged.alias("before")
    for lane in lanes[:number]:
        same = (before.c.dag_id == lane, before.c.division == division, before.c.entity == entity)
        seen = select(literal(1)).select_from(before).where(*same, before.c.source_id == staged.c.source_id)
        where.append(~seen.exists())
    return where


def _undelivered(target: Target, lanes: Sequence[str], number: int) -> list[ColumnElement[bool]]:
    same = (*_same_source(), deliveries.c.destination == target.destination)
    here = (deliveries.c.job == target.job, deliveries.c.company == target.company)
    delivered = select(literal(1)).where(*same, *here).exists()
    return [*first_in(target.division, target.entity, lanes, number), ~delivered]


def _same_source() -> tuple[ColumnElement[bool], ...]:
    return (
        deliveries.c.source_id == staged.c.source_id,
        deliveries.c.division == staged.c.division,
        deliveries.c.entity == staged.c.entity,
    )


def _why(target: Target, lane: str, settled_before: datetime) -> ColumnElement[str]:
    elsewhere = select(literal(1)).where(*_same_source(), deliveries.c.destination == target.destination).exists()
    # What no run of a history lane was asked for came along with the feed.
    undecided: Any = NOT_ASKED_FOR
    if not lane.endswith(HISTORY):
        undecided = case((_committed(lane, settled_before), LOST), else_=WAITING)
    return case(
        (elsewhere, OTHER_POSITION),
        (func.length(staged.c.sealed) == 0, BLANKED),
        else_=undecided,
    )


def _committed(lane: str, settled_before: datetime) -> ColumnElement[bool]:
    """Return the condition that a run has committed since a row was read: it decides on all of its lane first."""
    mark: Select[Any] = select(literal(1)).where(
        watermarks.c.dag_id == lane,
        watermarks.c.division == staged.c.division,
        watermarks.c.entity == staged.c.entity,
        watermarks.c.value >= staged.c.row_version,
        watermarks.c.committed_at >= staged.c.staged_at,
    )
    return and_(staged.c.staged_at < settled_before, mark.exists())

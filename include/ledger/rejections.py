"""What is rejected now, by reason and field: answered by the index of what is rejected, whatever else there is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Integer, column, func, select, text, true, values

from include.ledger.states import STATE_CHANGE
from include.ledger.tables import UtcDateTime, deliveries, events
from include.records import HISTORY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from sqlalchemy import ColumnElement, TextClause

    from include.ledger.database import Database

# Word for word the condition of the index: SQLite uses such an index for no other.
_REJECTED: Final = text("state = 'rejected'")
_INDEX: Final = "ix_ledger_deliveries_refused"
_OF_GROUP: Final = ("reason_code", "field", "dag_id", "division", "entity", "destination")
MOST_LINES: Final = 20_000
_TOUCHED: Final = column("updated_at", UtcDateTime)


@dataclass(frozen=True, slots=True)
class Rejected:
    """Records of one lane that are rejected for the same reason in the same field.

    :param lane: the DAG, in either of its lanes.
    :param count: how many.
    :param newest: when the last of them was touched.
    :param example: the delivery of one of them, the last that came to be known.
    """

    reason_code: str
    field: str
    lane: str
    division: int
    entity: str
    destination: str
    count: int
    newest: datetime
    example: int

    @property
    def dag_id(self) -> str:
        """The DAG's own id."""
        return self.lane.removesuffix(HISTORY)


class Rejections:
    """Questions about rejected records; nothing here writes.

    :param database: the ledger's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def groups(self) -> list[Rejected]:
        """Return what is rejected, by reason, field and lane."""
        columns: list[ColumnElement[Any]] = [column(name) for name in _OF_GROUP]
        query = select(*columns, func.count(), func.max(_TOUCHED), func.max(column("id")))
        query = query.select_from(self._listed()).where(_REJECTED).group_by(*columns).order_by(*columns)
        return [Rejected(*row) for row in self._rows(query)]

    def by_day(self, groups: Sequence[Rejected], since: date, days: int) -> list[list[int]]:
        """Return for each group how many of it were last touched on each day, in UTC.

        A search in the index for each group and day: to group by days would sort all that is rejected.

        :param groups: as `groups` returns them.
        :param since: the first day.
        :param days: how many, from the first one on.
        """
        found = [[0] * days for _ in groups]
        begin = datetime.combine(since, time.min, UTC)
        if not groups or not days:
            return found
        asked = values(
            column("number", Integer), *(column(f"its_{name}", deliveries.c[name].type) for name in _OF_GROUP)
        )
        spans = values(column("day", Integer), column("starts", UtcDateTime), column("ends", UtcDateTime))
        group = asked.data(
            [
                (number, one.reason_code, one.field, one.lane, one.division, one.entity, one.destination)
                for number, one in enumerate(groups)
            ]
        ).cte("asked")
        span = spans.data([(day, begin + timedelta(day), begin + timedelta(day + 1)) for day in range(days)]).cte(
            "spans"
        )
        counted = (
            select(func.count())
            .select_from(self._listed())
            .where(_REJECTED, *(column(name) == group.c[f"its_{name}"] for name in _OF_GROUP))
            .where(_TOUCHED.between(span.c.starts, span.c.ends), span.c.ends != _TOUCHED)
            .correlate(group, span)
            .scalar_subquery()
        )
        for row in self._rows(select(group.c.number, span.c.day, counted).select_from(group.join(span, true()))):
            found[row[0]][row[1]] = row[2]
        return found

    def of_run(self, run_key: str, *, most: int = MOST_LINES) -> tuple[list[tuple[str, str, int]], bool]:
        """Return what a run rejected as (reason code, field, count), and whether that is all of it.

        :param run_key: the run's name in the ledger.
        :param most: lines of its log that are looked at: a first import of a million has three million of them.
        """
        names = ("to_state", "kind", "reason_code", "field")
        lines = select(*(events.c[name] for name in names)).where(events.c.run_id == run_key)
        seen = lines.order_by(events.c.delivery_id, events.c.id).limit(most).subquery()
        refused, count = (seen.c.to_state == "rejected", seen.c.kind == STATE_CHANGE), func.count()
        columns = (seen.c.reason_code, seen.c.field)
        query = select(*columns, count).where(*refused).group_by(*columns).order_by(count.desc(), *columns)
        found = [(str(row[0]), str(row[1]), int(row[2])) for row in self._rows(query)]
        return found, int(self._rows(select(func.count()).select_from(seen))[0][0]) < most

    def examples(self, delivery_ids: Iterable[int]) -> dict[int, str]:
        """Return delivery -> id at Exact.

        :param delivery_ids: as in `Rejected.example`; a delivery that is gone by now is left out.
        """
        query = select(deliveries.c.id, deliveries.c.source_id).where(deliveries.c.id.in_(list(delivery_ids)))
        return {int(row.id): str(row.source_id) for row in self._rows(query)}

    def _listed(self) -> TextClause:
        # Left to itself, SQLite takes an index that it knows as well for this state, and looks up each row.
        return text("ledger_deliveries" + (f" INDEXED BY {_INDEX}" if self._database.is_sqlite else ""))

    def _rows(self, query: Any) -> list[Any]:
        with self._database.read() as connection:
            return list(connection.execute(query).all())

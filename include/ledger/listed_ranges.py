"""The ranges of indexes in which the deliveries lie that somebody means: what a list or an act walks along."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, func, literal_column, select

from include.ledger.tables import deliveries

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Select
    from sqlalchemy import Row as SqlRow

    from include.ledger.narrowing import Narrowing

RANGES: Final = 200
"""So many ranges are merged by one statement; SQLite takes 500."""

_LANE: Final = ("dag_id", "division", "entity", "destination")

Range = list["ColumnElement[bool]"]


def only_rejected(asked: Narrowing) -> bool:
    """Say whether a reason is given and no state: where it has rejected anything, it is looked for there alone."""
    return bool(asked.reason_code) and not asked.states


def lanes_and_states() -> Select[Any]:
    """Return the search for all lanes there are and their states, behind a number, without counting."""
    return _distinct((*_LANE, "state"))


def listed_ranges(connection: Connection, asked: Narrowing) -> tuple[list[Range], bool]:
    """Return the ranges of indexes in which all that fits lies, and whether nothing else does."""
    lanes = [row for row in connection.execute(lanes_and_states()).all() if asked.takes(*row[1:])]
    if not asked.reason_code:
        return [_same(row) for row in lanes], True

    refused = connection.execute(_distinct(("field", *_LANE), refused=True), {"reason": asked.reason_code}).all()
    exact = [
        [*_refused(deliveries, asked.reason_code), *_same(row)]
        for row in refused
        if asked.takes(row[2], row[3], row[4], row[5], "rejected")
    ]
    if exact and only_rejected(asked):
        return exact, True
    others = [_same(row) for row in lanes if row.state != "rejected"]
    return [*exact, *others], not others


def _refused(row: Any, reason: str | ColumnElement[str]) -> Range:
    # Word for word the condition of the index: SQLite uses it for no other.
    return [row.c.state == literal_column("'rejected'"), row.c.reason_code == reason]


def _same(row: SqlRow[Any]) -> Range:
    return [deliveries.c[name] == value for name, value in row._asdict().items() if name != "id"]


# To make the statement took 39 ms, which every page of records paid up to twice.
@cache
def _distinct(names: tuple[str, ...], *, refused: bool = False) -> Select[Any]:
    """Return the search for all that is distinct in some columns, by leaps along the index that begins with them.

    .. seealso:: https://wiki.postgresql.org/wiki/Loose_indexscan

    :param refused: of what is rejected for the reason that is bound as ``reason`` alone, whose index it is.
    """

    def first(row: Any, *where: ColumnElement[bool]) -> Any:
        order = (row.c[name] for name in names)
        within = _refused(row, bindparam("reason", type_=deliveries.c.reason_code.type)) if refused else []
        return select(row.c.id).where(*within, *where).order_by(*order).limit(1)

    start = deliveries.alias("start")
    row = deliveries.alias("row")
    columns = [row.c[name] for name in names]
    begin = row.c.id == first(start).scalar_subquery()
    walk = select(row.c.id, *columns).where(begin).cte("walk", recursive=True)
    # Not as one comparison of all columns: of such a one SQLite would use the index for the first column alone.
    leaps = []
    for place in reversed(range(len(names))):
        other = deliveries.alias(f"leap_{place}")
        same = [other.c[name] == walk.c[name] for name in names[:place]]
        leap = first(other, *same, other.c[names[place]] > walk.c[names[place]])
        leaps.append(leap.correlate(walk).scalar_subquery())
    following = deliveries.alias("following")
    leap_to = following.c.id == func.coalesce(*leaps)
    further = select(following.c.id, *(following.c[name] for name in names)).join_from(walk, following, leap_to)
    return select(walk.union_all(further))

"""Deliveries that fit a narrowing, for whoever acts on them: no more is read than is wanted, along an index.

Nobody acts on a million from a page: where more fit than that, it is enough to know that there are more.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select, union_all

from include.ledger.listed_ranges import RANGES, listed_ranges, only_rejected
from include.ledger.tables import deliveries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import ColumnElement, Connection, Select

    from include.ledger.narrowing import Narrowing

_AT_ONCE: Final = 500
"""So many rows are fetched ahead."""


def as_listed(connection: Connection, asked: Narrowing) -> Narrowing:
    """Return what a list shows of it: of a reason that has rejected anything, what it has rejected."""
    if asked.candidates() or not only_rejected(asked):
        return asked
    rejected = replace(asked, states=("rejected",))
    return rejected if listed_ranges(connection, rejected)[0] else asked


def counted(
    connection: Connection,
    asked: Narrowing,
    columns: Sequence[ColumnElement[Any]],
    where: Sequence[ColumnElement[bool]],
    most: int | None,
) -> list[tuple[Any, ...]]:
    """Return what is distinct in some columns of what fits, each with how often, in order.

    :param where: more conditions on a delivery.
    :param most: whoever gets more than so many, of all together, knows only that there are more; None: count all.
    """
    found: Counter[tuple[Any, ...]] = Counter()
    limit = None if most is None else most + 1
    for parts in _chunks(_searches(connection, asked, columns, where, limit)):
        # A part with a limit has to stand by itself in a union.
        each = parts if limit is None else [select(part.subquery()) for part in parts]
        every = union_all(*each).subquery()
        for row in connection.execute(select(*every.c, func.count()).group_by(*every.c)):
            found[tuple(row[:-1])] += row[-1]
    return [(*values, found[values]) for values in sorted(found)]


def different(
    connection: Connection, asked: Narrowing, columns: Sequence[ColumnElement[Any]], most: int
) -> list[tuple[Any, ...]]:
    """Return what is distinct in some columns of what fits, in order; one more than ``most`` if there are more."""
    found: set[tuple[Any, ...]] = set()
    for search in _searches(connection, asked, columns, (), None):
        # One row after the other: to sort out the same ones, a database would read all that fit.
        rows = connection.execute(search, execution_options={"yield_per": _AT_ONCE})
        for row in rows:
            found.add(tuple(row))
            if len(found) > most:
                rows.close()
                return sorted(found)
    return sorted(found)


def _searches(
    connection: Connection,
    asked: Narrowing,
    columns: Sequence[ColumnElement[Any]],
    where: Sequence[ColumnElement[bool]],
    limit: int | None,
) -> Iterator[Select[Any]]:
    """Yield searches that find each delivery that fits once, all of them together."""
    searched = select(*columns).limit(limit)
    if candidates := asked.candidates():
        (first, _), *others = candidates
        number = first.subquery()
        fits = [*(condition for _, condition in others), *asked.conditions(), *where]
        yield searched.join_from(number, deliveries, deliveries.c.id == number.c[0]).where(*fits)
        return
    for same in listed_ranges(connection, asked)[0]:
        yield searched.where(*same, *asked.conditions(found=True), *where)


def _chunks(searches: Iterator[Select[Any]]) -> Iterator[list[Select[Any]]]:
    every = list(searches)
    for start in range(0, len(every), RANGES):
        yield every[start : start + RANGES]

"""Decide what becomes of each row: ready with a record, rejected or skipped with a reason."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from include.records import Decision
from include.transform.filling import Fate, Filling, rejected, skipped
from include.transform.frame import build_table

if TYPE_CHECKING:
    import collections.abc
    from collections.abc import Collection, Iterator, Sequence
    from datetime import date

    from include.records import Row
    from include.transform.frame import Staged
    from include.transform.mapping import Mapping

Window = tuple[datetime | None, datetime | None]
_UNKNOWN_AGE = rejected("Created", "missing")
_NOT_NEW = skipped("Created", "not_new")


def decide_rows(
    rows: Sequence[Staged],
    mapping: Mapping,
    *,
    created_from: datetime | None,
    created_to: datetime | None,
    main_contacts: collections.abc.Mapping[str, Row],
    now: datetime | None,
    asked_for: Collection[str],
) -> list[Decision]:
    """Decide on every row; see :func:`include.transform.transform_rows`."""
    today = (now or datetime.now(UTC)).astimezone(UTC).date()
    outside = _outside(rows, (created_from, created_to), asked_for)
    meant = rows if not outside else [row for place, row in enumerate(rows) if place not in outside]
    decided = _decided(meant, mapping, main_contacts, today)
    if not outside:
        return decided
    others = iter(decided)
    return [
        Decision(row.source_id, row.row_version, fate.outcome, fate.code, fate.field)
        if (fate := outside.get(place))
        else next(others)
        for place, row in enumerate(rows)
    ]


def _decided(
    rows: Sequence[Staged], mapping: Mapping, main_contacts: collections.abc.Mapping[str, Row], today: date
) -> list[Decision]:
    """Decide on rows that are meant, by their content."""
    if not rows:
        return []
    with nothing_collected():
        filling = Filling(rows, build_table(rows, mapping, main_contacts), today)
        filling.run(mapping)
        return [filling.decisions[place] for place in range(len(rows))]


@contextmanager
def nothing_collected() -> Iterator[None]:
    """Keep the collector of cycles away: a chunk makes ten containers per record, none of them in a cycle.

    It would go through all rows of the chunk several times, for as long as a third of the whole transform.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _outside(rows: Sequence[Staged], window: Window, asked_for: Collection[str]) -> dict[int, Fate]:
    """Return line -> why, of rows that were not created inside the window and that nobody asked for.

    A row without a date is shown, not guessed at.
    """
    start, end = window
    if start is None and end is None:
        return {}
    out = {}
    for place, row in enumerate(rows):
        created = row.created
        if created is None:
            out[place] = _UNKNOWN_AGE
        elif row.source_id not in asked_for:
            moment = created if created.tzinfo else created.replace(tzinfo=UTC)
            if (start is not None and moment < start) or (end is not None and moment >= end):
                out[place] = _NOT_NEW
    return out

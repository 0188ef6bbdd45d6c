"""Intervals of `Created`, which is a wall clock: what lies in them, and where their ends may be."""

from __future__ import annotations

from bisect import bisect_left
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from include.ledger.reading_ranges import Range

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

_CHANGE: Final = timedelta(hours=3)


def within(moments: list[datetime], one: Range) -> int:
    """Return how many of some sorted moments lie in an interval."""
    start = 0 if one.start is None else bisect_left(moments, one.start)
    return bisect_left(moments, one.end) - start


def quietened(one: Range, zone: ZoneInfo) -> Range | None:
    """Return an interval whose ends are not near a change of the clocks, where a wall clock says too little.

    :returns: the same or a shorter one; None: nothing of it is left.
    """
    start, end = one.start, one.end
    while start is not None and near_change(start, zone):
        start += _CHANGE
    while near_change(end, zone):
        end -= _CHANGE
    return Range(start, end) if start is None or start < end else None


def near_change(moment: datetime, zone: ZoneInfo) -> bool:
    """Say whether the site's clocks are changed within three hours of a moment."""
    before, after = ((moment + step).astimezone(zone).utcoffset() for step in (-_CHANGE, _CHANGE))
    return before != after

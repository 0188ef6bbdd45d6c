"""The windows that are forecast, one per run."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from include.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

HISTORY_BEGINS: Final = 2010
"""The history DAGs have intervals since January of this year."""
_DECEMBER: Final = 12


@dataclass(frozen=True, slots=True)
class Span:
    """One window, half-open, by creation.

    :param start: aware UTC; None: no beginning.
    :param end: aware UTC, exclusive; None: no end.
    """

    start: datetime | None
    end: datetime | None


def spans_of(start: datetime | None, end: datetime | None, every: str, zone: ZoneInfo, now: datetime) -> list[Span]:
    """Return the windows of the runs that would do it, in order, without gaps.

    :param start: aware; None: since the beginning; by the month that is where the history DAGs begin.
    :param end: aware, exclusive; None: until now. What lies ahead is cut off, as the planner does.
    :param every: ``month``: one run for each month of the site; ``none``: one run for all.
    :param zone: the site's time zone.
    :param now: aware.
    :raises ConfigurationError: ``every`` is neither, or nothing lies between the two moments.
    """
    if every not in {"month", "none"}:
        raise ConfigurationError(
            f"--every is {every!r}; there is month, one run for each, and none, one run for all.",
            reason_code="forecast.every.unknown",
            way_out="Choose one of the two.",
        )
    end = now if end is None or end > now else end
    if every == "none":
        return [Span(start, end)]
    start = start or datetime(HISTORY_BEGINS, 1, 1, tzinfo=zone).astimezone(UTC)
    if start >= end:
        raise ConfigurationError(
            "The forecast's last day is not after its first one.",
            reason_code="forecast.to.not_after_from",
            way_out="Choose an earlier --from or a later --to; --to itself does not belong to it any more.",
        )
    borders = [start]
    while (following := _next_month(borders[-1], zone)) < end:
        borders.append(following)
    return [Span(first, last) for first, last in zip(borders, [*borders[1:], end], strict=True)]


def found_in(spans: Sequence[Span], created: datetime | None) -> int | None:
    """Return the number of the window that a record belongs to, None if it is in none.

    :param spans: in order, without gaps.
    :param created: aware; None: unknown, then no window of Exact's would hold it.
    """
    if created is None:
        return None
    first, last = spans[0], spans[-1]
    if (first.start is not None and created < first.start) or (last.end is not None and created >= last.end):
        return None
    return bisect_right([span.start for span in spans[1:] if span.start is not None], created)


def _next_month(moment: datetime, zone: ZoneInfo) -> datetime:
    local = moment.astimezone(zone)
    year, month = (local.year + 1, 1) if local.month == _DECEMBER else (local.year, local.month + 1)
    return datetime(year, month, 1, tzinfo=zone).astimezone(UTC)

"""Exact's clock: local wall time of the site, written as if it were UTC.

``/Date(1782404052403)/`` read as UTC is 16:14:12; it was written at 14:14:12 UTC, because the French site's
wall clock stood at 16:14:12. Literals in a ``$filter`` use the same clock.
"""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from include.errors import ProtocolError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - the site's wall clock has no zone
_UTC_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = 86_400_000
_MILLISECOND: Final = timedelta(milliseconds=1)
_DATE: Final = re.compile(r"/Date\((-?\d{1,16})(?:[+-]\d{4})?\)/")


def local_to_utc(value: int | str, zone: ZoneInfo, *, fold: int = 1) -> datetime:
    """Return the moment that Exact's local time means.

    :param value: milliseconds, ``/Date(ms)/`` (also negative), or ISO 8601 without a zone, as in ``ServerTime``.
    :param zone: of the site, for example ``Europe/Amsterdam``.
    :param fold: which of the two hours is meant in the October night: 0 the first, 1 the second.
    :raises ProtocolError: if the value is no such time.
    """
    try:
        if isinstance(value, str) and (match := _DATE.fullmatch(value)):
            milliseconds = int(match[1])
            ahead = _ahead(zone, milliseconds // _DAY)
            if ahead is not None:
                return _UTC_EPOCH + timedelta(0, 0, 0, milliseconds - ahead)
        local = _wall_clock(value)
        return local.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ProtocolError(
            "Exact sent a time that cannot be read.",
            reason_code="exact.DateTime.malformed",
            way_out="The row holds a time outside the years 1 to 9999 or in a new format; report it.",
        ) from None


@functools.lru_cache(maxsize=20_000)
def _ahead(zone: ZoneInfo, day: int) -> int | None:
    """Return by how many milliseconds a zone is ahead of UTC all through a day of its wall clock.

    Asked for each row of a page, most of which share a few years of days.

    :param day: since 1970.
    :return: None if it changes in the day or beside it, or is no whole number of them: then each moment is asked for.
    """
    try:
        days = [_EPOCH + timedelta(day + beside) for beside in (-1, 0, 1, 2)]
    except OverflowError:
        return None
    first, *others = {start.replace(tzinfo=zone, fold=fold).utcoffset() for start in days for fold in (0, 1)}
    if others or first is None or first % _MILLISECOND:
        return None
    return first // _MILLISECOND


def _wall_clock(value: int | str) -> datetime:
    if isinstance(value, int):
        return _EPOCH + timedelta(milliseconds=value)
    match = _DATE.fullmatch(value.strip())
    if match:
        return _EPOCH + timedelta(milliseconds=int(match[1]))
    local = datetime.fromisoformat(value.strip())
    if local.tzinfo is not None:
        raise ValueError(value)
    return local


def utc_to_literal(moment: datetime, zone: ZoneInfo) -> str:
    """Return a ``datetime'...'`` literal in the site's local time, for a ``$filter``.

    :param moment: aware.
    :param zone: of the site.
    :raises ValueError: if the moment is naive: guessing its zone loses or repeats hours.
    """
    if moment.tzinfo is None:
        raise ValueError("an aware datetime is needed")
    local = moment.astimezone(zone).replace(tzinfo=None)
    return f"datetime'{local.isoformat(timespec='milliseconds')}'"

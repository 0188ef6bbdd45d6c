"""Days of the form and intervals of a backfill, as moments; and how a mistake in the form is told."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

from include.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

FIRST_YEAR: Final = 1900
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def mistake(name: str, problem: str, what: str, change: str) -> ConfigurationError:
    """Return the error for a mistake in the form.

    :param name: the form's field.
    :param problem: last part of the reason code.
    :param what: one sentence: what is wrong.
    :param change: one sentence: what to change.
    """
    return ConfigurationError(
        what, reason_code=f"params.{name}.{problem}", way_out=f"{change} Then trigger the run again."
    )


def days_of(params: Mapping[str, Any], what: str, zone: ZoneInfo) -> tuple[datetime | None, datetime | None]:
    """Return the two days of the form that say from when to when, each as its beginning and None if empty.

    :param what: ``created`` or ``modified``.
    :param zone: the site's time zone, in which a day begins.
    :return: aware UTC; the second is exclusive.
    :raises ConfigurationError: one is no day of the calendar, or the second is not after the first.
    """
    first, last = f"{what}_from", f"{what}_to"
    start, end = (_beginning(str(params[name]), zone, name) if params.get(name) else None for name in (first, last))
    if start is not None and end is not None and end <= start:
        raise mistake(
            last,
            f"not_after_{first}",
            f"{last} is {params[last]}, which is not after {first} {params[first]}: the first day belongs to the "
            "run, the last one does not any more.",
            f"For the one day {params[first]}, choose the day after it as {last}.",
        )
    return start, end


def _beginning(text: str, zone: ZoneInfo, name: str) -> datetime:
    day = day_of(text)
    if day is None:
        raise mistake(name, "malformed", f"{name} is {text!r}, which is no day.", "Write it like 2026-01-31.")
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def day_of(text: str) -> date | None:
    """Return the day that the text means; years below 1900 are slips of the pen, and Exact knows none."""
    try:
        day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None
    return day if day is not None and day.year >= FIRST_YEAR else None


def interval_of(interval: tuple[datetime, datetime] | None) -> tuple[datetime, datetime]:
    """Return a backfill's data interval as UTC, so that a border in the repeated hour is one moment.

    :param interval: aware; None: the run has none.
    :raises ConfigurationError: it has none, or one without length.
    """
    start, end = (None, None) if interval is None else (_utc(interval[0]), _utc(interval[1]))
    if start is None or end is None or end <= start:
        raise ConfigurationError(
            "This backfill run has no data interval, or one without length, so it says no records.",
            reason_code="run.data_interval.empty",
            way_out="Backfill a DAG whose schedule is a CronDataIntervalTimetable, as the history DAGs have.",
        )
    return start, end


def _utc(moment: datetime) -> datetime:
    # Airflow's times are of a class of their own; what is pinned and compared is Python's.
    return datetime.fromisoformat(moment.isoformat()).astimezone(UTC)

"""How long calls take at the services' limits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from include.clients.personio_limits import PersonioConfig, limit_of

if TYPE_CHECKING:
    from include.clients.exact_calls import ExactConfig
    from include.records import Destination

DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Pace:
    """At most so many calls in any stretch of so many seconds."""

    limit: int
    seconds: float

    def duration(self, calls: int) -> float:
        """Return the seconds until the last of the calls may leave, when the limit is untouched at the first."""
        return max(calls - 1, 0) // self.limit * self.seconds


@dataclass(frozen=True, slots=True)
class Quota:
    """Exact's limit of calls per company and day, as its headers tell it.

    :param limit: of a day; None: not told.
    :param left: calls left of today's.
    :param resets_at: aware; when the day ends.
    """

    limit: int | None
    left: int
    resets_at: datetime

    def wait(self, calls: int, now: datetime) -> float:
        """Return the seconds that so many calls have to wait for new days."""
        if calls <= self.left:
            return 0.0
        first = max((self.resets_at - now).total_seconds(), 0.0)
        more = 0 if not self.limit else (calls - self.left - 1) // self.limit
        return first + more * DAY.total_seconds()


def exact_pace(config: ExactConfig) -> Pace:
    """Return the pace of calls to Exact."""
    return Pace(config.calls_per_minute, config.minute_seconds)


def personio_pace(destination: Destination, config: PersonioConfig | None) -> Pace:
    """Return the pace of what is sent to Personio.

    :param config: of the connection; None: Personio's usual limits.
    """
    limit = limit_of(config or PersonioConfig(), "recruiting" if destination == "application" else "employees")
    return Pace(limit.slots, limit.seconds)


def finish(now: datetime, seconds: float) -> datetime:
    """Return the moment after so many seconds, to the minute above."""
    exact = (now + timedelta(seconds=seconds)).astimezone(UTC)
    return (
        exact
        if not (exact.second or exact.microsecond)
        else exact.replace(second=0, microsecond=0) + timedelta(minutes=1)
    )

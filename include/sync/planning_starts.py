"""Where a stream begins that was never read: now, at a day, or at the beginning."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from include.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from include.clients.exact import ExactClient
    from include.records import Entity

CLOCK_STEP: Final = timedelta(seconds=5)
"""How exactly two clocks can be compared by an answer's ``Date``."""

FEED_START: Final = 1
"""Exact's own advice for a first read of a sync feed: "timestamp greater than 1"."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a stream begins that has no watermark yet.

    :param after: row version after which it reads.
    :param created_from: aware; what was created before is not new. None: everything is.
    """

    after: int
    created_from: datetime | None


class Newest(NamedTuple):
    """What Exact says of now: its highest row version, and how far its clock is ahead of ours."""

    row_version: int
    skew: timedelta = timedelta(0)


def newest_of(client: ExactClient, entity: Entity) -> Newest:
    """Ask Exact for its newest state."""
    return Newest(client.newest_timestamp(entity), client.clock_skew())


def reach_back(created_from: datetime | None, start_from: str, zone: ZoneInfo) -> Start | None:
    """Return the start that a later run asks for, None if what it asks for was covered from the first.

    What was already delivered is not sent again: the ledger knows it.

    :raises ConfigurationError: ``start_from`` is none of the three.
    """
    if start_from == "now" or created_from is None:
        return None
    asked = fixed_start(start_from, zone)
    return asked if asked.created_from is None or asked.created_from < created_from else None


def first_start(start_from: str, zone: ZoneInfo, newest: Callable[[], Newest]) -> Start:
    """Return where a stream begins: at what is newest now, at a date, or at the beginning.

    :raises ConfigurationError: the text is none of the three.
    """
    if start_from == "now":
        # The clock is read before the feed: a record created while we look for the newest one is
        # after both and comes with the first run that follows.
        before = datetime.now(UTC)
        state = newest()
        # `Created` is told by Exact's clock. Where that is behind ours, so is the border; some seconds
        # more, because a clock is read to the second only. Where it is ahead, nothing is left out anyway.
        return Start(state.row_version, before + min(state.skew, timedelta(0)) - CLOCK_STEP)
    return fixed_start(start_from, zone)


def fixed_start(start_from: str, zone: ZoneInfo) -> Start:
    """Return where a stream begins that starts at a date, or at the beginning."""
    if start_from == "beginning":
        return Start(FEED_START, None)
    try:
        day = date.fromisoformat(start_from)
    except ValueError as error:
        raise ConfigurationError(
            f"start_from is {start_from!r}; it must be now, beginning or a date like 2026-01-31.",
            reason_code="params.start_from.malformed",
            way_out="Trigger the run again with one of these.",
        ) from error
    return Start(FEED_START, datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC))

"""Plan: decide once what a run reads, and pin it under the run's id.

The start of a live run is the watermark that the last committing run pushed to XCom. The ledger
holds the same value: it serves when the XCom is gone, and it is the judge when somebody edited it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from include.errors import ConfigurationError
from include.records import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from zoneinfo import ZoneInfo

    from include.clients.exact import ExactClient
    from include.ledger import Ledger
    from include.records import Entity, StreamKey

log = logging.getLogger(__name__)

CLOCK_STEP: Final = timedelta(seconds=5)
"""How exactly two clocks can be compared by an answer's ``Date``."""

FEED_START = 1
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


def plan_live(
    ledger: Ledger,
    stream: StreamKey,
    run_id: str,
    *,
    start_from: str,
    zone: ZoneInfo,
    newest: Callable[[], Newest],
    pushed: Callable[[str], Mapping[str, Any] | None],
) -> Window:
    """Return the window of a live run; the first call decides it, every later one gets the same.

    :param ledger: the open ledger.
    :param stream: what is read.
    :param run_id: Airflow's id of the run.
    :param start_from: for a stream's first run: ``now``, ``beginning`` or a date ``YYYY-MM-DD``. In a later run
        an earlier one than before brings the history since then; a later one changes nothing.
    :param zone: the site's time zone, in which a date begins.
    :param newest: asks Exact for its newest state, see :func:`newest_of`; called on a first run only.
    :param pushed: run id -> the ``watermark`` XCom of that run's commit, or None.
    :raises ConfigurationError: ``start_from`` is none of these, or the XCom was edited upwards.
    """
    pinned = ledger.windows.get(stream, run_id)
    if pinned is not None:
        log.info("Window of %s is pinned: row versions after %s.", run_id, pinned.after)
        return pinned
    mark = ledger.watermarks.get(stream)
    if mark is None:
        start = first_start(start_from, zone, newest)
        # Durable before the first read: should this run fail, the next one starts at the same place
        # and what was created in between is not lost.
        ledger.watermarks.advance(
            stream, expected=None, to=start.after, run_id=run_id, created_from=start.created_from
        )
        mark = ledger.watermarks.get(stream)
    elif (back := reach_back(mark.created_from, start_from, zone)) is not None:
        log.warning("start_from %s is earlier than before: the whole feed is read once more for it.", start_from)
        ledger.watermarks.rewind(stream, back.after, run_id, created_from=back.created_from)
        mark = ledger.watermarks.get(stream)
    if mark is None:
        raise ConfigurationError(
            f"The watermark of {stream} could not be written.",
            reason_code="ledger.watermark.not_written",
            way_out="Check that the ledger's disk is writable and not full, then clear this task.",
        )
    after = start_of(mark.value, mark.run_id, pushed(mark.run_id) if mark.run_id != run_id else None, stream)
    return ledger.windows.pin(stream, run_id, Window(mode="live", after=after, created_from=mark.created_from))


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


def start_of(value: int, run_id: str, pushed: Mapping[str, Any] | None, stream: StreamKey) -> int:
    """Return the row version to start after: the ledger's, or a lower one that was put into the XCom.

    :raises ConfigurationError: the XCom holds a higher value: what lies between would be lost.
    """
    if pushed is None:
        return value
    try:
        edited = int(pushed["to"])
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"The watermark XCom of run {run_id} has no number under 'to'.",
            reason_code="xcom.watermark.malformed",
            way_out=f"Set it to {value}, or delete it: the ledger's copy then serves.",
        ) from error
    if edited > value:
        raise ConfigurationError(
            f"The watermark XCom of run {run_id} says {edited}, but {stream} was only read up to {value}: "
            "what lies between would be lost.",
            reason_code="xcom.watermark.too_high",
            way_out=f"Set the XCom's 'to' back to {value}, or delete it: the ledger's copy then serves.",
        )
    if edited < value:
        log.warning(
            "The watermark XCom of run %s was lowered from %s to %s: reading again from there.",
            run_id,
            value,
            edited,
        )
    return edited

"""The window of a live run: from the watermark on, which only live runs move.

The start is the watermark that the last committing run pushed to XCom. The ledger holds the same value: it serves
when the XCom is gone, and it is the judge when somebody edited it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from include.errors import ConfigurationError
from include.records import Window
from include.sync.planning_starts import Start, first_start, reach_back

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from zoneinfo import ZoneInfo

    from include.ledger import Ledger
    from include.ledger.watermarks import Watermark
    from include.records import StreamKey
    from include.sync.planning_starts import Newest

log = logging.getLogger(__name__)


def plan_live(
    ledger: Ledger,
    stream: StreamKey,
    run_id: str,
    *,
    start_from: str,
    zone: ZoneInfo,
    newest: Callable[[], Newest],
    pushed: Callable[[str], Mapping[str, Any] | None],
    reset_to: int | None = None,
) -> Window:
    """Return the window of a live run; the first call decides it, every later one gets the same.

    :param ledger: the open ledger.
    :param stream: what is read, in its live lane.
    :param run_id: Airflow's id of the run.
    :param start_from: for a stream's first run: ``now``, ``beginning`` or a date ``YYYY-MM-DD``. In a later run
        an earlier one than before brings the history since then; a later one changes nothing.
    :param zone: the site's time zone, in which a date begins.
    :param newest: asks Exact for its newest state, see :func:`newest_of`; called on a first run only.
    :param pushed: run id -> the ``watermark`` XCom of that run's commit, or None.
    :param reset_to: row version to set the watermark back to, before anything is read.
    :raises ConfigurationError: ``start_from`` is none of these, the watermark would be set forward, or its XCom was
        edited upwards.
    """
    pinned = ledger.windows.get(stream, run_id)
    if pinned is not None:
        log.info("Window of %s is pinned: row versions after %s.", run_id, pinned.after)
        return pinned
    mark = ledger.watermarks.get(stream)
    if reset_to is not None:
        mark = _set_back(ledger, stream, run_id, mark, reset_to)
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


def next_start(
    ledger: Ledger,
    stream: StreamKey,
    *,
    start_from: str,
    zone: ZoneInfo,
    newest: Callable[[], Newest],
    pushed: Callable[[str], Mapping[str, Any] | None],
) -> Start:
    """Return where a live run would start now, without writing anything: what a preview or a canary begins with.

    The params are those of :func:`plan_live`.

    :raises ConfigurationError: as :func:`plan_live`.
    """
    mark = ledger.watermarks.get(stream)
    if mark is None:
        return first_start(start_from, zone, newest)
    back = reach_back(mark.created_from, start_from, zone)
    return back or Start(start_of(mark.value, mark.run_id, pushed(mark.run_id), stream), mark.created_from)


def _set_back(
    ledger: Ledger, stream: StreamKey, run_id: str, mark: Watermark | None, reset_to: int
) -> Watermark | None:
    if mark is None:
        raise ConfigurationError(
            f"{stream} has no watermark yet that could be set back.",
            reason_code="params.reset_watermark_to.no_watermark",
            way_out="Empty reset_watermark_to; start_from says where the first run begins. Then trigger it again.",
        )
    if reset_to > mark.value:
        raise ConfigurationError(
            f"reset_watermark_to is {reset_to}, but {stream} was only read up to {mark.value}: what lies between "
            "would be lost.",
            reason_code="params.reset_watermark_to.too_high",
            way_out=f"Choose {mark.value} at most, then trigger the run again.",
        )
    log.warning("The watermark of %s is set back from %s to %s, as the form asks.", stream, mark.value, reset_to)
    ledger.watermarks.rewind(stream, reset_to, run_id)
    return ledger.watermarks.get(stream)


def start_of(value: int, run_id: str, pushed: Mapping[str, Any] | None, stream: StreamKey) -> int:
    """Return the row version to start after: the ledger's, or a lower one that was put into the XCom.

    :param value: the ledger's watermark.
    :param run_id: of the run that committed it. A backfill may have reprocessed it since.
    :param pushed: the ``watermark`` XCom of that run, None if it has none.
    :param stream: in its live lane.
    :raises ConfigurationError: the XCom holds a higher value: what lies between would be lost.
    """
    if pushed is None or pushed.get("advanced") is False:
        # What a run reports that never moved the watermark says nothing of where it stands.
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

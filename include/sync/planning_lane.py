"""What a history lane has read, so that the next run of it pays for as little as possible.

The lane's place in the feed is a watermark of its own; what else is known of it is noted beside the pinned windows,
under a name that no run has.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from include.records import Window
from include.sync.filters import every_column
from include.sync.moving import moves_noted
from include.sync.planning_starts import FEED_START
from include.sync.reading import Lane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from include.ledger import Ledger
    from include.ledger.watermarks import Watermark
    from include.records import Entity, StreamKey

FRESH: Final = timedelta(hours=12)
"""The feed does not tell of what was deleted at Exact: after a while it is read as a whole again."""

COUNT_STANDS: Final = timedelta(hours=24)
READING_TAKES: Final = timedelta(hours=1)
"""A run that reads the whole feed and has not finished by then is not waited for."""

CLOCKS_APART: Final = timedelta(minutes=10)
"""How far the clocks of two workers may be apart before one of them thinks that a row was not seen by the other."""

_LANE: Final = "(lane)"
_TIMESTAMP: Final = "Timestamp"


@dataclass(frozen=True, slots=True)
class Known:
    """A lane as the planner of one of its runs finds it.

    :param lane: what decides on the way of reading.
    :param after: the lane's place in the feed.
    :param columns: what the run reads, whichever way: the lane's rows must not lose any.
    """

    lane: Lane
    after: int
    columns: tuple[str, ...]


def known_of(
    ledger: Ledger,
    stream: StreamKey,
    run_id: str,
    *,
    select: Sequence[str],
    now: datetime,
    forgotten: Callable[[], bool] = lambda: False,
) -> Known:
    """Return what is known of a history lane.

    :param stream: the DAG's stream, in either lane.
    :param run_id: of the run that plans; it does not stand in its own way.
    :param select: the columns that the mapping needs.
    :param now: aware.
    :param forgotten: whether rows of the run's window have to be read again because retention removed their content.
    """
    history = stream.history()
    mark, noted = ledger.watermarks.get(history), ledger.windows.counted(history, _LANE)
    held, columns = _columns_of(mark), columns_for(ledger, stream, select)
    place = mark is not None and set(columns) <= set(held) and _within(noted.get("whole_feed_at"), FRESH, now)
    busy = noted.get("reading") not in (None, run_id) and _within(noted.get("reading_at"), READING_TAKES, now)
    total = noted.get("total") if _within(noted.get("total_at"), COUNT_STANDS, now) else None
    place = place and not forgotten()
    asks = mark is not None or moves_noted(ledger, stream) is None
    lane = Lane(place=place, spent=int(noted.get("spent", 0)), total=total, busy=busy, asks_moves=asks)
    return Known(lane, mark.value if mark is not None and place else FEED_START, columns)


def lane_columns(select: Iterable[str], entity: Entity) -> tuple[str, ...]:
    """Return the columns that a history lane reads for a mapping: its own and those of every filter.

    :param select: what the mapping needs; ``Timestamp`` is left out, which only feeds have.
    """
    return tuple(dict.fromkeys(name for name in (*select, *every_column(entity)) if name != _TIMESTAMP))


def columns_for(ledger: Ledger, stream: StreamKey, select: Iterable[str]) -> tuple[str, ...]:
    """Return the columns that a run of a history lane reads: those of :func:`lane_columns` and all that it has.

    A change is read once and serves every later run of the lane, so none may read it with less.

    :param stream: the DAG's stream, in either lane.
    :param select: what the mapping needs.
    """
    return lane_columns((*select, *_columns_of(ledger.watermarks.get(stream.history()))), stream.entity)


def note(ledger: Ledger, stream: StreamKey, **told: Any) -> None:
    """Note something of a history lane.

    :param stream: in the history lane.
    :param told: JSON values.
    """
    none = Window(mode="window", after=FEED_START, advances=False, reading="nothing")
    ledger.windows.pin(stream, _LANE, none)
    ledger.windows.note(stream, _LANE, **told)


def end_reached(
    ledger: Ledger,
    stream: StreamKey,
    run_id: str,
    *,
    after: int,
    columns: Sequence[str],
    began: str,
    moved: str | None = None,
) -> None:
    """Keep how far a run of a history lane has read the feed, for the next one.

    :param after: row version that it read from.
    :param columns: with which it read.
    :param began: when it began, ISO 8601: what was deleted at Exact since, the lane does not know.
    :param moved: of a lane's first reading: the dates of the division's moves before it began.
    """
    whole = after == FEED_START
    if whole:
        note(ledger, stream, whole_feed_at=began, spent=0, reading=None)
    highest = ledger.staging.highest_seen(stream, run_id) or after
    while True:
        mark = ledger.watermarks.get(stream)
        if not whole and (mark is None or mark.value < after):
            # The place was given up meanwhile: what lies before `after` was never read for the new one.
            return
        to = highest if mark is None else max(highest, mark.value)
        kept = columns if mark is None or whole else [name for name in _columns_of(mark) if name in columns]
        if ledger.watermarks.advance(
            stream,
            expected=None if mark is None else mark.value,
            to=to,
            run_id=run_id,
            created_from=None,
            witness=ledger.staging.source_at(stream, to),
            columns=" ".join(kept),
        ):
            ledger.watermarks.note(stream, to, moved=moved)
            return


def seen_since(ledger: Ledger, stream: StreamKey, run_id: str, window: Window) -> datetime | None:
    """Return since when Exact must have shown a row for the run to decide on it; None: whenever it was.

    A row that a former run has read and this one has not is of somebody who was deleted at Exact. Who reads on from
    the lane's place sees only changes: there it is the last reading of the whole feed that counts.

    :param stream: in the lane of the run.
    :param window: as pinned.
    """
    if window.mode not in {"window", "backfill"}:
        return None
    reads_on = window.reading == "feed" and window.after != FEED_START
    began = (
        ledger.windows.counted(stream, _LANE).get("whole_feed_at")
        if reads_on
        else ledger.windows.counted(stream, run_id).get("began")
    )
    return None if began is None else datetime.fromisoformat(str(began)) - CLOCKS_APART


def _columns_of(mark: Watermark | None) -> tuple[str, ...]:
    return tuple((mark.columns or "").split()) if mark is not None else ()


def _within(text: str | None, span: timedelta, now: datetime) -> bool:
    return bool(text) and now - datetime.fromisoformat(str(text)) < span

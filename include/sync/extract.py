"""Extract: pages of the feed, or of a filtered list, into the ledger, page by page, resumable."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from include.sync import collector
from include.sync.moving import begun_anew, known_moves, witness_after, witness_in
from include.sync.pages import created_at, source_rows, window_pages
from include.sync.planning_lane import end_reached, lane_columns
from include.sync.planning_starts import FEED_START
from include.sync.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from zoneinfo import ZoneInfo

    from include.clients.exact import ExactClient
    from include.ledger import Ledger
    from include.ledger.staging import ResumePoint
    from include.ledger.watermarks import Watermark
    from include.records import Page, SourceRow, StreamKey, Window

    Rows = tuple[Page, list[SourceRow]]

__all__ = ["Feed", "created_at", "extract", "source_rows", "totals"]

log = logging.getLogger(__name__)


def extract(
    ledger: Ledger,
    client: ExactClient,
    stream: StreamKey,
    run_id: str,
    window: Window,
    *,
    select: Sequence[str],
    zone: ZoneInfo,
) -> dict[str, int]:
    """Stage what the window reads; return counts, never rows.

    A retry goes on at the page that a former attempt had reached. If Exact has made new row versions since,
    everything is read again: the ledger knows what was delivered. A finished extract that is run again reads nothing
    in the live lane, where the next run comes soon, and everything once more in the history lane.

    :param stream: in the lane of the run.
    :param window: as pinned.
    :param select: the Exact columns that the mapping reads.
    :param zone: of the site: Exact's dates are its local wall clock.
    :return: ``read``, ``new``, ``changed``, ``unchanged``, ``pages``, over all attempts of the run.
    :raises ProtocolError: a row came without ID or Timestamp.
    """
    if window.reading == "nothing":
        log.info("This run reads nothing.")
        return totals(ledger, stream, run_id)
    if stream.is_history:
        _history(ledger, client, stream, run_id, window, select=select, zone=zone)
        return totals(ledger, stream, run_id)
    reached = ledger.staging.resume_point(stream, run_id)
    if reached is not None and reached.done:
        log.info("All %s pages of this run are in the ledger already.", reached.page)
        return totals(ledger, stream, run_id)
    feed = Feed(client, stream, select, zone)
    mark = ledger.watermarks.get(stream)
    _stage(ledger, stream, run_id, news(ledger, feed, mark, run_id, window.after, reached))
    return totals(ledger, stream, run_id)


def _history(
    ledger: Ledger,
    client: ExactClient,
    stream: StreamKey,
    run_id: str,
    window: Window,
    *,
    select: Sequence[str],
    zone: ZoneInfo,
) -> None:
    """Stage the window of a run that never moves the watermark."""
    # Another run may have found out since that Exact made new row versions.
    window = ledger.windows.get(stream, run_id) or window
    told = ledger.windows.counted(stream, run_id)
    now = datetime.now(UTC).isoformat()
    columns = tuple(str(told.get("columns") or "").split())
    reached = ledger.staging.resume_point(stream, run_id)
    asked_differently = not set(lane_columns(select, stream.entity)) <= set(columns)
    if asked_differently:
        columns = lane_columns((*columns, *select), stream.entity)
    if reached is not None and (reached.done or asked_differently):
        log.info("This run has been read before; it is read once more.")
        ledger.windows.pin(stream, run_id, window, anew=True)
        ledger.windows.note(stream, run_id, **told | {"columns": " ".join(columns), "began": now})
        told, reached = told | {"began": now}, None
    if window.reading == "pages":
        pages = window_pages(client, stream, window, columns, zone, reached)
        _stage(ledger, stream, run_id, pages, versioned=False)
        return
    feed = Feed(client, stream, columns, zone)
    # A preview of a live run starts at the live lane's watermark; every other run at the place of its own lane.
    like_live = window.mode == "live"
    mark = ledger.watermarks.get(dataclasses.replace(stream, dag_id=stream.dag) if like_live else stream)
    if mark is None and not like_live and "moved" not in told:
        # Before the first page: should Exact move the division from here on, the lane has to find out.
        told |= {"moved": known_moves(ledger, client, stream)}
        ledger.windows.note(stream, run_id, moved=told["moved"])
    _stage(ledger, stream, run_id, news(ledger, feed, mark, run_id, window.after, reached))
    if not like_live:
        began = str(told.get("began") or now)
        after = FEED_START if _read_anew(ledger, stream, run_id) else window.after
        end_reached(ledger, stream, run_id, after=after, columns=columns, began=began, moved=told.get("moved"))


def _read_anew(ledger: Ledger, stream: StreamKey, run_id: str) -> bool:
    """Say whether this run has found new row versions, and has read everything again."""
    mark = ledger.watermarks.get(stream)
    return mark is not None and (mark.value, mark.run_id) == (FEED_START, run_id)


def _stage(ledger: Ledger, stream: StreamKey, run_id: str, pages: Iterable[Rows], *, versioned: bool = True) -> None:
    progress = Progress(f"{stream.entity.lower()} read")
    with ledger.kept_open(), collector.between_pages():
        for page, rows in pages:
            staged = ledger.staging.stage(
                stream, run_id, rows, resume=page.next, page=page.number, versioned=versioned
            )
            progress.add(staged.read)
            collector.sweep(page.number)
    log.info("%s by this attempt; all attempts: %s", progress.line(), totals(ledger, stream, run_id))


@dataclass(frozen=True, slots=True)
class Feed:
    """The sync feed of a stream."""

    client: ExactClient
    stream: StreamKey
    select: Sequence[str]
    zone: ZoneInfo

    def pages(self, after: int, reached: ResumePoint | None = None) -> Iterator[Rows]:
        """Yield the pages after a row version, or after those that were reached, with their rows."""
        for page in self.client.sync_pages(
            self.stream.entity,
            after=after,
            select=self.select,
            resume=reached.next if reached else None,
            first=reached.page + 1 if reached else 1,
        ):
            yield page, source_rows(page, self.stream, self.zone)


def news(  # noqa: PLR0917 - a feed, and all that tells where it goes on
    ledger: Ledger, feed: Feed, mark: Watermark | None, run_id: str, after: int, reached: ResumePoint | None
) -> Iterator[Rows]:
    """Yield what changed after a row version; all there is if Exact has made new row versions.

    The last row that was read comes along as a witness of the row versions; it is no news and left out.

    :param mark: the watermark that ``after`` was taken from.
    :param reached: where a former attempt stopped; None: at the first page.
    """
    if reached is not None:
        anew = begun_anew(ledger, feed.client, feed.stream, mark, None, run_id=run_id, after=after)
        yield from feed.pages(FEED_START) if anew else feed.pages(after, reached)
        return
    for page, rows in feed.pages(witness_after(after)):
        if page.number == 1 and begun_anew(ledger, feed.client, feed.stream, mark, rows, run_id=run_id, after=after):
            yield from feed.pages(FEED_START)
            return
        witness = witness_in(rows, after, mark)
        yield page, [row for row in rows if row is not witness]


def totals(ledger: Ledger, stream: StreamKey, run_id: str) -> dict[str, int]:
    """Return what all attempts of the run's extract came to."""
    reached = ledger.staging.resume_point(stream, run_id)
    return {**asdict(ledger.staging.totals(stream, run_id)), "pages": reached.page if reached else 0}

"""Extract: the feed's pages into the ledger, page by page, resumable."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from include.clients.exact_time import local_to_utc
from include.errors import ProtocolError
from include.records import SourceRow
from include.sync.moving import begun_anew, witness_after, witness_in
from include.sync.plan import FEED_START
from include.sync.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from include.clients.exact import ExactClient
    from include.ledger import Ledger
    from include.ledger.staging import ResumePoint
    from include.records import Page, Row, StreamKey, Window

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
    """Stage what changed after the window's start; return counts, never rows.

    A retry goes on at the page that a former attempt had reached. If Exact has made new row versions since,
    everything is read again: the ledger knows what was delivered.

    :param select: the Exact columns to read.
    :param zone: of the site: Exact's dates are its local wall clock.
    :return: ``read``, ``new``, ``changed``, ``unchanged``, ``pages``, over all attempts of the run.
    :raises ProtocolError: a row came without ID or Timestamp.
    """
    reached = ledger.staging.resume_point(stream, run_id)
    if reached is not None and reached.done:
        log.info("All %s pages of this run are in the ledger already.", reached.page)
        return totals(ledger, stream, run_id)
    progress = Progress(f"{stream.entity.lower()} read")
    for page, rows in news(ledger, Feed(client, stream, select, zone), run_id, window, reached):
        staged = ledger.staging.stage(stream, run_id, rows, resume=page.next, page=page.number)
        progress.add(staged.read)
    counts = totals(ledger, stream, run_id)
    log.info("%s by this attempt; all attempts: %s", progress.line(), counts)
    return counts


@dataclass(frozen=True, slots=True)
class Feed:
    """The sync feed of a stream."""

    client: ExactClient
    stream: StreamKey
    select: Sequence[str]
    zone: ZoneInfo

    def pages(self, after: int, reached: ResumePoint | None = None) -> Iterator[tuple[Page, list[SourceRow]]]:
        """Yield the pages after a row version, or after those that were reached, with their rows."""
        for page in self.client.sync_pages(
            self.stream.entity,
            after=after,
            select=self.select,
            resume=reached.next if reached else None,
            first=reached.page + 1 if reached else 1,
        ):
            yield page, source_rows(page, self.stream, self.zone)


def news(
    ledger: Ledger, feed: Feed, run_id: str, window: Window, reached: ResumePoint | None
) -> Iterator[tuple[Page, list[SourceRow]]]:
    """Yield what changed after the window's start; all there is if Exact has made new row versions.

    The last row that was read comes along as a witness of the row versions; it is no news and left out.
    """
    mark = ledger.watermarks.get(feed.stream)
    if reached is not None:
        anew = begun_anew(ledger, feed.client, feed.stream, mark, None, run_id=run_id, after=window.after)
        yield from feed.pages(FEED_START) if anew else feed.pages(window.after, reached)
        return
    for page, rows in feed.pages(witness_after(window.after)):
        if page.number == 1 and begun_anew(
            ledger, feed.client, feed.stream, mark, rows, run_id=run_id, after=window.after
        ):
            yield from feed.pages(FEED_START)
            return
        witness = witness_in(rows, window.after, mark)
        yield page, [row for row in rows if row is not witness]


def totals(ledger: Ledger, stream: StreamKey, run_id: str) -> dict[str, int]:
    """Return what all attempts of the run's extract came to."""
    reached = ledger.staging.resume_point(stream, run_id)
    return {**asdict(ledger.staging.totals(stream, run_id)), "pages": reached.page if reached else 0}


def source_rows(page: Page, stream: StreamKey, zone: ZoneInfo) -> list[SourceRow]:
    """Return the page's rows as the ledger takes them.

    :raises ProtocolError: a row has no ID or no whole-number Timestamp.
    """
    rows = []
    for row in page.rows:
        try:
            source_id, version = str(row["ID"]).lower(), int(row["Timestamp"])
        except (KeyError, TypeError, ValueError) as error:
            raise ProtocolError(
                f"A row of {stream.entity} on page {page.number} has no ID or no Timestamp.",
                reason_code="exact.Timestamp.missing",
                way_out="Nothing was skipped; the run goes on at this page when it is retried.",
            ) from error
        rows.append(SourceRow(source_id, version, created_at(row, zone), row))
    return rows


def created_at(row: Row, zone: ZoneInfo) -> datetime | None:
    """Return when the row was created, None if that cannot be told: it then counts as new.

    In the repeated hour of October the later of the two meanings is taken, so that a record is rather
    looked at once more than left out.
    """
    try:
        return local_to_utc(row["Created"], zone, fold=1)
    except (KeyError, AttributeError, ProtocolError):
        return None

"""Extract: the feed's pages into the ledger, page by page, resumable."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import TYPE_CHECKING

from include.clients.exact_time import local_to_utc
from include.errors import ProtocolError
from include.records import SourceRow
from include.sync.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from include.clients.exact import ExactClient
    from include.ledger import Ledger
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

    A retry goes on at the page that a former attempt had reached.

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
    pages = client.sync_pages(
        stream.entity,
        after=window.after,
        select=select,
        resume=reached.next if reached else None,
        first=reached.page + 1 if reached else 1,
    )
    for page in pages:
        staged = ledger.staging.stage(
            stream,
            run_id,
            source_rows(page, stream, zone),
            resume=page.next,
            page=page.number,
        )
        progress.add(staged.read)
    counts = totals(ledger, stream, run_id)
    log.info("%s by this attempt; all attempts: %s", progress.line(), counts)
    return counts


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

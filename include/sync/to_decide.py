"""Which rows a run decides on: of which lane, created when, and which of them are meant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.records import RecordFilter
from include.sync.filters import matches
from include.sync.main_contacts import BATCH, PER_CALL, lookup_batches
from include.sync.planning_lane import seen_since

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from include.ledger import Ledger
    from include.ledger.staging import StagedRow
    from include.ledger.undecided import Which
    from include.records import StreamKey
    from include.sync.terms import Terms


@dataclass(frozen=True, slots=True)
class Source:
    """Rows of one lane that a run decides on.

    :param stream: whose rows.
    :param which: what of them, see `include.ledger.staging.Staging.undecided`.
    :param created_from: aware; of rows created from then on.
    :param created_to: aware, exclusive.
    :param after: only what changed after this row version.
    :param seen_since: aware; only what Exact has shown since then.
    :param stored_since: the batch up to which the lane is settled; None: all that it holds.
    """

    stream: StreamKey
    which: Which
    created_from: datetime | None = None
    created_to: datetime | None = None
    after: int | None = None
    seen_since: datetime | None = None
    stored_since: int | None = None


def sources(terms: Terms, shown: datetime | None = None, stored_since: int | None = None) -> list[Source]:
    """Return where the run's rows are, in the order in which they are decided.

    :param shown: since when Exact must have shown what a window holds.
    :param stored_since: the batch up to which a live run's lane is settled.
    """
    stream, window = terms.job.stream, terms.window
    if window.mode == "replay":
        # What was marked may have been read by either lane. The live lane's copy is kept up to date by itself.
        live = terms.live_stream
        return [Source(live, "marked"), Source(live.history(), "marked")]
    if window.mode != "live":
        return [Source(stream, "history", window.created_from, window.created_to, seen_since=shown)]
    if not stream.is_history:
        return [Source(stream, "live", window.created_from, stored_since=stored_since)]
    # What the next live run would read, read into the lane of history, where other runs have left much more.
    news = Source(stream, "live", window.created_from, after=window.after)
    # The next live run also decides and sends what waits in its own lane: a preview shows it, a canary leaves it.
    return [Source(terms.live_stream, "history"), news] if window.preview else [news]


def batches(
    ledger: Ledger, terms: Terms, zone: ZoneInfo, stored_since: int | None = None
) -> Iterator[tuple[StreamKey, list[StagedRow]]]:
    """Iterate over the rows to decide on, by lane, in batches that make full look-ups.

    :param zone: the site's time zone, for the filter's days.
    :param stored_since: the batch up to which a live run's lane is settled; None: look at all rows.
    """
    # Of a few records only few are opened and looked up.
    size = BATCH if terms.window.max_records is None else min(BATCH, PER_CALL)
    run_id = terms.run_key.removeprefix(f"{terms.job.stream.dag}/")
    shown = seen_since(ledger, terms.job.stream, run_id, terms.window)
    for source in sources(terms, shown, stored_since):
        chunks = _meant(_undecided(ledger, terms, source, size), terms, source, zone)
        if terms.job.stream.entity == "Accounts":
            chunks = lookup_batches(chunks, terms.window, size)
        for rows in chunks:
            yield source.stream, rows


def _undecided(ledger: Ledger, terms: Terms, source: Source, chunk: int) -> Iterable[list[StagedRow]]:
    return ledger.staging.undecided(
        source.stream,
        terms.job.destination,
        terms.job.position,
        chunk=chunk,
        fingerprint=terms.fingerprint,
        window_fingerprint=terms.window_fingerprint,
        company=terms.job.company,
        created_from=source.created_from,
        created_to=source.created_to,
        which=source.which,
        seen_since=source.seen_since,
        stored_since=source.stored_since,
        # A live run waits a day before it looks again, and so its preview does not look.
        look_again=terms.window.mode != "live" and bool(terms.mapping.contact_select),
    )


def _meant(
    chunks: Iterable[list[StagedRow]], terms: Terms, source: Source, zone: ZoneInfo
) -> Iterator[list[StagedRow]]:
    """Leave out, undecided, what the run's filter does not mean and what did not change since its start."""
    where = terms.window.where
    for chunk in chunks:
        rows = chunk
        if source.after is not None:
            rows = [row for row in rows if row.row_version > source.after]
        if where != RecordFilter():
            rows = [row for row in rows if matches(where, row.row, zone)]
        if rows:
            yield rows

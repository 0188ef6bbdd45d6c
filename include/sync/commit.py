"""Commit: publish how far the stream has been read, once everything read is safe in the ledger."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from include.errors import ConfigurationError

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.records import Window
    from include.sync.job import Job

log = logging.getLogger(__name__)

OPEN_STATES = ("ready", "sending", "retry", "in_doubt")


def commit(ledger: Ledger, job: Job, run_id: str, window: Window) -> dict[str, Any]:
    """Advance the watermark to the highest row version this run staged; return what goes to XCom.

    Row versions are text in it: they have 64 bits, and a browser's numbers have 53.

    :return: ``from``, ``to``, ``run_id``, ``mode``, ``committed_at``, ``advanced`` and ``counts``.
    :raises ConfigurationError: the watermark was moved back while the run was under way.
    """
    # Extract begins the window anew when Exact has made new row versions.
    window = ledger.windows.get(job.stream, run_id) or window
    seen = ledger.staging.highest_seen(job.stream, run_id)
    reached = max(window.after, seen or window.after)
    if window.advances:
        reached = advance(ledger, job, run_id, window, reached)
    counts = ledger.deliveries.counts(job.stream, job.destination, job.position)
    waiting = sum(counts.get(state, 0) for state in OPEN_STATES)
    if waiting:
        log.warning("%s records wait in the ledger; the next run takes them up.", waiting)
    return {
        "from": str(window.after),
        "to": str(reached),
        "run_id": run_id,
        "mode": window.mode,
        "committed_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "advanced": window.advances,
        "counts": counts,
    }


def advance(ledger: Ledger, job: Job, run_id: str, window: Window, reached: int) -> int:
    """Move the watermark forward by compare-and-set; return where it stands afterwards."""
    while True:
        mark = ledger.watermarks.get(job.stream)
        if mark is None or mark.value < window.after:
            raise ConfigurationError(
                f"The watermark of {job.stream} was moved back while {run_id} was running.",
                reason_code="ledger.watermark.moved_back",
                way_out="Nothing is lost: the next run reads again from there.",
            )
        to = max(mark.value, reached)
        witness = ledger.staging.source_at(job.stream, to) if to > mark.value else None
        if ledger.watermarks.advance(
            job.stream, expected=mark.value, to=to, run_id=run_id, created_from=mark.created_from, witness=witness
        ):
            log.info("Watermark of %s: %s -> %s", job.stream, window.after, to)
            return to

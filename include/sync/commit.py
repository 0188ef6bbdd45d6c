"""Commit: publish how far the stream has been read, once everything read is safe in the ledger."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from include.errors import ConfigurationError
from include.ledger.states import DONE, PENDING, WAITING
from include.sync.run_result import counts_of, note_result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from include.ledger import Ledger
    from include.records import Window
    from include.sync.job import Job

log = logging.getLogger(__name__)


def commit(ledger: Ledger, job: Job, run_id: str, window: Window) -> dict[str, Any]:
    """Advance the watermark to the highest row version this run staged; return what goes to XCom.

    Only a live run advances it. Any other leaves it where it is: its ``to`` is its ``from``, ``advanced`` is False,
    and nobody may start from what it returns.

    Row versions are text in it: they have 64 bits, and a browser's numbers have 53.

    :return: ``from``, ``to``, ``run_id``, ``mode`` as people call it, ``committed_at``, ``advanced`` and ``counts``:
        what became of records in this run, and how many wait: of the whole stream after a live run.
    :raises ConfigurationError: the watermark was moved back while the run was under way.
    """
    # Extract begins the window anew when Exact has made new row versions.
    window = ledger.windows.get(job.stream, run_id) or window
    advances = window.advances and not job.stream.is_history
    reached = window.after
    if advances:
        seen = ledger.staging.highest_seen(job.stream, run_id)
        reached = advance(ledger, job, run_id, window, max(window.after, seen or window.after))
    came_to = counts_of(ledger, job, run_id, window)
    note_result(ledger, job, run_id, window=window, reached=reached, counts=came_to)
    counts = of_run(ledger, job, run_id) if job.stream.is_history else of_live_run(ledger, job, came_to)
    waiting = sum(counts.get(state, 0) for state in PENDING)
    if waiting:
        then = "clear this run's task load to go on" if job.stream.is_history else "the next run takes them up"
        log.warning("%s records wait in the ledger; %s.", waiting, then)
    return {
        "from": str(window.after),
        "to": str(reached),
        "run_id": run_id,
        "mode": window.name,
        "committed_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "advanced": advances,
        "counts": counts,
    }


def of_live_run(ledger: Ledger, job: Job, came_to: Mapping[str, int]) -> dict[str, int]:
    """Return state -> how many deliveries this run brought into it, and how many of the stream wait.

    Not how many the stream has: to count a million that were done long ago would take longer than the run.
    """
    counts = {state: count for state in (*DONE, *WAITING) if (count := came_to.get(state, 0))}
    waits = ledger.deliveries.pending(job.company, job.destination, job.position, stream=job.stream)
    return counts | {state: count for state in PENDING if (count := getattr(waits, state))}


def of_run(ledger: Ledger, job: Job, run_id: str) -> dict[str, int]:
    """Return state -> how many deliveries this run was the last to touch, or has still to send."""
    run_key = job.run_key(run_id)
    outcomes = ledger.outcomes
    counts: dict[str, int] = {state: count for state, count in outcomes.of_run(run_key).items() if state in DONE}
    counts |= {state: count for state, count in ledger.deliveries.selected(run_key).items() if count}
    for state in WAITING:
        found = ledger.deliveries.rejections(run_id=run_key, states=(state,))
        if count := sum(number for _, _, number in found):
            counts[state] = count
    return counts


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

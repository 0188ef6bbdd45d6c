"""What a run came to, put together from what the ledger knows of that run alone, however much else is in it."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from include.ledger.run_results import CAME_TO, READ
from include.ledger.states import DONE, PENDING, WAITING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from include.ledger import Ledger
    from include.records import Window
    from include.sync.job import Job

log = logging.getLogger(__name__)


def note_result(
    ledger: Ledger, job: Job, run_id: str, *, window: Window, reached: int, counts: Mapping[str, int]
) -> None:
    """Keep what a run came to; where the ledger cannot, the run is none the worse for it.

    :param window: of the run.
    :param counts: of it, see `counts_of`.
    :param reached: where the watermark stands for it.
    """
    run = job.run_key(run_id)
    try:
        ledger.run_results.write(
            *(job.stream, job.destination, run),
            mode=window.name,
            started_at=ledger.windows.pinned_at(job.stream, run_id),
            after=window.after,
            reached=reached,
            counts=counts,
            calls=calls_of(ledger, run),
        )
    except SQLAlchemyError:
        # Its text holds the statement; what is wrong with the ledger, the next write will say.
        log.warning("What %s came to was not kept: the ledger cannot be written to.", run)


def counts_of(ledger: Ledger, job: Job, run_id: str, window: Window) -> dict[str, int]:
    """Return what a run has read and what it came to, in records; every count is there.

    :param window: of the run; a preview decides nothing, so that what it showed is counted.
    """
    run, read = job.run_key(run_id), ledger.staging.totals(job.stream, run_id)
    counts = dict.fromkeys((*READ, *CAME_TO), 0) | {name: getattr(read, name) for name in READ}
    if window.preview:
        return counts | ledger.previews.outcomes(run)
    states = ledger.outcomes.came_to(run)
    counts |= {state: states.get(state, 0) for state in (*DONE, *WAITING)}
    # A run of history has what others own in its outbox, too.
    waiting = ledger.deliveries.selected(run) if job.stream.is_history else states
    counts["pending"] = sum(waiting.get(state, 0) for state in PENDING)
    return counts


def calls_of(ledger: Ledger, run: str) -> dict[str, int]:
    """Return how many calls a run has made, by service.

    :param run: its name in the ledger.
    """
    calls: Counter[str] = Counter()
    for (service, _, _), count in ledger.calls(run).items():
        calls[service] += count
    return dict(calls)

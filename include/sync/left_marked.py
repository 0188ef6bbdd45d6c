"""A replay says what it did not decide, and what to do about it."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.sync.terms import Terms

log = logging.getLogger(__name__)


def left_marked(ledger: Ledger, terms: Terms) -> dict[str, int]:
    """Count what is still marked for a replay in the run's streams, and say why.

    :return: ``left_marked``, or nothing where nothing is left.
    """
    job = terms.job
    left = ledger.deliveries.still_marked(job.stream, job.destination, job.position, job.company)
    reasons = {
        "sent_elsewhere": "they were sent for another position meanwhile, and nobody applies twice. There is nothing "
        "to do.",
        "not_there": "what was read of them is not there any more (EXACT_PERSONIO_RETENTION_DAYS). A window over the "
        "days of their creation reads and decides them.",
        "left": "the run ended before it came to them. Trigger it again, without `max_records`.",
    }
    for one in left:
        conf = json.dumps({"replay_only": True, "division": job.stream.division, "job_position_id": one.job})
        other = f"they are for position {one.job}, and this run is for {job.position}. Trigger the DAG with {conf}."
        log.warning("%s marked records are not decided: %s", one.count, reasons.get(one.why, other))
    count = sum(one.count for one in left)
    return {"left_marked": count} if count else {}

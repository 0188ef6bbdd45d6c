"""How much a person was asked for, and that a load sends no more than that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from include.errors import ConfigurationError
from include.sync.outbox import RunOutbox

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.records import Window
    from include.sync.job import Job

APPROVED = "approve"


def to_send(ledger: Ledger, job: Job, run_id: str, window: Window) -> dict[str, Any]:
    """Return what a person is asked for: ``records`` that the load would send at most, and ``settled`` before.

    What is in doubt counts: it is looked up, and sent again where it did not arrive.
    """
    outbox = _outbox(ledger, job, run_id, window)
    return {"records": outbox.left(), "settled": outbox.settled()}


def refuse_outgrown(ledger: Ledger, job: Job, run_id: str, window: Window) -> None:
    """Refuse to send more than a person approved.

    Only what a run of history selected can grow behind its question. What a live run waits with, every other live
    run sends as well, and nobody asks there.

    :raises ConfigurationError: more was decided since; nothing is sent.
    """
    approval = ledger.approvals.get(job.run_key(run_id)) if job.stream.is_history else None
    if approval is None or approval.answer != APPROVED or "records" not in approval.asked:
        return
    now = to_send(ledger, job, run_id, window)
    count = now["records"] + now["settled"] - approval.asked.get("settled", 0)
    if count > approval.asked["records"]:
        raise ConfigurationError(
            f"{approval.asked['records']} records were approved, and by now it would be {count}.",
            reason_code="approval.outgrown",
            way_out="Nothing was sent. Clear the task approve of this run with what follows: it asks again.",
        )


def _outbox(ledger: Ledger, job: Job, run_id: str, window: Window) -> RunOutbox:
    selected = job.stream.is_history
    return RunOutbox(ledger, job, job.run_key(run_id), selected=selected, most=window.max_records)

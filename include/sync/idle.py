"""Whether a live run has come to its end with what it read: most runs of a schedule find nothing new."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.sync.looking_again import is_due
from include.sync.outbox import RunOutbox
from include.sync.settling import Settling
from include.sync.terms import Terms

if TYPE_CHECKING:
    from datetime import timedelta

    from include.ledger import Ledger
    from include.records import Window
    from include.sync.job import Job
    from include.transform import Mapping


def is_idle(
    ledger: Ledger, job: Job, *, mapping: Mapping, run_id: str, window: Window, look_again: timedelta | None
) -> bool:
    """Say whether nothing waits to be decided, asked, sent or looked up; never so of any other run than a live one.

    To be asked once the run has read. What comes in between is the next run's, as it is for a run that has just
    ended.

    :param ledger: the open ledger.
    :param job: what is moved where, in the lane of the run.
    :param mapping: how rows become records.
    :param run_id: Airflow's id of the run.
    :param window: as pinned.
    :param look_again: how long an account waits that was rejected for its main contact; None: for ever.
    """
    terms = Terms(job, mapping, window, job.run_key(run_id))
    if window.max_records is not None or not Settling(ledger, terms).is_over or is_due(ledger, terms, look_again):
        return False
    # An answer that was given to an earlier question of this run is taken back by its task alone.
    if ledger.approvals.get(terms.run_key) is not None:
        return False
    if RunOutbox(ledger, job, terms.run_key, selected=False, most=None).left():
        return False
    # What a run of history left without an answer, or a run for another position, the next live run looks up.
    return not ledger.deliveries.is_any_in_flight(job.stream, job.destination)

"""Which delivery serves which destination."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.sync.applications import ApplicationDelivery
from include.sync.employees import EmployeeDelivery
from include.sync.matches import EmployeeMatching

if TYPE_CHECKING:
    from include.clients.personio import PersonioClient
    from include.ledger import Ledger
    from include.sync.delivery import Delivery
    from include.sync.job import Job


def delivery_for(ledger: Ledger, job: Job, personio: PersonioClient, *, updated_since: str | None = None) -> Delivery:
    """Return how the job's destination takes a record.

    :param updated_since: for matches: a date; employees that changed since are noted too.
    """
    if job.destination == "application":
        return ApplicationDelivery(personio)
    if job.destination == "employee":
        return EmployeeDelivery(personio)
    waiting = ledger.deliveries.pending(job.company, job.destination, job.position, stream=job.stream)
    return EmployeeMatching(personio, expected=waiting.total, updated_since=updated_since)

"""What makes a staged row wait for a decision, as conditions that run on the indexes alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import literal, or_, select

from include.ledger.states import DONE, IN_FLIGHT, WAITING
from include.ledger.tables import deliveries, staged

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from include.records import Destination


def sent_elsewhere(destination: Destination, job: int, company: int | None) -> ColumnElement[bool]:
    """Return the condition that a staged row was sent for another job.

    What only waits to be sent does not count, nor what was refused unprocessed and waits for its time: the
    position may have been wrong, and was corrected since.
    """
    conditions = [
        deliveries.c.source_id == staged.c.source_id,
        deliveries.c.division == staged.c.division,
        deliveries.c.entity == staged.c.entity,
        deliveries.c.destination == destination,
        deliveries.c.job != job,
        deliveries.c.state.in_((*DONE, *IN_FLIGHT)),
    ]
    if company is not None:
        conditions.append(deliveries.c.company == company)
    return select(literal(1)).where(*conditions).exists()


def decided(destination: Destination, job: int, fingerprint: str | None, company: int | None) -> ColumnElement[bool]:
    """Return the condition that a decision stands for a staged row; the index holds all it asks for."""
    conditions = [
        deliveries.c.source_id == staged.c.source_id,
        deliveries.c.division == staged.c.division,
        deliveries.c.entity == staged.c.entity,
        deliveries.c.destination == destination,
        deliveries.c.job == job,
        deliveries.c.decided_version >= staged.c.row_version,
    ]
    if company is not None:
        conditions.append(deliveries.c.company == company)
    if fingerprint is not None:
        conditions.append(or_(deliveries.c.fingerprint == fingerprint, deliveries.c.state.not_in(WAITING)))
    # A constant, not the columns: SQLite leaves the index for what EXISTS selects, although nobody reads it.
    return select(literal(1)).where(*conditions).exists()

"""One position per person: what waits for another one is put aside when a run decides for its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import select

from include.ledger import events, run_outbox
from include.ledger.tables import deliveries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from include.records import Destination, StreamKey

SUPERSEDED = "ledger.job_position_id.superseded"


class Deciding(Protocol):
    """What is decided for, by whom, when."""

    @property
    def stream(self) -> StreamKey:
        """What was read."""

    @property
    def destination(self) -> Destination:
        """What a record becomes."""

    @property
    def job(self) -> int:
        """The position that is decided for."""

    @property
    def company(self) -> int:
        """Personio's company."""

    @property
    def run_id(self) -> str:
        """Who decides."""

    @property
    def at(self) -> datetime:
        """When."""


def supersede(connection: Connection, deciding: Deciding, source_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Put aside what waits to be sent for other positions; return the events that say so, not yet written.

    A position that was wrong is corrected by the next run. Without this, a later run for the old position would
    send what had waited for it, and everybody would have applied twice.

    :param source_ids: records that were just made ready for this position.
    """
    waiting = (
        select(deliveries.c.id, deliveries.c.state, deliveries.c.attempt)
        .where(
            deliveries.c.source_id.in_(source_ids),
            deliveries.c.division == deciding.stream.division,
            deliveries.c.entity == deciding.stream.entity,
            deliveries.c.destination == deciding.destination,
            deliveries.c.job != deciding.job,
            deliveries.c.company == deciding.company,
            deliveries.c.state.in_(("ready", "retry")),
        )
        .order_by(deliveries.c.id)
        # What a load has just taken is not waited for: it stands.
        .with_for_update(skip_locked=True)
    )
    rows = connection.execute(waiting).all()
    values = {
        "state": "skipped_by_rule",
        "reason_code": SUPERSEDED,
        "field": "job_position_id",
        "due_at": None,
        "run_id": deciding.run_id,
        "updated_at": deciding.at,
    }
    ids = [row.id for row in rows]
    connection.execute(deliveries.update().where(deliveries.c.id.in_(ids)).values(values))
    run_outbox.release(connection, ids)
    return [
        events.line(
            row.id,
            run_id=deciding.run_id,
            at=deciding.at,
            from_state=row.state,
            to_state="skipped_by_rule",
            reason_code=SUPERSEDED,
            field="job_position_id",
            attempt=row.attempt,
        )
        for row in rows
    ]

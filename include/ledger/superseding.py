"""One position per person: what waits for another one is put aside when it is sure that this one is served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import literal, select

from include.ledger import events, run_outbox
from include.ledger.locks import serialise
from include.ledger.settled import unsettle
from include.ledger.states import DONE, IN_FLIGHT
from include.ledger.tables import deliveries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection
    from sqlalchemy import Row as SqlRow

    from include.records import Destination, StreamKey

SUPERSEDED = "ledger.job_position_id.superseded"
_PUT_ASIDE = {"state": "skipped_by_rule", "reason_code": SUPERSEDED, "field": "job_position_id", "due_at": None}


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
    send what had waited for it, and everybody would have applied twice. For live runs: what a run of history decides
    may never be sent, so it puts nothing aside before it is.

    :param source_ids: records that were just made ready for this position.
    """
    others = [
        deliveries.c.source_id.in_(source_ids),
        deliveries.c.division == deciding.stream.division,
        deliveries.c.entity == deciding.stream.entity,
        deliveries.c.destination == deciding.destination,
        deliveries.c.job != deciding.job,
        deliveries.c.company == deciding.company,
    ]
    return _put_aside(connection, others, deciding.run_id, deciding.at, {})


def give_way(connection: Connection, row: SqlRow[Any], *, run_id: str, at: datetime) -> bool:
    """See to it that a record is sent for one position: put this delivery aside, or what waits for other positions.

    What is put aside here keeps no fingerprint: if nothing comes of the other position, the next run that means
    this one decides the record again.

    :param row: a delivery that is about to be sent, locked by this transaction.
    :return: whether the record was sent for another position of the company, or may have been: this one must not be.
    """
    if not row.job:
        return False
    names = ("source_id", "division", "entity", "destination", "company")
    others = [*(deliveries.c[name] == getattr(row, name) for name in names), deliveries.c.job != row.job]
    values = {"fingerprint": ""}
    # Two loads that take the same record for two positions: the later one sees what the other has done. Each holds
    # one record at a time, so they never wait for each other.
    serialise(connection, f"send {row.company} {row.destination} {row.division} {row.entity} {row.source_id}")
    sent = select(literal(1)).where(*others, deliveries.c.state.in_((*DONE, *IN_FLIGHT))).limit(1)
    superseded = connection.execute(sent).first() is not None
    meant = [deliveries.c.id == row.id] if superseded else others
    if lines := _put_aside(connection, meant, run_id, at, values):
        events.write(connection, lines)
        unsettle(connection, [(row.division, row.entity)])
    return superseded


def _put_aside(
    connection: Connection, where: list[ColumnElement[bool]], run_id: str, at: datetime, values: dict[str, Any]
) -> list[dict[str, Any]]:
    waiting = (
        select(deliveries.c.id, deliveries.c.state, deliveries.c.attempt)
        .where(*where, deliveries.c.state.in_(("ready", "retry")))
        .order_by(deliveries.c.id)
        # What a load has just taken is not waited for: it stands.
        .with_for_update(skip_locked=True)
    )
    rows = connection.execute(waiting).all()
    if not rows:
        return []
    ids = [row.id for row in rows]
    changed = {**_PUT_ASIDE, **values, "run_id": run_id, "updated_at": at}
    connection.execute(deliveries.update().where(deliveries.c.id.in_(ids)).values(changed))
    run_outbox.release(connection, ids)
    told = {"to_state": "skipped_by_rule", "reason_code": SUPERSEDED, "field": "job_position_id"}
    return events.of_all(rows, run_id=run_id, at=at, **told)

"""Which deliveries a claim may take, and what becomes of those whose holder was not heard of again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, or_, select

from include.ledger import events as event_log
from include.ledger.run_outbox import in_outbox
from include.ledger.states import UNANSWERED, WAITING
from include.ledger.tables import deliveries, events
from include.ledger.windows import of_lanes, of_stream

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Select

    from include.records import Destination, StreamKey

LEASE_EXPIRED = "ledger.lease.expired"
LIMITED = "personio.limit.%"
"""The reasons of records that were refused unprocessed because a limit was used up."""


def sent_to(company: int | None, destination: Destination, job: int | None) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a delivery is for a destination and position."""
    return (
        deliveries.c.company == (company or 0),
        deliveries.c.destination == destination,
        deliveries.c.job == (job or 0),
    )


def outbox(company: int | None, destination: Destination, job: int | None, stream: StreamKey | None) -> Select[Any]:
    """Return the query for all deliveries of a destination and position."""
    query = select(deliveries).where(*sent_to(company, destination, job))
    return query if stream is None else query.where(of_stream(deliveries, stream))


def looked_after(company: int | None, destination: Destination, job: int | None, stream: StreamKey) -> Select[Any]:
    """Return the query for a stream's deliveries, of a live lane also for those of the feed's history lanes.

    Runs of such a lane come when a person wants them: what one left under way or in doubt, the next live run settles.
    """
    return select(deliveries).where(*sent_to(company, destination, job), of_lanes(deliveries, stream))


def selected(company: int | None, destination: Destination, job: int | None, run_key: str) -> Select[Any]:
    """Return the query for what is in a run's outbox, whoever owns it."""
    return select(deliveries).where(*sent_to(company, destination, job), in_outbox(run_key))


def other_positions(company: int, destination: Destination, job: int, stream: StreamKey) -> Select[Any]:
    """Return the query for a stream's deliveries to positions other than this one."""
    return select(deliveries).where(
        deliveries.c.company == company,
        deliveries.c.destination == destination,
        deliveries.c.job != job,
        of_lanes(deliveries, stream),
    )


def sendable(outbox: Select[Any], now: datetime, ready: Select[Any] | None = None) -> tuple[Select[Any], ...]:
    """Return the searches for what may be sent, in the order in which they are to be made.

    What met a limit has waited its turn and goes first. What met trouble of its own goes after everybody who has
    not had a turn yet: a record that the service cannot digest must not keep the others from being sent.

    :param ready: the search for what is ready; None: all along the outbox.
    """
    due = outbox.where(deliveries.c.state == "retry", deliveries.c.due_at <= now).order_by(deliveries.c.due_at)
    if ready is None:
        ready = outbox.where(deliveries.c.state == "ready")
        # The order of the index, so that the first hit ends the search.
        ready = ready.order_by(deliveries.c.dag_id, deliveries.c.division, deliveries.c.entity, deliveries.c.id)
    return due.where(deliveries.c.reason_code.like(LIMITED)).limit(1), ready.limit(1), due.limit(1)


def doubtful(outbox: Select[Any], now: datetime) -> tuple[Select[Any], ...]:
    """Return the search for the next delivery in doubt: who has waited longest since it was due goes first."""
    due = or_(deliveries.c.due_at.is_(None), deliveries.c.due_at <= now)
    in_doubt = outbox.where(deliveries.c.state == "in_doubt", due)
    return (in_doubt.order_by(deliveries.c.due_at.asc().nulls_first(), deliveries.c.id).limit(1),)


def unanswered(connection: Connection, delivery_id: int) -> int:
    """Return how many attempts got no clear answer since the delivery was last refused or put aside.

    A dead letter is refused, so one that is replayed begins again at nought.
    """
    mine = events.c.delivery_id == delivery_id
    refused = select(func.coalesce(func.max(events.c.id), 0)).where(mine, events.c.to_state.in_(WAITING))
    query = select(func.count()).where(mine, events.c.kind == UNANSWERED, events.c.id > refused.scalar_subquery())
    return int(connection.execute(query).scalar_one())


def first_sent(connection: Connection, delivery_id: int) -> datetime | None:
    """Return when the first attempt held the delivery that got no clear answer; None if its event is gone.

    Attempts before it were refused, so what they sent was not taken. Those after it count, too: a look-up by a host
    whose clock is behind must not make the attempt look later than it was.
    """
    mine = events.c.delivery_id == delivery_id
    doubt = select(func.min(events.c.attempt)).where(mine, events.c.to_state == "in_doubt").scalar_subquery()
    query = select(func.min(events.c.at).label("at"), func.min(events.c.attempt).label("least"), doubt.label("doubt"))
    held = connection.execute(query.where(mine, events.c.to_state == "sending", events.c.attempt >= doubt)).one()
    found: datetime | None = held.at if held.least == held.doubt else None
    return found


def expire(connection: Connection, outbox: Select[Any], run_id: str, now: datetime) -> int:
    """Turn every delivery whose lease ran out into ``in_doubt``; return how many there were."""
    expired = outbox.where(deliveries.c.state == "sending", deliveries.c.lease_until < now)
    rows = connection.execute(expired.with_for_update(skip_locked=True)).all()
    if not rows:
        return 0
    values = {
        "state": "in_doubt",
        "was_in_doubt": True,
        "lease_until": None,
        "due_at": None,
        "reason_code": LEASE_EXPIRED,
        "updated_at": now,
    }
    connection.execute(deliveries.update().where(deliveries.c.id.in_([row.id for row in rows])).values(values))
    lines = [
        event_log.line(
            row.id,
            run_id=run_id,
            at=now,
            kind=UNANSWERED,
            from_state="sending",
            to_state="in_doubt",
            reason_code=LEASE_EXPIRED,
            attempt=row.attempt,
        )
        for row in rows
    ]
    event_log.write(connection, lines)
    return len(rows)

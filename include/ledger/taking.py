"""Taking a delivery to send it: by one holder, for one position, with the content of the run that sends it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from include.ledger import events, names
from include.ledger.leases import first_sent, unanswered
from include.ledger.own_content import own_values
from include.ledger.settled import unsettle
from include.ledger.superseding import give_way
from include.ledger.tables import deliveries

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection
    from sqlalchemy import Row as SqlRow

    from include.ledger.crypto import Cipher
    from include.records import Row

NEXT_STATES = ("ready", "retry")
"""Of what is taken to be sent; anything else is taken to be looked up first."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send one delivery, until the lease ends.

    :param attempt: fences the claim: an outcome counts only if nobody has claimed the delivery since.
    :param was_in_doubt: whether an earlier attempt may have succeeded: "already exists" is then ours.
    :param prior_attempts: claims before this one.
    :param unanswered: how many attempts got no clear answer since the last refusal.
    :param since: when the delivery came into the state that it was claimed in.
    :param first_sent_at: when the first attempt without a clear answer held it; None: there was none, or its event is
        gone.
    """

    delivery_id: int
    key: str
    source_id: str
    division: int
    entity: str
    attempt: int
    payload: Row = field(repr=False)
    email: str | None = field(repr=False)
    was_in_doubt: bool
    prior_attempts: int
    run_id: str
    unanswered: int
    since: datetime
    first_sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Taking:
    """Who takes a delivery, when, until when.

    :param kind: of the event that says so.
    :param selected_for: the run whose outbox the delivery is taken from; None: from its owner's.
    """

    run_id: str
    at: datetime
    until: datetime
    kind: str
    selected_for: str | None = None


def take(connection: Connection, cipher: Cipher, row: SqlRow[Any], taking: Taking) -> Claim | None:
    """Make a delivery the taker's; None if the record was sent for another position meanwhile.

    :param row: the delivery, locked by this transaction.
    """
    own: dict[str, Any] = {}
    called: list[str] = []
    if row.state in NEXT_STATES:
        if give_way(connection, row, run_id=taking.run_id, at=taking.at):
            return None
        if taking.selected_for is not None:
            own, called = own_values(connection, cipher, taking.selected_for, row.id)
    # Opened first: a payload that no key opens must not leave a delivery in `sending`.
    content = cipher.open(own.get("sealed", row.sealed))
    attempt = row.attempt + 1
    values = {
        **own,
        "state": "sending",
        "attempt": attempt,
        "lease_until": taking.until,
        "due_at": None,
        "run_id": taking.run_id,
        "updated_at": taking.at,
    }
    connection.execute(deliveries.update().where(deliveries.c.id == row.id).values(values))
    if own:
        names.replace(connection, cipher, {row.id: called})
    line = events.line(
        row.id,
        run_id=taking.run_id,
        at=taking.at,
        kind=taking.kind,
        from_state=row.state,
        to_state="sending",
        attempt=attempt,
    )
    events.write(connection, [line])
    if own:
        unsettle(connection, [(row.division, row.entity)])
    return Claim(
        delivery_id=row.id,
        key=row.key,
        source_id=row.source_id,
        division=row.division,
        entity=row.entity,
        attempt=attempt,
        payload=content["payload"],
        email=content["email"],
        was_in_doubt=row.was_in_doubt,
        prior_attempts=row.attempt,
        run_id=taking.run_id,
        unanswered=unanswered(connection, row.id) if row.attempt else 0,
        since=row.updated_at,
        first_sent_at=first_sent(connection, row.id) if row.was_in_doubt else None,
    )

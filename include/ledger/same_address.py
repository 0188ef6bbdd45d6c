"""Two records with one address: for which of them Personio has made what is found there.

Exact has the same person more than once, and Personio takes an address once per position, or once as an employee.
That an attempt without an answer made what is found is concluded, and not told: where another record of the address
has been told so, it is that one's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, select

from include.ledger.locks import serialise
from include.ledger.tables import deliveries

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from include.ledger.crypto import Cipher
    from include.ledger.states import SettledState
    from include.ledger.taking import Claim

OTHER_RECORD: Final = "ledger.delivery.other_record"
"""What was found was made for another record with the same address."""

CLOCKS_APART: Final = timedelta(minutes=15)
"""How far our clock and the destination's may be apart, at most."""


@dataclass(frozen=True, slots=True)
class Concluded:
    """That a claim's attempt without an answer has made what is found is concluded from its being there.

    :param made_at: aware; when it was made, by the destination's clock. None: it does not say.
    """

    made_at: datetime | None = None


def alone_with(connection: Connection, cipher: Cipher, claim: Claim) -> None:
    """Let nobody else conclude on this address until the transaction ends; to be called first in it."""
    if claim.email:
        serialise(connection, f"address {cipher.email_digest(claim.email)}")


def settled_as(
    connection: Connection, cipher: Cipher, claim: Claim, concluded: Concluded
) -> tuple[SettledState, str, datetime | None] | None:
    """Return state, reason and due time of a claim whose attempt did not make what was found; None: it did.

    While a request for another record of the address is under way, its answer is waited for.
    """
    if not claim.email:
        return None
    own = deliveries.alias("own")
    same = and_(*(deliveries.c[name] == own.c[name] for name in ("company", "destination", "job")))
    query = (
        select(deliveries.c.state, deliveries.c.updated_at, deliveries.c.lease_until)
        .join(own, same)
        .where(own.c.id == claim.delivery_id, deliveries.c.id != claim.delivery_id)
        .where(deliveries.c.email_hash == cipher.email_digest(claim.email))
        .where(deliveries.c.state.in_(("created", "sending")))
    )
    others: list[Any] = list(connection.execute(query))
    if any(one.state == "created" and _may_be_its(one.updated_at, concluded.made_at) for one in others):
        return "already_there", OTHER_RECORD, None
    leases = [one.lease_until for one in others if one.state == "sending"]
    return ("in_doubt", OTHER_RECORD, max(leases)) if leases else None


def _may_be_its(created_at: datetime, made_at: datetime | None) -> bool:
    """Say whether a record that was created then may be the one: else Personio has forgotten what that one made."""
    return made_at is None or made_at <= created_at + CLOCKS_APART

"""What a run decided for a delivery that somebody else has waiting: kept in its outbox, and sent by nobody else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from include.ledger.known_deliveries import content_of
from include.ledger.names import words_for
from include.ledger.run_tables import run_outbox

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from include.ledger.crypto import Cipher
    from include.records import Decision


def seal_own(cipher: Cipher, decision: Decision, fingerprint: str) -> bytes:
    """Return a decision as it is put into a run's outbox.

    :param fingerprint: of the mapping that decided: if the service refuses it, it is so for this mapping.
    """
    trace = json.dumps(dict(decision.trace)) if decision.trace else None
    return cipher.seal(
        {**content_of(decision), "trace": trace, "fingerprint": fingerprint, "called": decision.called}
    )


def own_values(
    connection: Connection, cipher: Cipher, run_key: str, delivery_id: int
) -> tuple[dict[str, Any], list[str]]:
    """Return what a run has of its own for a delivery: the column values that make it the delivery's, and its names.

    Empty if the run sends what the delivery holds. What is sent again or looked up later must be what was sent, so
    whoever takes the delivery to send it writes these values in the same transaction.
    """
    query = select(run_outbox.c.sealed).where(run_outbox.c.run_id == run_key, run_outbox.c.delivery_id == delivery_id)
    sealed = connection.execute(query).scalar()
    if sealed is None:
        return {}, []
    own = cipher.open(sealed)
    content = {"payload": own["payload"], "email": own["email"]}
    values = {
        "sealed": cipher.seal(content),
        "content_hash": cipher.digest_of(content),
        "email_hash": cipher.email_digest(own["email"]) if own["email"] else None,
        "trace": own["trace"],
        "fingerprint": own["fingerprint"],
    }
    # What an older version has left in an outbox does not say it.
    return values, words_for(own["payload"], own.get("called", ""))

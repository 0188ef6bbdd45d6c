"""Taking back that a record is at Personio: it is in doubt again, so the next load looks for it before it sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from include.ledger import events
from include.ledger.balances import Target
from include.ledger.remote_matches import CONFIRMED
from include.ledger.settled import unsettle
from include.ledger.tables import deliveries

if TYPE_CHECKING:
    from collections.abc import Collection

    from include.ledger.database import Database
    from include.records import Destination

REOPENED: Final = "ledger.delivery.reopened"


def reopen(
    database: Database, source_id: str, destination: Destination, targets: Collection[str], *, run_id: str
) -> tuple[int, int]:
    """Put a record's deliveries in doubt; return how many, and how many cannot be because their payload is gone.

    The machine of a lost answer does the rest: found at Personio, it is settled; surely absent, it is sent again.

    :param source_id: at Exact.
    :param targets: names of the streams in which it is missing; what is proven elsewhere stays as it is.
    :param run_id: who asks, for the record's story.
    """
    now = database.now()
    query = select(deliveries).where(
        deliveries.c.source_id == source_id,
        deliveries.c.destination == destination,
        deliveries.c.state.in_(CONFIRMED),
    )
    done = blanked = 0
    feeds: set[tuple[int, str]] = set()
    with database.write() as connection:
        for row in connection.execute(query.order_by(deliveries.c.id).with_for_update()).all():
            if str(Target(row.division, row.entity, row.company, row.destination, row.job)) not in targets:
                continue
            if not row.sealed:
                blanked += 1
                continue
            values = {
                "state": "in_doubt",
                "reason_code": REOPENED,
                "was_in_doubt": True,
                "remote_id": None,
                "due_at": now,
                "run_id": run_id,
                "updated_at": now,
            }
            connection.execute(deliveries.update().where(deliveries.c.id == row.id).values(values))
            told = events.of_all([row], run_id=run_id, at=now, to_state="in_doubt", reason_code=REOPENED)
            events.write(connection, told)
            feeds.add((row.division, row.entity))
            done += 1
        unsettle(connection, feeds)
    return done, blanked

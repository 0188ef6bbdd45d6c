"""What one run has done with deliveries, whichever of its attempts did it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, func, not_, or_, select

from include.ledger.states import IN_FLIGHT, STATE_CHANGE, UNANSWERED
from include.ledger.superseding import SUPERSEDED
from include.ledger.tables import events

if TYPE_CHECKING:
    from sqlalchemy import Select

    from include.ledger.database import Database


class Outcomes:
    """Answers from the log of events, so that they hold over pauses, retries and crashes of a load.

    :param database: the ledger's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_run(self, run_id: str) -> dict[str, int]:
        """Return state -> how many deliveries the run left in it when it last had them; what it put back is left out.

        :param run_id: the run's name in the ledger.
        """
        query = (
            select(events.c.to_state, func.count())
            .where(events.c.id.in_(_last(run_id)), events.c.to_state.not_in(("sending", "ready")))
            .group_by(events.c.to_state)
        )
        with self._database.read() as connection:
            return {str(state): int(count) for state, count in connection.execute(query)}

    def came_to(self, run_id: str) -> dict[str, int]:
        """Return state -> how many deliveries the run left in it, those that it only decided among them.

        What it put aside for other positions, or only looked up for them, is left out: those are no records of its.

        :param run_id: the run's name in the ledger.
        """
        mine = (events.c.run_id == run_id, events.c.kind.in_((STATE_CHANGE, UNANSWERED)))
        last = select(func.max(events.c.id)).where(*mine).group_by(events.c.delivery_id)
        # Without a claim of the run's own: what came out of flight was looked up.
        came_out = func.coalesce(events.c.from_state, "").in_(IN_FLIGHT)
        looked_up = and_(came_out, events.c.delivery_id.not_in(_claimed(run_id)))
        query = select(events.c.to_state, func.count()).where(
            events.c.id.in_(last), not_(looked_up), events.c.reason_code != SUPERSEDED
        )
        with self._database.read() as connection:
            return {str(row[0]): int(row[1]) for row in connection.execute(query.group_by(events.c.to_state))}

    def taken(self, run_id: str) -> set[int]:
        """Return the ids of the deliveries that the run has claimed and not put back.

        :param run_id: the run's name in the ledger.
        """
        query = select(events.c.delivery_id).where(events.c.id.in_(_last(run_id)), events.c.to_state != "ready")
        with self._database.read() as connection:
            return set(connection.execute(query).scalars())


def _last(run_id: str) -> Select[tuple[int]]:
    """Return the query for the last event of each delivery that the run has had in its hands to send.

    What is decided makes events, too; what is sent comes into flight, or out of it.
    """
    mine = (events.c.run_id == run_id, events.c.kind.in_((STATE_CHANGE, UNANSWERED)))
    in_hand = or_(events.c.to_state == "sending", events.c.from_state.in_(IN_FLIGHT))
    # What was only looked up, for another position, was never taken to be sent.
    last = select(func.max(events.c.id)).where(*mine, in_hand, events.c.delivery_id.in_(_claimed(run_id)))
    return last.group_by(events.c.delivery_id)


def _claimed(run_id: str) -> Select[tuple[int]]:
    return select(events.c.delivery_id).where(
        events.c.run_id == run_id, events.c.kind == STATE_CHANGE, events.c.to_state == "sending"
    )

"""The outboxes of single runs: what a run that is not live may send, whoever owns the delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, literal, select

from include.ledger.run_tables import run_outbox
from include.ledger.states import PENDING
from include.ledger.tables import deliveries, staged
from include.ledger.windows import of_stream

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Select

    from include.ledger.database import Database
    from include.records import Destination, StreamKey


ABREAST = 100
"""So many loads of one run may take a delivery at the same moment."""


def put(database: Database, connection: Connection, run_key: str, sealed: Mapping[int, bytes | None]) -> None:
    """Put deliveries into a run's outbox; what is there already gets the new content.

    :param sealed: id -> what the run has of its own for it, see `include.ledger.own_content`; None: it sends what
        the delivery holds. Of deliveries that this transaction has locked or made, so that none is settled meanwhile.
    """
    rows = [{"run_id": run_key, "delivery_id": number, "sealed": sealed[number]} for number in sorted(sealed)]
    if rows:
        insert = database.insert(run_outbox)
        replace = {"sealed": insert.excluded.sealed}
        keys = ["run_id", "delivery_id"]
        connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=replace), rows)


def withdraw(connection: Connection, run_key: str, ids: Sequence[int]) -> None:
    """Take deliveries out of one run's outbox: it does not want them sent; whoever else has them waiting sends them.

    :param ids: of deliveries that this transaction has locked.
    """
    if ids:
        mine = (run_outbox.c.run_id == run_key, run_outbox.c.delivery_id.in_(ids))
        connection.execute(run_outbox.delete().where(*mine))


def outdate(connection: Connection, ids: Sequence[int]) -> None:
    """Take deliveries out of outboxes that hold content of their own for them: a newer state was decided since.

    Whoever decided that sends it; a run that wants it with other content decides again.

    :param ids: of deliveries that this transaction has locked.
    """
    if ids:
        own = (run_outbox.c.delivery_id.in_(ids), run_outbox.c.sealed.is_not(None))
        connection.execute(run_outbox.delete().where(*own))


def release(connection: Connection, ids: Sequence[int]) -> None:
    """Take deliveries out of all outboxes: nothing is left to send.

    :param ids: of deliveries that this transaction has locked.
    """
    if ids:
        connection.execute(run_outbox.delete().where(run_outbox.c.delivery_id.in_(ids)))


def in_outbox(run_key: str) -> ColumnElement[bool]:
    """Return the condition that a delivery is in a run's outbox; for searches that find few deliveries."""
    mine = (run_outbox.c.run_id == run_key, run_outbox.c.delivery_id == deliveries.c.id)
    return select(literal(1)).where(*mine).exists()


def ready_in(connection: Connection, run_key: str, meant: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """Return the search for the oldest delivery that is ready in a run's outbox.

    However many other deliveries are ready: it walks along the run's own, of which nearly all are ready, and looks
    at each. That is a search of its own: in one with the lock, PostgreSQL would walk along those of all runs.

    :param connection: the transaction that is to take it.
    :param meant: conditions on the delivery besides.
    """
    looked_at = select(deliveries.c.state).where(deliveries.c.id == run_outbox.c.delivery_id, *meant)
    state = looked_at.scalar_subquery()
    first = (
        select(run_outbox.c.delivery_id)
        .where(run_outbox.c.run_id == run_key, state == "ready")
        .order_by(run_outbox.c.delivery_id)
        # More than one: those that others are just taking are passed over.
        .limit(ABREAST)
    )
    ids = connection.execute(first).scalars().all()
    # Not by the state alone: SQLite would look through everything that is ready instead of at these.
    ready = select(deliveries).where(deliveries.c.id.in_(ids), deliveries.c.state.concat("") == "ready")
    return ready.order_by(deliveries.c.id)


class RunOutboxes:
    """Questions about what single runs may send."""

    _database: Database

    def selected(self, run_key: str) -> dict[str, int]:
        """Return how many deliveries of a run's outbox are in which state; what is settled is not in it any more.

        :param run_key: the run's name in the ledger.
        """
        query = (
            select(deliveries.c.state, func.count())
            .join_from(run_outbox, deliveries, run_outbox.c.delivery_id == deliveries.c.id)
            .where(run_outbox.c.run_id == run_key, deliveries.c.state.in_(PENDING))
            .group_by(deliveries.c.state)
        )
        with self._database.read() as connection:
            return {str(state): int(count) for state, count in connection.execute(query)}

    def sample(
        self,
        stream: StreamKey,
        destination: Destination,
        job: int | None,
        *,
        selected_for: str | None = None,
        limit: int = 10,
    ) -> list[tuple[str, datetime | None]]:
        """Return some of what is ready to be sent: (id at Exact, when it was created there), nothing personal.

        :param selected_for: the run whose outbox is meant, whoever owns what is in it; None: the stream's own.
        """
        same = (
            staged.c.source_id == deliveries.c.source_id,
            staged.c.division == deliveries.c.division,
            staged.c.entity == deliveries.c.entity,
        )
        # Whichever lane has read it: when it was created never changes.
        created = select(func.max(staged.c.created)).where(*same).scalar_subquery()
        mine = of_stream(deliveries, stream) if selected_for is None else in_outbox(selected_for)
        query = (
            select(deliveries.c.source_id, created)
            .where(deliveries.c.state == "ready", mine)
            .where(deliveries.c.destination == destination, deliveries.c.job == (job or 0))
            .order_by(deliveries.c.id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [(str(source_id), moment) for source_id, moment in connection.execute(query)]

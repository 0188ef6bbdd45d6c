"""A person's no: what a run wanted to send is put aside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from include.ledger import events
from include.ledger.run_outbox import release
from include.ledger.run_tables import run_outbox
from include.ledger.settled import unsettle
from include.ledger.states import REFUSED
from include.ledger.tables import deliveries
from include.ledger.undecided import held_by_history

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from include.ledger.database import Database

SLICE = 900
"""Deliveries per transaction: other workers wait for at most so many."""

MOST = 200
"""Characters of a name that an event holds."""


class Refusals:
    """Empties the outbox of a run that may not send."""

    _database: Database

    def refuse(self, run_key: str, *, by: str) -> int:
        """Put aside what only this run wanted to send, and empty its outbox; return how many were put aside.

        Put aside is what a history lane owns, no request of which can have arrived, and no other run has in its
        outbox too: skipped, for ``approval.rejected``, under no mapping's fingerprint. So no run takes it for its
        own decision: a window that holds the record decides it again, and a live run judges it by its age. What
        the live lane owns stays its own, and what may have arrived is settled by whoever settles it.

        In slices: whoever is interrupted calls again. Nothing happens to a run whose outbox is empty.

        :param run_key: the run's name in the ledger.
        :param by: who said no; the event of each record names them.
        """
        refused = 0
        while True:
            with self._database.write() as connection:
                mine = (
                    select(run_outbox.c.delivery_id)
                    .where(run_outbox.c.run_id == run_key)
                    .order_by(run_outbox.c.delivery_id)
                )
                ids = list(connection.execute(mine.limit(SLICE)).scalars())
                if not ids:
                    return refused
                refused += self._put_aside(connection, run_key, ids, by[:MOST])
                emptied = run_outbox.c.run_id == run_key, run_outbox.c.delivery_id.in_(ids)
                connection.execute(run_outbox.delete().where(*emptied))

    def _put_aside(self, connection: Connection, run_key: str, ids: list[int], by: str) -> int:
        # Locked first: who puts one of them into another outbox holds it, so nobody does so unseen.
        held = select(deliveries.c.id).where(deliveries.c.id.in_(ids)).order_by(deliveries.c.id).with_for_update()
        connection.execute(held).all()
        elsewhere = select(run_outbox.c.delivery_id).where(
            run_outbox.c.delivery_id.in_(ids), run_outbox.c.run_id != run_key
        )
        asked_for = set(connection.execute(elsewhere).scalars())
        names = ("id", "division", "entity", "state", "attempt")
        meant = [number for number in ids if number not in asked_for]
        query = select(*(deliveries.c[name] for name in names)).where(deliveries.c.id.in_(meant), held_by_history())
        rows = connection.execute(query.order_by(deliveries.c.id)).all()
        at = self._database.now()
        values = {
            "state": "skipped_by_rule",
            "reason_code": REFUSED,
            "field": "",
            "fingerprint": "",
            "content_hash": None,
            "sealed": None,
            "trace": None,
            "due_at": None,
            "run_id": run_key,
            "updated_at": at,
        }
        refused = [row.id for row in rows]
        connection.execute(deliveries.update().where(deliveries.c.id.in_(refused)).values(values))
        release(connection, refused)
        told = events.of_all(rows, run_id=run_key, at=at, to_state="skipped_by_rule", reason_code=REFUSED, field=by)
        events.write(connection, told)
        unsettle(connection, ((row.division, row.entity) for row in rows))
        return len(rows)

"""A person's wish that a record is left alone: it is put aside until it changes at Exact, or is replayed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, case, false, func, literal, not_, or_, select

from include.ledger import events
from include.ledger.fitting import as_listed, counted
from include.ledger.narrowing import unsearched
from include.ledger.run_outbox import release
from include.ledger.run_tables import run_outbox
from include.ledger.states import BY_PERSON, NEVER_DECIDED, STANDS
from include.ledger.tables import deliveries, staged
from include.records import HISTORY

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

    from include.ledger.database import Database
    from include.ledger.narrowing import Narrowing

_WAITS: Final = ("rejected", "ready", "retry")
SLICE: Final = 500
"""Deliveries per transaction: other workers wait for at most so many."""


class SettingAside:
    """Puts records aside because a person says so."""

    _database: Database

    def skippable(self, meant: Narrowing, *, most: int | None = None) -> dict[tuple[str, int, str, str], int]:
        """Return how many deliveries could be put aside, by lane and destination.

        :param meant: which deliveries.
        :param most: whoever gets more than so many, of all together, knows only that there are more; None: count all.
        """
        columns = [deliveries.c[name] for name in ("dag_id", "division", "entity", "destination")]
        with self._database.read() as connection:
            meant = as_listed(connection, meant)
            waiting = replace(meant, states=tuple(state for state in _WAITS if state in (meant.states or _WAITS)))
            # No state is none of these, not any.
            others = [_waits(found=True), *_in_no_foreign_outbox(meant)]
            found = counted(connection, waiting, columns, others, most) if waiting.states else []
        return {(row[0], row[1], row[2], row[3]): row[4] for row in found}

    def set_aside(self, meant: Narrowing, *, run_id: str) -> int:
        """Put deliveries aside; return how many.

        Each only if it still waits: what a load has taken meanwhile, or what may have arrived, is left as it is. No
        mapping decides them again by itself, a newer state of the record does. In slices: whoever is interrupted
        calls again.

        :param meant: which deliveries.
        :param run_id: who asks, for the story of the records; nobody's name.
        """
        with self._database.read() as connection:
            where = _fits(as_listed(connection, meant))
        total, after = 0, 0
        names = ("id", "state", "attempt")
        search = select(*(deliveries.c[name] for name in names)).order_by(deliveries.c.id).limit(SLICE)
        while True:
            with self._database.write() as connection:
                waiting = search.where(*where, deliveries.c.id > after).with_for_update()
                rows = connection.execute(waiting).all()
                if rows:
                    self._set_aside_rows(connection, [row.id for row in rows], rows, run_id)
            total += len(rows)
            if len(rows) < SLICE:
                return total
            after = rows[-1].id

    def _set_aside_rows(self, connection: Connection, ids: list[int], rows: Any, run_id: str) -> None:
        now = self._database.now()
        same = (staged.c[name] == deliveries.c[name] for name in ("source_id", "division", "entity"))
        # Of its own DAG, in both lanes: each DAG counts the versions of a row for itself.
        own = func.replace(deliveries.c.dag_id, HISTORY, "")
        lanes = staged.c.dag_id.in_((own, own.concat(HISTORY)))
        newest = select(func.max(staged.c.row_version)).where(*same, lanes).scalar_subquery()
        # What was marked for a replay would be decided by the next run: the mark goes.
        version = case(
            (deliveries.c.decided_version == NEVER_DECIDED, func.coalesce(newest, NEVER_DECIDED)),
            else_=deliveries.c.decided_version,
        )
        values = {
            "state": "skipped_by_rule",
            "reason_code": BY_PERSON,
            "field": "",
            "fingerprint": STANDS,
            "decided_version": version,
            "due_at": None,
            "run_id": run_id,
            "updated_at": now,
        }
        connection.execute(deliveries.update().where(deliveries.c.id.in_(ids)).values(values))
        release(connection, ids)
        told = events.of_all(rows, run_id=run_id, at=now, to_state="skipped_by_rule", reason_code=BY_PERSON)
        events.write(connection, told)


def _fits(meant: Narrowing) -> list[ColumnElement[bool]]:
    return [_waits(found=bool(meant.candidates())), *meant.all_conditions(), *_in_no_foreign_outbox(meant)]


def _waits(*, found: bool) -> ColumnElement[bool]:
    # What may have arrived is sent again or cleared up by whoever settles it; refused, it is over.
    state = unsearched(deliveries.c.state) if found else deliveries.c.state
    return or_(state == "rejected", and_(state.in_(("ready", "retry")), deliveries.c.was_in_doubt.is_(False)))


def _in_no_foreign_outbox(meant: Narrowing) -> list[ColumnElement[bool]]:
    """Return the condition that no run of another DAG has a delivery to send: it would not be sent there either."""
    if meant.dags is None:
        return []
    own = [func.substr(run_outbox.c.run_id, 1, len(dag) + 1) == f"{dag}/" for dag in sorted(meant.dags)]
    foreign = (run_outbox.c.delivery_id == deliveries.c.id, not_(or_(false(), *own)))
    return [not_(select(literal(1)).where(*foreign).exists())]

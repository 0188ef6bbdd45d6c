"""Approvals: what a person was asked before a run sent anything, and who answered what and when."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, get_args

from sqlalchemy import or_, select

from include.ledger.run_tables import approvals
from include.ledger.states import DeliveryState
from include.ledger.tables import deliveries, watermarks
from include.records import HISTORY

if TYPE_CHECKING:
    from datetime import datetime

    from include.ledger.database import Database
    from include.records import Destination, StreamKey


@dataclass(frozen=True, slots=True)
class Approval:
    """A question to a person, and the answer if there is one.

    :param asked: counts and the like, as the person was shown them; nothing about people.
    :param answer: None: nobody has answered yet.
    :param answered_by: who; empty: nobody in time.
    """

    run_key: str
    asked: dict[str, Any] = field(repr=False)
    asked_at: datetime
    answer: str | None
    answered_by: str | None
    answered_at: datetime | None


class Approvals:
    """One approval per run."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(self, run_key: str, asked: dict[str, Any]) -> None:
        """Note what a run asks; an answer to the very same question stays, one to another question does not.

        :param run_key: the run's name in the ledger, ``DAG/run``.
        :param asked: JSON values.
        """
        text = json.dumps(asked, sort_keys=True)
        values = {"asked": text, "asked_at": self._database.now()}
        nothing = dict.fromkeys(("answer", "answered_by", "answered_at"))
        insert = self._database.insert(approvals).values({"run_id": run_key, **values})
        with self._database.write() as connection:
            connection.execute(
                insert.on_conflict_do_update(
                    index_elements=["run_id"], set_={**values, **nothing}, where=approvals.c.asked != text
                )
            )

    def answer(self, run_key: str, answer: str, by: str, at: datetime) -> None:
        """Note an answer; a later one replaces an earlier one.

        :param by: who answered, as Airflow names them; empty: nobody did in time.
        :param at: aware.
        """
        values = {"answer": answer, "answered_by": by, "answered_at": at}
        # A question that nobody noted, because the task died right after it was asked, keeps its answer all the same.
        unknown = {"run_id": run_key, "asked": "{}", "asked_at": at}
        insert = self._database.insert(approvals).values({**unknown, **values})
        with self._database.write() as connection:
            connection.execute(insert.on_conflict_do_update(index_elements=["run_id"], set_=values))

    def get(self, run_key: str) -> Approval | None:
        """Return what a run asked and what was answered; None if it never asked."""
        with self._database.read() as connection:
            row = connection.execute(select(approvals).where(approvals.c.run_id == run_key)).one_or_none()
        if row is None:
            return None
        return Approval(row.run_id, json.loads(row.asked), row.asked_at, row.answer, row.answered_by, row.answered_at)

    def live_scopes(self, stream: StreamKey, destination: Destination, job: int) -> list[tuple[str, datetime | None]]:
        """Return whose live runs send records of a stream by themselves: (DAG, created from when; None: all).

        A person who says no to a run of history says nothing to these.

        :param stream: of the run, in either lane; other DAGs that live off the same records are found as well.
        :param job: Personio's position; 0 where the destination has none.
        """
        sends = select(deliveries.c.id).where(
            # The states first, all of them, and only for the index.
            deliveries.c.state.in_(get_args(DeliveryState)),
            *(deliveries.c.destination == destination, deliveries.c.job == job),
            *(deliveries.c.division == stream.division, deliveries.c.entity == stream.entity),
            deliveries.c.dag_id == watermarks.c.dag_id,
        )
        query = (
            select(watermarks.c.dag_id, watermarks.c.created_from)
            .where(watermarks.c.division == stream.division, watermarks.c.entity == stream.entity)
            .where(~watermarks.c.dag_id.endswith(HISTORY))
            .where(or_(watermarks.c.dag_id == stream.dag, sends.exists()))
            .order_by(watermarks.c.dag_id)
        )
        with self._database.read() as connection:
            return [(str(dag_id), created_from) for dag_id, created_from in connection.execute(query)]

"""What is still marked for a replay after a run that was to decide it, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlalchemy import and_, case, func, literal, select

from include.ledger.states import DONE, IN_FLIGHT, NEVER_DECIDED, REMAPPABLE
from include.ledger.tables import deliveries, staged
from include.records import HISTORY

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from include.ledger.database import Database
    from include.records import Destination, StreamKey

Why = Literal["other_position", "sent_elsewhere", "not_there", "left"]


@dataclass(frozen=True, slots=True)
class StillMarked:
    """Records that are marked and were not decided.

    :param why: they are for another position than the run's; they were sent for another one meanwhile; what was read
        of them is not there any more; or the run ended before it came to them.
    :param job: the position that they are for.
    """

    why: Why
    job: int
    count: int


class Marked:
    """Questions about what is marked for a replay."""

    _database: Database

    def still_marked(self, stream: StreamKey, destination: Destination, job: int, company: int) -> list[StillMarked]:
        """Return what is marked of a stream's DAG, in either lane.

        :param job: the position that the run decides for.
        :param company: Personio's.
        """
        lanes = (stream.dag, f"{stream.dag}{HISTORY}")
        why = case(
            (deliveries.c.job != job, "other_position"),
            (_sent_elsewhere(company), "sent_elsewhere"),
            (~_readable(lanes), "not_there"),
            else_="left",
        )
        marked = (
            select(why.label("why"), deliveries.c.job)
            .where(
                *(deliveries.c.state.in_(REMAPPABLE), deliveries.c.decided_version == NEVER_DECIDED),
                *(deliveries.c.company == company, deliveries.c.destination == destination),
                *(deliveries.c.division == stream.division, deliveries.c.entity == stream.entity),
                deliveries.c.dag_id.in_(lanes),
            )
            .subquery()
        )
        columns = (marked.c.why, marked.c.job)
        query = select(*columns, func.count()).group_by(*columns).order_by(*columns)
        with self._database.read() as connection:
            return [StillMarked(why, job, count) for why, job, count in connection.execute(query)]


def _sent_elsewhere(company: int) -> ColumnElement[bool]:
    other = deliveries.alias("other")
    same = and_(*(other.c[name] == deliveries.c[name] for name in ("source_id", "division", "entity", "destination")))
    sent = (other.c.state.in_((*DONE, *IN_FLIGHT)), other.c.company == company, other.c.job != deliveries.c.job)
    return select(literal(1)).select_from(other).where(same, *sent).exists()


def _readable(lanes: tuple[str, ...]) -> ColumnElement[bool]:
    same = and_(*(staged.c[name] == deliveries.c[name] for name in ("source_id", "division", "entity")))
    return select(literal(1)).where(same, staged.c.dag_id.in_(lanes), func.length(staged.c.sealed) > 0).exists()

"""How every stream stands: how far it has been read, what became of its records, what went wrong last."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from include.ledger.failures import Failure
from include.ledger.tables import deliveries, failures, watermarks
from include.records import HISTORY

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """One stream on its way to one destination, over all its job positions.

    :param destination: empty where nothing was decided yet.
    :param watermark: the row version up to which everything was read; None before the first commit.
    :param counts: state -> number of deliveries.
    :param failure: the last failure of the DAG, whatever came after it; None if there is none on record.
    """

    dag_id: str
    division: int
    entity: str
    destination: str
    watermark: int | None
    committed_at: datetime | None
    counts: dict[str, int]
    failure: Failure | None


def overview(connection: Connection) -> list[StreamStatus]:
    """Return all streams, by name."""
    stream = ("dag_id", "division", "entity")
    key = tuple(deliveries.c[name] for name in (*stream, "destination", "state"))
    counts: dict[tuple[Any, ...], dict[str, int]] = defaultdict(dict)
    for *owner, state, count in connection.execute(select(*key, func.count()).group_by(*key)):
        counts[tuple(owner)][state] = count
    marks = {tuple(row[:3]): row for row in connection.execute(_marks(stream))}
    known = {owner[:3] for owner in counts}
    for unread in marks.keys() - known:
        counts[(*unread, "")] = {}
    told = {dag_id: _last_failure(connection, dag_id) for dag_id in {owner[0] for owner in counts}}
    return [
        StreamStatus(
            *(owner[0], owner[1], owner[2], owner[3]),
            marks[owner[:3]].value if owner[:3] in marks else None,
            marks[owner[:3]].committed_at if owner[:3] in marks else None,
            counts[owner],
            told[owner[0]],
        )
        for owner in sorted(counts)
    ]


def _marks(stream: tuple[str, ...]) -> Any:
    return select(*(watermarks.c[name] for name in (*stream, "value", "committed_at")))


def _last_failure(connection: Connection, dag_id: str) -> Failure | None:
    columns = [failures.c[name] for name in Failure.__slots__]
    # A run's name says nothing of its lane.
    of_dag = failures.c.run_id.startswith(f"{dag_id.removesuffix(HISTORY)}/", autoescape=True)
    found = connection.execute(select(*columns).where(of_dag).order_by(failures.c.id.desc()).limit(1)).mappings()
    row = found.one_or_none()
    return None if row is None else Failure(**row)

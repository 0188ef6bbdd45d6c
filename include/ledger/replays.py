"""Replays: what was refused or put aside is decided again by the next run, any number of records at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, tuple_

from include.ledger import events as event_log
from include.ledger.fitting import as_listed, counted
from include.ledger.narrowing import unsearched
from include.ledger.settled import unsettle
from include.ledger.states import NEVER_DECIDED, REPLAYED, WAITING
from include.ledger.still_marked import Marked
from include.ledger.tables import deliveries
from include.ledger.windows import of_stream
from include.records import HISTORY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

    from include.ledger.crypto import Cipher
    from include.ledger.database import Database
    from include.ledger.narrowing import Narrowing
    from include.ledger.states import DeliveryState
    from include.records import Destination, StreamKey

SLICE = 2000
"""Deliveries per transaction: other workers wait for at most so many."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which deliveries to replay: all that fit every narrowing that is given.

    :param sources: (division, entity, id at Exact) of records; None: of all.
    :param reason_code: why they were refused or put aside.
    :param run_id: the run that touched them last, ``DAG/run``.
    :param dag_id: the DAG that decided them last, in either of its lanes.
    :param destination: what the records become.
    :param since: aware; only what was touched from then on.
    :param narrowing: as a list of records is narrowed.
    :param states: what they are now: ``REMAPPABLE`` also takes what is to be sent and has not left.
    """

    sources: Sequence[tuple[int, str, str]] | None = None
    reason_code: str | None = None
    run_id: str | None = None
    dag_id: str | None = None
    destination: Destination | None = None
    since: datetime | None = None
    states: tuple[DeliveryState, ...] = WAITING
    narrowing: Narrowing | None = None


@dataclass(frozen=True, slots=True)
class Selected:
    """How many deliveries of one lane a selection holds.

    :param dag_id: the DAG's own id, whichever lane it is.
    :param count: those that wait for somebody to replay them.
    :param marked: those that are marked already: the next run decides them.
    :param history: whether they belong to the lane of runs that are not live: no live run decides them by itself.
    :param job: Personio's position that they are for, 0 where the destination has none: a run decides for one only.
    """

    dag_id: str
    division: int
    entity: str
    destination: str
    count: int
    marked: int
    history: bool = False
    job: int = 0


class Replays(Marked):
    """Has records decided again; nothing here sends anything."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher

    def replayable(self, selection: Selection, *, most: int | None = None) -> list[Selected]:
        """Return what a selection holds, by stream, destination and position.

        :param most: for one that is narrowed as a list: whoever gets more than so many, of all together, knows only
            that there are more; None: count all.
        """
        columns = (
            *(deliveries.c.dag_id, deliveries.c.division, deliveries.c.entity, deliveries.c.destination),
            deliveries.c.job,
            (deliveries.c.decided_version == NEVER_DECIDED).label("marked"),
        )
        found: dict[tuple[str, int, str, str, int], list[int]] = {}
        with self._database.read() as connection:
            for *stream, marked, count in _counted(connection, selection, columns, most):
                key = (stream[0], stream[1], stream[2], stream[3], stream[4])
                found.setdefault(key, [0, 0])[bool(marked)] += count
        return [
            Selected(
                *(lane.removesuffix(HISTORY), division, entity, destination, count, marked),
                history=lane.endswith(HISTORY),
                job=job,
            )
            for (lane, division, entity, destination, job), (count, marked) in found.items()
        ]

    def replay_all(self, selection: Selection, *, run_id: str) -> int:
        """Mark what a selection holds; return how many were not marked yet.

        In slices, each marked and told of in one transaction: whoever is interrupted calls again.

        :param run_id: who asks, for the story of the records.
        """
        with self._database.read() as connection:
            where = _fits(_as_listed(connection, selection))
        return self._mark(where, run_id)

    def replay(
        self,
        stream: StreamKey,
        destination: Destination,
        job: int | None,
        *,
        run_id: str,
        source_ids: Sequence[str] | None = None,
        reason_code: str | None = None,
    ) -> int:
        """Have a stream's rejected and skipped records decided again by the next run; return how many."""
        where = [
            *_fits(Selection(reason_code=reason_code)),
            of_stream(deliveries, stream),
            *(deliveries.c.destination == destination, deliveries.c.job == (job or 0)),
        ]
        if source_ids is not None:
            where.append(deliveries.c.source_id.in_(source_ids))
        return self._mark(where, run_id)

    def _mark(self, where: list[ColumnElement[bool]], run_id: str) -> int:
        total, after = 0, 0
        unmarked = [*where, deliveries.c.decided_version != NEVER_DECIDED]
        names = ("id", "division", "entity", "state", "reason_code", "field", "attempt")
        search = select(*(deliveries.c[name] for name in names)).order_by(deliveries.c.id).limit(SLICE)
        while True:
            now = self._database.now()
            with self._database.write() as connection:
                slice_ = search.where(*unmarked, deliveries.c.id > after).with_for_update()
                rows = connection.execute(slice_).all()
                ids = [row.id for row in rows]
                mark = deliveries.update().where(deliveries.c.id.in_(ids)).values(decided_version=NEVER_DECIDED)
                connection.execute(mark)
                lines = [
                    event_log.line(
                        row.id,
                        run_id=run_id,
                        at=now,
                        kind=REPLAYED,
                        from_state=row.state,
                        to_state=row.state,
                        reason_code=row.reason_code,
                        field=row.field,
                        attempt=row.attempt,
                    )
                    for row in rows
                ]
                event_log.write(connection, lines)
                unsettle(connection, ((row.division, row.entity) for row in rows))
            total += len(rows)
            if len(rows) < SLICE:
                return total
            after = ids[-1]


def _as_listed(connection: Connection, selection: Selection) -> Selection:
    if selection.narrowing is None:
        return selection
    return replace(selection, narrowing=as_listed(connection, selection.narrowing))


def _counted(
    connection: Connection, selection: Selection, columns: Sequence[ColumnElement[Any]], most: int | None
) -> Iterable[Sequence[Any]]:
    if selection.narrowing is None:
        query = select(*columns, func.count()).where(*_fits(selection)).group_by(*columns).order_by(*columns)
        return connection.execute(query).all()
    meant = as_listed(connection, selection.narrowing)
    states = tuple(state for state in selection.states if state in (meant.states or selection.states))
    if not states:
        return []
    others = _fits(replace(selection, narrowing=None), found=True)
    return counted(connection, replace(meant, states=states), columns, others, most)


def _fits(selection: Selection, *, found: bool = False) -> list[ColumnElement[bool]]:
    state: ColumnElement[str] = deliveries.c.state
    dag_id: ColumnElement[str] = deliveries.c.dag_id
    narrowing = selection.narrowing
    if found or selection.sources is not None or (narrowing is not None and narrowing.candidates()):
        state, dag_id = unsearched(state), unsearched(dag_id)
    where: list[ColumnElement[bool]] = [state.in_(selection.states)]
    if selection.sources is not None:
        record = tuple_(deliveries.c.division, deliveries.c.entity, deliveries.c.source_id)
        # The ids once more: they have an index.
        where += [
            deliveries.c.source_id.in_([source[2] for source in selection.sources]),
            record.in_(selection.sources),
        ]
    for name in ("reason_code", "run_id", "destination"):
        value = getattr(selection, name)
        if value is not None:
            where.append(deliveries.c[name] == value)
    if selection.dag_id is not None:
        where.append(dag_id.in_((selection.dag_id, f"{selection.dag_id}{HISTORY}")))
    if selection.since is not None:
        where.append(deliveries.c.updated_at >= selection.since)
    if narrowing is not None:
        where += narrowing.all_conditions()
    return where

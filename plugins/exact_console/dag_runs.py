"""What Airflow itself knows of the DAGs: paused or not, the runs of late, and the next one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow.models.dag import DagModel, DagTag
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunType
from sqlalchemy import select

from include.records import ENTITIES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.orm import Session

LOOKED_AT: Final = 20
"""Runs of a DAG that are looked at, the newest first: more are under way at once only in a backfill."""

_LINE: Final = {"exact-online", "personio"}
_NOT_LIVE: Final = {"history", "manual", "reconciliation"}
_ENTITIES: Final = {entity.lower(): entity for entity in ENTITIES}
_ACTIVE: Final = (DagRunState.RUNNING, DagRunState.QUEUED)


@dataclass(frozen=True, slots=True)
class SeenRun:
    """A run as Airflow knows it.

    :param scheduled: whether the schedule made it; who marks or asks for another one may mean anything.
    :param started: None: it is queued.
    """

    run_id: str
    state: str
    scheduled: bool
    started: datetime | None
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class SeenDag:
    """A DAG as Airflow knows it.

    :param known: whether its file is there still; what is not known has no state in Airflow.
    :param next_run: when Airflow makes the next one; None: it makes none.
    :param runs: the newest ones, the newest first.
    """

    dag_id: str
    known: bool = False
    paused: bool = False
    next_run: datetime | None = None
    runs: tuple[SeenRun, ...] = ()

    @property
    def under_way(self) -> SeenRun | None:
        """A run that has begun and not ended, or else one that waits for its turn."""
        active = [run for run in self.runs if run.state in _ACTIVE]
        return next((run for run in active if run.started), active[0] if active else None)

    @property
    def last(self) -> SeenRun | None:
        """The run that ended last."""
        return max((run for run in self.runs if run.ended), key=_ended, default=None)

    @property
    def last_scheduled(self) -> SeenRun | None:
        """The run of the schedule that ended last."""
        return max((run for run in self.runs if run.ended and run.scheduled), key=_ended, default=None)


def live_dags() -> dict[str, str]:
    """Return the ids of the DAGs that move new records to Personio, each with its entity.

    By the tags that the builder gives them: a DAG that has never run is nowhere else.
    """
    query = select(DagTag.dag_id, DagTag.name).join(DagModel, DagModel.dag_id == DagTag.dag_id)
    tags: dict[str, set[str]] = {}
    with create_session() as session:
        for dag_id, name in session.execute(query.where(~DagModel.is_stale)):
            tags.setdefault(dag_id, set()).add(name)
    return {
        dag_id: entity
        for dag_id, names in tags.items()
        for tag, entity in _ENTITIES.items()
        if tag in names and names >= _LINE and not names & _NOT_LIVE
    }


def seen_dags(dag_ids: Iterable[str]) -> dict[str, SeenDag]:
    """Return what Airflow knows of each of these DAGs."""
    wanted = sorted(set(dag_ids))
    columns = (DagModel.dag_id, DagModel.is_paused, DagModel.next_dagrun_create_after)
    query = select(*columns).where(DagModel.dag_id.in_(wanted), ~DagModel.is_stale)
    with create_session() as session:
        known = {row[0]: row for row in session.execute(query)}
        return {
            dag_id: SeenDag(dag_id, runs=_runs(session, dag_id))
            if (row := known.get(dag_id)) is None
            else SeenDag(dag_id, known=True, paused=row[1], next_run=row[2], runs=_runs(session, dag_id))
            for dag_id in wanted
        }


def _runs(session: Session, dag_id: str) -> tuple[SeenRun, ...]:
    columns = (DagRun.run_id, DagRun._state, DagRun.run_type, DagRun.start_date, DagRun.end_date)  # noqa: SLF001 - its column
    newest = select(*columns).where(DagRun.dag_id == dag_id).order_by(DagRun.id.desc()).limit(LOOKED_AT)
    return tuple(
        SeenRun(run_id, str(state), run_type == DagRunType.SCHEDULED, started, ended)
        for run_id, state, run_type, started, ended in session.execute(newest)
    )


def _ended(run: SeenRun) -> datetime:
    assert run.ended is not None  # noqa: S101 - for the type checker: only such runs are compared
    return run.ended

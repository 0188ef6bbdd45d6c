"""DAGs and runs in Airflow's own database as its scheduler would have left them, for the time of a ``with`` block."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

BUNDLE = "seen"


class SeenAirflow:
    """Adds DAGs and runs; what was added goes at the end of the block."""

    def __init__(self) -> None:
        self._dags: list[str] = []

    def dag(self, dag_id: str, *tags: str, paused: bool = False, next_run: datetime | None = None) -> None:
        """Add a DAG whose file was parsed."""
        from airflow.models.dag import DagModel, DagTag  # noqa: PLC0415 - Airflow's settings come first
        from airflow.models.dagbundle import DagBundleModel  # noqa: PLC0415
        from airflow.utils.session import create_session  # noqa: PLC0415

        self._dags.append(dag_id)
        with create_session() as session:
            session.merge(DagBundleModel(name=BUNDLE))
            session.flush()
            values: dict[str, Any] = {"is_paused": paused, "is_stale": False, "max_active_tasks": 16}
            values |= {
                "bundle_name": BUNDLE,
                "max_consecutive_failed_dag_runs": 0,
                "next_dagrun_create_after": next_run,
            }
            made: Any = DagModel
            session.merge(made(dag_id=dag_id, **values))
            session.flush()
            for tag in tags:
                session.merge(DagTag(dag_id=dag_id, name=tag))

    def run(
        self, dag_id: str, run_id: str, state: str, started: datetime | None, ended: datetime | None = None
    ) -> None:
        """Add a run; of the schedule, unless its id says that it was asked for."""
        from airflow.models.dagrun import DagRun  # noqa: PLC0415
        from airflow.utils.session import create_session  # noqa: PLC0415
        from airflow.utils.state import DagRunState  # noqa: PLC0415
        from airflow.utils.types import DagRunType  # noqa: PLC0415

        kind = DagRunType.MANUAL if run_id.startswith("manual") else DagRunType.SCHEDULED
        made = DagRun(dag_id, run_id, run_type=kind, state=DagRunState(state), start_date=started, run_after=started)
        made.end_date = ended
        with create_session() as session:
            session.add(made)

    def forget(self) -> None:
        """Remove all that was added."""
        from airflow.models.dag import DagModel, DagTag  # noqa: PLC0415
        from airflow.models.dagrun import DagRun  # noqa: PLC0415
        from airflow.utils.session import create_session  # noqa: PLC0415
        from sqlalchemy import delete  # noqa: PLC0415

        with create_session() as session:
            for table in (DagRun, DagTag, DagModel):
                session.execute(delete(table).where(table.dag_id.in_(self._dags)))


@contextmanager
def seen_airflow() -> Iterator[SeenAirflow]:
    """Return an Airflow that nothing was seen in yet."""
    made = SeenAirflow()
    try:
        yield made
    finally:
        made.forget()

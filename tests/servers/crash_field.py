"""A small Airflow in one warm process: its real scheduler, its real supervisor, a real process for every task.

What is left out is what takes time and decides nothing here: the wait between two looks of the scheduler, the network
between supervisor and API server, the start of an interpreter for every task. A script: it answers lines of JSON.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import crash_clock

crash_clock.take_over()  # before anything keeps time.sleep

from airflow.callbacks.base_callback_sink import BaseCallbackSink  # noqa: E402
from airflow.executors.base_executor import BaseExecutor  # noqa: E402
from airflow.utils.state import TaskInstanceState  # noqa: E402

from crash_tracing import Orders, Strike, arm  # noqa: E402

LAPSE = 150.0
"""Seconds that pass before a task is tried again: as long as the longest lease, and then some; unless it is early."""
LOOKS = 60
"""Looks of the scheduler after which a run must have ended."""

_orders: list[Orders] = []


def _armed() -> None:
    """Arm the process that was just forked, if it is a task's."""
    if _orders:
        arm(_orders.pop())


def _notice_ends_at_once() -> None:
    """Have the supervisor look for its child's end more often than every few seconds; it changes nothing else."""
    watched: Any = importlib.import_module("airflow.sdk.execution_time.supervisor").WatchedSubprocess
    original = watched._service_subprocess

    def service(self: Any, max_wait_time: float, **options: Any) -> Any:
        return original(self, min(max_wait_time, 0.02), **options)

    watched._service_subprocess = service


class NoDagProcessor(BaseCallbackSink):
    """Takes the callbacks of tasks that died, which a DAG processor would run: they only tell people."""

    def send(self, callback: Any) -> None:
        """Leave it."""


class OneAtATime(BaseExecutor):
    """Runs each task as Airflow's LocalExecutor does: by the supervisor, in a process of its own."""

    is_local = True

    def __init__(self) -> None:
        super().__init__(parallelism=1)
        self.callback_sink = NoDagProcessor()
        supervisor: Any = importlib.import_module("airflow.sdk.execution_time.supervisor")
        self.client = supervisor.InProcessTestSupervisor._api_client()
        self.attempts_of: dict[str, int] = {}
        self.orders: Orders | None = None

    def _process_workloads(self, workload_list: Any) -> None:
        from airflow.sdk.execution_time.supervisor import supervise_task  # noqa: PLC0415

        for work in workload_list:
            assert self.orders is not None
            self.queued_tasks.pop(work.key, None)
            task = work.ti.task_id
            self.attempts_of[task] = self.attempts_of.get(task, 0) + 1
            _orders[:] = [replace(self.orders, task=task, attempt=self.attempts_of[task])]
            try:
                supervise_task(
                    ti=work.ti,
                    bundle_info=work.bundle_info,
                    dag_rel_path=work.dag_rel_path,
                    token="",
                    client=self.client,
                    log_path=str(self.orders.trace.parent / f"{task}.{self.attempts_of[task]}.log"),
                )
            finally:
                _orders.clear()
            # Whatever became of it: LocalExecutor reports success, too, unless the supervisor itself failed.
            self.change_state(work.key, TaskInstanceState.SUCCESS)


class Field:
    """The Airflow: a database, the DAGs, a scheduler that looks when it is told to."""

    def __init__(self) -> None:
        from airflow.jobs.scheduler_job_runner import SchedulerJobRunner  # noqa: PLC0415
        from airflow.utils.db import initdb  # noqa: PLC0415

        initdb()
        _read_dags()
        _import_everything()
        self.executor = OneAtATime()
        jobs: Any = importlib.import_module("airflow.jobs.job")
        self.job = jobs.Job()
        self.scheduler = SchedulerJobRunner(job=self.job, executors=[self.executor])
        self.job.prepare_for_execution()
        self.executor.job_id = self.job.id
        start: Any = self.executor.start
        start()
        _notice_ends_at_once()
        # As LocalExecutor does before it forks: the children share what is there instead of copying it.
        gc.collect()
        gc.freeze()
        os.register_at_fork(after_in_child=_armed)

    def begin(self, **asked: Any) -> None:
        """Begin a story: forget the last one's counts, take its environment and its orders."""
        for name in [n for n in os.environ if n.startswith(("AIRFLOW_CONN_", "EXACT_PERSONIO_"))]:
            del os.environ[name]
        os.environ.update(asked["env"])
        folder = Path(asked["folder"])
        strikes = tuple(Strike(**one) for one in asked["strikes"])
        self.executor.attempts_of = {}
        self.executor.orders = Orders(strikes, folder / "trace", folder / "clock", asked["variant"])
        self.lapse = 0.0 if asked["early"] else LAPSE

    def trigger(self, dag_id: str, run_id: str) -> None:
        """Begin a run, as a person or the schedule would."""
        from airflow.api.common.trigger_dag import trigger_dag  # noqa: PLC0415
        from airflow.utils.types import DagRunTriggeredByType  # noqa: PLC0415

        # SQLite's clock shows whole seconds: a run of this moment begins in the next one, which is many looks away.
        due = datetime.now(UTC) - timedelta(seconds=1)
        trigger_dag(dag_id=dag_id, run_id=run_id, run_after=due, triggered_by=DagRunTriggeredByType.TEST)

    def go(self, dag_id: str, run_id: str, *, until_failure: bool = False) -> dict[str, Any]:
        """Let the scheduler look until the run has ended; between two looks time passes.

        :param until_failure: end when a task waits for its retry, and mark the run as failed, as a person may.
        """
        for _ in range(LOOKS):
            self._look()
            found = self._found(dag_id, run_id)
            if found["state"] in {"success", "failed"}:
                return found | {"given_up": False}
            states = found["tasks"].values()
            if until_failure and any(task["state"] == "up_for_retry" for task in states):
                self._give_up(dag_id, run_id)
                return self._found(dag_id, run_id) | {"given_up": True}
            self._let_time_pass(run_id)
        raise AssertionError(f"{run_id} did not end: {self._found(dag_id, run_id)}")

    def clear(self, dag_id: str, run_id: str) -> None:
        """Clear what failed, as a person does."""
        from airflow.utils.session import create_session  # noqa: PLC0415

        with create_session() as session:
            dag = self._dag(dag_id, session)
            failed = [
                name for name, task in self._found(dag_id, run_id)["tasks"].items() if task["state"] != "success"
            ]
            dag.clear(task_ids=failed, run_id=run_id, session=session)

    def _look(self) -> None:
        from airflow.utils.session import create_session  # noqa: PLC0415

        # The body of the scheduler's own loop.
        with create_session() as session:
            self.scheduler._do_scheduling(session)
            session.expunge_all()
        self.executor.heartbeat()
        with create_session() as session:
            self.scheduler._process_executor_events(executor=self.executor, session=session)

    def _let_time_pass(self, run_id: str) -> None:
        """Skip what tasks wait for: their retry delay, or the moment of their trigger."""
        from airflow.models.taskinstance import TaskInstance  # noqa: PLC0415
        from airflow.models.trigger import Trigger  # noqa: PLC0415
        from airflow.triggers import base as triggers  # noqa: PLC0415
        from airflow.utils.session import create_session  # noqa: PLC0415

        assert self.executor.orders is not None
        with create_session() as session:
            waiting: list[Any] = session.query(TaskInstance).filter_by(run_id=run_id).all()
            for ti in waiting:
                if ti.state == TaskInstanceState.UP_FOR_RETRY:
                    ti.end_date = ti.end_date - timedelta(hours=1)
                    crash_clock.advance(self.executor.orders.clock, self.lapse)
                elif ti.state == TaskInstanceState.DEFERRED:
                    crash_clock.advance(self.executor.orders.clock, LAPSE)
                    came: Any = triggers.TriggerEvent
                    Trigger.submit_event(ti.trigger_id, came(None), session=session)

    def _give_up(self, dag_id: str, run_id: str) -> None:
        from airflow.api.common.mark_tasks import set_dag_run_state_to_failed  # noqa: PLC0415
        from airflow.utils.session import create_session  # noqa: PLC0415

        with create_session() as session:
            set_dag_run_state_to_failed(dag=self._dag(dag_id, session), run_id=run_id, commit=True, session=session)

    def _dag(self, dag_id: str, session: Any) -> Any:
        dag = self.scheduler.scheduler_dag_bag.get_latest_version_of_dag(dag_id, session=session)
        assert dag is not None, dag_id
        return dag

    def _found(self, dag_id: str, run_id: str) -> dict[str, Any]:
        from airflow.models.asset import AssetEvent  # noqa: PLC0415
        from airflow.models.dagrun import DagRun  # noqa: PLC0415
        from airflow.models.xcom import XComModel  # noqa: PLC0415
        from airflow.utils.session import create_session  # noqa: PLC0415

        with create_session() as session:
            run = session.query(DagRun).filter_by(dag_id=dag_id, run_id=run_id).one()
            xcoms = session.query(XComModel).filter_by(dag_id=dag_id, run_id=run_id)
            events = session.query(AssetEvent).filter_by(source_dag_id=dag_id, source_run_id=run_id)
            return {
                "state": str(run.state),
                "tasks": {
                    ti.task_id: {"state": str(ti.state), "tries": ti.try_number} for ti in run.get_task_instances()
                },
                "xcoms": {f"{x.task_id}.{x.key}": XComModel.deserialize_value(x) for x in xcoms},
                "events": [event.extra for event in events],
            }


def _read_dags() -> None:
    from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db  # noqa: PLC0415

    bundles: Any = importlib.import_module("airflow.dag_processing.bundles.manager")
    manager = bundles.DagBundlesManager()
    manager.sync_bundles_to_db()
    (bundle,) = manager.get_all_dag_bundles()
    bundle.initialize()
    bag = BundleDagBag(dag_folder=bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
    assert not bag.import_errors, bag.import_errors
    sync_bag_to_db(bag, bundle.name, None)


def _import_everything() -> None:
    """Import what tasks import when they need it, once for all of them."""
    for package in ("include.ledger", "include.sync", "include.clients", "include.transform"):
        found = importlib.import_module(package)
        for module in pkgutil.iter_modules(found.__path__):
            importlib.import_module(f"{package}.{module.name}")


def main() -> None:
    """Answer one line of JSON with another, until there are no more."""
    results = os.fdopen(int(sys.argv[1]), "w")
    field = Field()
    results.write(json.dumps({"ready": True}) + "\n")
    results.flush()
    for line in sys.stdin:
        asked = json.loads(line)
        arguments = {name: value for name, value in asked.items() if name != "do"}
        told = getattr(field, asked["do"])(**arguments)
        results.write(json.dumps(told, default=str) + "\n")
        results.flush()


if __name__ == "__main__":
    main()

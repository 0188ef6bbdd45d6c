"""A real Airflow beside the sandbox, with Airflow's own intervals, and runs in it that are waited for."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.usage import compiling
from include.demo.airflow_api import FINISHED, AirflowApi
from include.demo.run import ending_cleanly
from include.demo.sandbox_connections import DIVISION
from include.demo.stack import ROOT, Stack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SANDBOX_MINUTE = 0.4
PATIENCE = 300.0
CHANGED = (
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL",
)
"""What the demo sets so that nobody has to wait; here it is as it comes: a watcher begins when its file is parsed."""


class Airflow:
    """The stack, and what a person would do with it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.api = AirflowApi(stack.airflow)
        self.api.login()

    def ready(self, dag_id: str) -> None:
        """Wait until a DAG has been parsed, and let it run."""
        self.stack.processes.wait_for(dag_id, lambda: self.api.has_dag(dag_id))
        self.api.unpause(dag_id)

    def pause(self, dag_id: str) -> None:
        """Let it begin no more runs."""
        self.api.call("PATCH", f"/dags/{dag_id}", json={"is_paused": True})

    def finished(self, dag_id: str, run_id: str | None = None) -> dict[str, Any]:
        """Wait for a run, the first one if none is named; return it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self.stack.processes.check()
            for run in self.api.runs(dag_id):
                if run_id in (None, run["dag_run_id"]) and run["state"] in FINISHED:
                    return run
            time.sleep(0.2)
        raise SystemExit(f"a run of {dag_id} did not end within {PATIENCE:.0f} seconds")

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run."""
        found: list[dict[str, Any]] = self.api.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")[
            "task_instances"
        ]
        return found

    def join(self, number: int) -> float:
        """Have a new contact at Exact; return when, as the sandbox has it."""
        person = {"FirstName": "Noor", "LastName": "Nieuw", "Email": f"noor{number}@example.org"}
        began = time.time()
        self.stack.sandbox.post(f"/_sandbox/exact/{DIVISION}/Contacts", json=person).raise_for_status()
        return began

    def log(self) -> list[dict[str, Any]]:
        """Return the calls that the sandbox had."""
        answer = self.stack.sandbox.get("/_sandbox/log").raise_for_status().json()
        found: list[dict[str, Any]] = answer["entries"] if isinstance(answer, dict) else answer
        return found


@contextmanager
def airflow(name: str, dags: Path = ROOT / "dags", env: Mapping[str, str] | None = None) -> Iterator[Airflow]:
    """Bring it up with a small company at Exact.

    :param name: of its folder under build.
    :param dags: folder of the DAG files.
    :param env: more environment of all processes.
    """
    home = Path(os.environ.get("EXACT_PERSONIO_BUILD", ROOT / "build")) / name
    stack = Stack(home, limit_seconds=SANDBOX_MINUTE)
    with ending_cleanly(), stack:
        for variable in CHANGED:
            stack.processes.env.pop(variable, None)
        stack.processes.env = compiling(stack.processes.env)
        stack.processes.env.update({"AIRFLOW__CORE__DAGS_FOLDER": str(dags), **(env or {})})
        stack.start()
        stack.sandbox.post(
            "/_sandbox/seed", json={"seed": 1, "accounts": 5, "contacts": 20, "division": DIVISION}
        ).raise_for_status()
        yield Airflow(stack)
    shutil.rmtree(home, ignore_errors=True)

"""A load task that is killed with SIGKILL in the middle, on real Airflow: nothing lost, nothing doubled."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psutil
import pytest
from rich.console import Console

from include.demo.airflow_api import FINISHED
from include.demo.run import Demo, dag_id, prepare
from include.demo.stack import Stack
from include.ledger import open_ledger

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.soak]
DAG = dag_id("Contacts")
SECONDS = 240


def kill_running_task(stack: Stack, demo: Demo, run_id: str) -> None:
    """SIGKILL the process that runs the load task, as the kernel's memory killer would."""
    task = demo.api.call("GET", f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/load")
    for process in psutil.process_iter(["pid", "cmdline"]):
        if " ".join(process.info["cmdline"] or []).strip() == f"airflow worker -- {task['id']}":
            process.kill()
            return
    raise AssertionError("no process runs the load task")


def applications(stack: Stack) -> int:
    return len(stack.sandbox.get("/_sandbox/contents").json()["personio"]["applications"])


def test_killed_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """After SIGKILL in the middle of loading, Airflow's own retry finishes with both sides equal."""
    with Stack(tmp_path / "home", limit_seconds=0.4) as stack:
        prepare(stack)
        demo = Demo(stack, Console(quiet=True))
        demo.api.login()
        stack.processes.wait_for(DAG, lambda: demo.api.has_dag(DAG))
        demo.api.unpause(DAG)
        run_id = demo.api.trigger(DAG, {"approve_above": 100_000})
        stack.processes.wait_for("half of the applications", lambda: applications(stack) > 300, seconds=SECONDS)
        loading = [run for run in demo.api.runs(DAG) if run["state"] == "running"]
        kill_running_task(stack, demo, str(loading[0]["dag_run_id"]))
        deadline = time.monotonic() + SECONDS
        while any(run["state"] not in FINISHED for run in demo.api.runs(DAG)):
            stack.processes.check()
            assert time.monotonic() < deadline, "the runs did not end"
            time.sleep(1)
        states = {run["dag_run_id"]: run["state"] for run in demo.api.runs(DAG)}
        assert states[run_id] == "success"
        tries = demo.api.call("GET", f"/dags/{DAG}/dagRuns/{loading[0]['dag_run_id']}/taskInstances/load")
        assert tries["try_number"] == 2
        with open_ledger(stack.env["EXACT_PERSONIO_LEDGER_URL"]) as ledger:
            demo.emails.pop("Accounts")
            verdict = demo.verdict(ledger)
    assert verdict.summary() == {kind: {"count": 0, "first": []} for kind in ("missing", "doubled", "unexplained")}

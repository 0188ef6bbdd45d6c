"""Asset events, a watcher and a deferred sensor on a real Airflow: scheduler, triggerer and all."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest

from airflow_home import ROOT
from include.demo.airflow_api import FINISHED, AirflowApi
from include.demo.sandbox_connections import DIVISION
from include.demo.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.soak]

OWN = """
from datetime import UTC, datetime
from airflow.sdk import dag, task
from exact_online.sensors import ExactOnlineNewContactSensor
from exact_to_personio.assets import ids_of, watched_new_contacts

START = {"start_date": datetime(2026, 1, 1, tzinfo=UTC), "catchup": False}

@dag(schedule=[watched_new_contacts(interval=3, start_from="beginning")], **START)
def watching():
    @task
    def hear(triggering_asset_events=None):
        return ids_of(triggering_asset_events)
    hear()

@dag(schedule=None, **START)
def waiting():
    ExactOnlineNewContactSensor(task_id="wait", start_from="beginning", deferrable=True, poke_interval=10)

watching()
waiting()
"""


class Live:
    """A running Airflow and what its runs returned."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.api = AirflowApi(stack.airflow)

    def until(self, what: str, ready: Callable[[], Any], seconds: float = 240) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            self.stack.processes.check()
            assert time.monotonic() < deadline, what
            time.sleep(1)

    def returned(self, dag_id: str, task_id: str) -> list[Any]:
        """Return what the task returned in every finished run, oldest first."""
        runs = [run for run in self.api.runs(dag_id) if run["state"] in FINISHED]
        assert {run["state"] for run in runs} <= {"success"}, runs
        path = "/dags/{}/dagRuns/{}/taskInstances/{}/xcomEntries/return_value"
        return [
            self.api.call("GET", path.format(dag_id, run["dag_run_id"], task_id))["value"]
            for run in sorted(runs, key=lambda run: run["run_after"])
        ]

    def contact(self) -> str:
        made = self.stack.sandbox.post(f"/_sandbox/exact/{DIVISION}/Contacts", json={"LastName": "Proef"})
        return str(made.json()["ID"])

    def employee(self, number: int) -> str:
        person = {"email": f"p{number}@example.org", "first_name": "P", "last_name": "Q"}
        return str(self.stack.sandbox.post("/_sandbox/personio/employees", json=person).json()["id"])

    def events(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api.call("GET", "/assets/events", params={"limit": 100})["asset_events"]
        return found


def test_dags_start_when_something_is_new(tmp_path: Path) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "own.py").write_text(OWN)
    for file in (ROOT / "dags" / "personio_new_employees.py", ROOT / "docs/examples/example_new_employees.py"):
        shutil.copy(file, dags)
    stack = Stack(tmp_path / "home", limit_seconds=2)
    stack.processes.env["AIRFLOW__CORE__DAGS_FOLDER"] = str(dags)
    with stack:
        stack.start()
        live = Live(stack)
        live.api.login()
        names = ("watching", "waiting", "example_new_employees", "personio_new_employees")
        live.until("the DAGs are parsed", lambda: all(live.api.has_dag(name) for name in names))
        _asset_of_a_dag(live)
        _watched_asset(live)
        _deferred_sensor(live)


def _asset_of_a_dag(live: Live) -> None:
    """Let a DAG that looks start the example."""
    people = [live.employee(number) for number in range(3)]
    for name in ("example_new_employees", "personio_new_employees"):
        live.api.unpause(name)
    live.api.trigger("personio_new_employees", {})
    live.until("the example has run", lambda: live.returned("example_new_employees", "prepare_first_day"))
    mine = [event for event in live.events() if event["uri"] == "x-personio://personio_default/employees"]
    assert [name for event in mine for name in event["extra"]["ids"]] == people
    assert sum(live.returned("example_new_employees", "prepare_first_day")) == 3


def _watched_asset(live: Live) -> None:
    """Let the triggerer look by itself: what is there at the start, then what comes."""
    ids = [live.contact(), live.contact()]
    live.api.unpause("watching")
    live.until("the watcher has fired", lambda: live.returned("watching", "hear"))
    ids.append(live.contact())
    live.until("it has fired again", lambda: len(live.returned("watching", "hear")) > 1)
    assert [name for heard in live.returned("watching", "hear") for name in heard] == ids


def _deferred_sensor(live: Live) -> None:
    """Let the first run find three at once, and the second leave the worker until there is a fourth."""
    live.api.unpause("waiting")
    live.api.trigger("waiting", {})
    live.until("the first run has ended", lambda: live.returned("waiting", "wait"))
    assert live.returned("waiting", "wait")[0]["count"] == 3
    run_id = live.api.trigger("waiting", {})
    path = f"/dags/waiting/dagRuns/{run_id}/taskInstances/wait"
    live.until("the sensor is deferred", lambda: live.api.call("GET", path)["state"] == "deferred")
    new = live.contact()
    live.until("the second run has ended", lambda: len(live.returned("waiting", "wait")) > 1)
    assert live.returned("waiting", "wait")[1]["ids"] == [new]

"""A load that lasts several windows of the limit, on a real Airflow that is killed and started again meanwhile."""

from __future__ import annotations

import contextlib
import shutil
import time
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from airflow_home import ROOT
from include.demo.airflow_api import FINISHED, AirflowApi
from include.demo.stack import BIN, Stack
from include.ledger import open_ledger
from include.records import StreamKey

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.soak]
PEOPLE = 45
STREAM = StreamKey("long_load", 124132, "Contacts").history()


class Live:
    """The running Airflow, the one run in it, and what arrived."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.api = AirflowApi(stack.airflow)
        self.run_id = ""

    def until(self, what: str, ready: Callable[[], Any], seconds: float = 300) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            self.stack.processes.check()
            assert time.monotonic() < deadline, what
            time.sleep(0.5)

    @property
    def load(self) -> dict[str, Any]:
        path = f"/dags/long_load/dagRuns/{self.run_id}/taskInstances/load"
        found: dict[str, Any] = self.api.call("GET", path)
        return found

    def pushed(self, key: str) -> Any:
        path = f"/dags/long_load/dagRuns/{self.run_id}/taskInstances/load/xcomEntries/{key}"
        return self.api.call("GET", path)["value"]

    def applicants(self) -> list[str]:
        contents = self.stack.sandbox.get("/_sandbox/contents").json()
        return [application["email"] for application in contents["personio"]["applications"]]

    def restart(self) -> None:
        """Kill everything of Airflow at once, as a machine that loses its power does, and start it again."""
        names = ("api-server", "scheduler", "dag-processor", "triggerer")
        running = self.stack.processes._running
        family = [
            member
            for name in names
            for member in [
                *psutil.Process(running[name].pid).children(recursive=True),
                psutil.Process(running[name].pid),
            ]
        ]
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        for name in names:
            running.pop(name).wait()
        # A scheduler that comes up first starts tasks that find nobody to report to, and spends their retries.
        for name in names:
            self.stack.processes.start(name, [str(BIN / "airflow"), name])
            if name == "api-server":
                self.until("the API server answers", self._answers)
        self.stack.processes.wait_for("Airflow", self.stack._healthy)

    def _answers(self) -> bool:
        try:
            return self.stack.airflow.get("/api/v2/monitor/health").is_success
        except httpx.TransportError:
            return False


def test_load_gives_its_worker_back_and_survives_a_restart_of_everything(tmp_path: Path) -> None:
    """Forty-five people, twenty in twelve seconds; while it is deferred everything is killed: each arrives once."""
    (tmp_path / "dags").mkdir()
    shutil.copy(ROOT / "tests" / "servers" / "long_load_dag.py", tmp_path / "dags")
    stack = Stack(tmp_path / "home", limit_seconds=12)
    stack.processes.env["AIRFLOW__CORE__DAGS_FOLDER"] = str(tmp_path / "dags")
    with stack:
        stack.start()
        live = Live(stack)
        live.api.login()
        live.until("the DAG is parsed", lambda: live.api.has_dag("long_load"))
        live.api.unpause("long_load")
        live.run_id = live.api.trigger("long_load", {"created_from": "2026-01-01", "people": PEOPLE})
        live.until("the load is deferred", lambda: live.load["state"] == "deferred")
        told = live.pushed("progress")
        assert told["done"] + told["left"] == PEOPLE
        assert told["done"] >= 20
        assert told["finish"] > "2026"
        live.restart()
        live.api.login()
        live.until("the run has ended", lambda: live.api.runs("long_load")[0]["state"] in FINISHED)
        assert live.load["state"] == "success"
        assert live.pushed("return_value") == {"created": PEOPLE}
        assert live.pushed("progress")["left"] == 0
        assert sorted(live.applicants()) == sorted(f"s{number}@example.org" for number in range(PEOPLE))
        with open_ledger(stack.env["EXACT_PERSONIO_LEDGER_URL"]) as ledger:
            assert ledger.deliveries.counts(STREAM, "application", 1001) == {"created": PEOPLE}

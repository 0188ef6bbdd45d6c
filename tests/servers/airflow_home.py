"""An Airflow of the tests' own: a home, both connections to a sandbox, and DAG runs as Airflow makes them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_runner import runner
from include.login import App, log_in
from include.transport import build_http

if TYPE_CHECKING:
    from include.sandbox.server import RunningSandbox

ROOT = Path(__file__).resolve().parents[2]
DIVISION = 124132
REDIRECT = "https://localhost/callback"
CLIENT = ("{00000000-0000-4000-8000-000000000001}", "sandbox-exact-secret")
PERSONIO_CLIENT = ("sandbox-papi-client", "sandbox-papi-secret")


class Airflow:
    """An Airflow home of its own with both connections, and DAG runs in it."""

    def __init__(self, home: Path, sandbox: RunningSandbox) -> None:
        self.sandbox = sandbox
        self.ledger_url = f"sqlite:///{home}/ledger.db"
        exact = {"division": DIVISION, "redirect_uri": REDIRECT}
        personio: dict[str, Any] = {
            "company_id": 4242,
            "recruiting_access_token": "sandbox-recruiting-token",
            "job_position_id": 1001,
        }
        self.connections: dict[str, dict[str, Any]] = {
            "EXACT_ONLINE_DEFAULT": {"conn_type": "exact_online", "login": CLIENT[0], "password": CLIENT[1]}
            | {"host": sandbox.url, "extra": exact},
            "PERSONIO_DEFAULT": {"conn_type": "personio", "host": sandbox.url, "extra": personio}
            | {"login": PERSONIO_CLIENT[0], "password": PERSONIO_CLIENT[1]},
        }
        self.env = {
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
            "EXACT_PERSONIO_LEDGER_URL": self.ledger_url,
            "EXACT_PERSONIO_START_FROM": "beginning",
            # A task that fails here fails soon: the run waits for its retries.
            "EXACT_PERSONIO_RETRY_SECONDS": "1",
        }

    def log_in(self) -> None:
        with build_http(base_url=self.sandbox.url) as browser:
            app = App(self.sandbox.url, *CLIENT, REDIRECT)
            log_in(
                "exact_online_default",
                app,
                ask=lambda address: str(browser.get(address).headers["location"]),
                ledger_url=self.ledger_url,
            )

    def run(self, dag_id: str, **params: Any) -> tuple[dict[str, Any], str]:
        """Run the DAG; return its states and everything that was logged."""
        return runner().run(ROOT / "dags", dag_id, params, self.environment())

    def environment(self) -> dict[str, str]:
        """Return the environment of a process of this Airflow, connections included."""
        connections = {f"AIRFLOW_CONN_{name}": json.dumps(value) for name, value in self.connections.items()}
        return self.env | connections

    def cli(self, *arguments: str) -> str:
        """Run ``exact-personio`` in this home; return what it printed."""
        command = [sys.executable, "-m", "include.cli", *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, check=True, env=self.environment())
        return ran.stdout

    def employees(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.sandbox.sandbox.personio.contents()["employees"]
        return found

    def applicants(self) -> dict[str, dict[str, Any]]:
        return {str(a["email"]): a for a in self.sandbox.sandbox.personio.contents()["applications"]}

"""Each DAG through a real run of Airflow's own, against the sandbox; and what a broken connection looks like."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from include.ledger import open_ledger
from include.login import App, log_in
from include.sandbox.server import RunningSandbox
from include.transport import build_http

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).resolve().parents[2]
DIVISION = 124132
REDIRECT = "https://localhost/callback"
CLIENT = ("{00000000-0000-4000-8000-000000000001}", "sandbox-exact-secret")

RUN = """
import json, sys
from airflow.utils.db import initdb
initdb()
from airflow.dag_processing.dagbag import DagBag
dag = DagBag(dag_folder=sys.argv[1]).dags[sys.argv[2]]
run = dag.test(run_conf=json.loads(sys.argv[3]))
states = {ti.task_id: ti.state for ti in run.get_task_instances()}
print("RESULT " + json.dumps({"state": run.state, "tasks": states, "run_id": run.run_id}))
"""


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
            "PERSONIO_DEFAULT": {"conn_type": "personio", "host": sandbox.url, "extra": personio},
        }
        self.env = {
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
            "EXACT_PERSONIO_LEDGER_URL": self.ledger_url,
            "EXACT_PERSONIO_START_FROM": "beginning",
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
        connections = {f"AIRFLOW_CONN_{name}": json.dumps(value) for name, value in self.connections.items()}
        ran = subprocess.run(
            [sys.executable, "-c", RUN, str(ROOT / "dags"), dag_id, json.dumps(params)],
            capture_output=True,
            text=True,
            check=False,
            env=self.env | connections,
            cwd="/",
        )
        results = [line for line in ran.stdout.splitlines() if line.startswith("RESULT ")]
        assert results, ran.stderr[-3000:]
        return json.loads(results[0].removeprefix("RESULT ")), ran.stdout + ran.stderr

    def applicants(self) -> dict[str, dict[str, Any]]:
        return {str(a["email"]): a for a in self.sandbox.sandbox.personio.contents()["applications"]}


@pytest.fixture
def airflow(tmp_path: Path) -> Iterator[Airflow]:
    with RunningSandbox() as sandbox:
        exact = sandbox.sandbox.exact
        for number in range(3):
            account = exact.add_account(DIVISION, {"Name": f"Voorbeeld {number}"})
            person = {"FirstName": "Sanne", "LastName": f"Proef{number}", "Email": f"sanne{number}@example.org"}
            exact.add_contact(DIVISION, {"Account": account["ID"], **person})
        yield Airflow(tmp_path, sandbox)


@pytest.mark.parametrize("entity", ["contacts", "accounts"])
def test_dag_moves_everybody_and_the_next_run_nobody(airflow: Airflow, entity: str) -> None:
    airflow.log_in()
    dag_id = f"exact_{entity}_to_personio_applications"
    for _ in range(2):
        run, _ = airflow.run(dag_id)
        assert set(run["tasks"].values()) == {"success"}
        assert set(airflow.applicants()) == {f"sanne{n}@example.org" for n in range(3)}


def test_every_field_of_the_form_arrives(airflow: Airflow, tmp_path: Path) -> None:
    airflow.log_in()
    (tmp_path / "cv.pdf").write_bytes(b"%PDF-1.4 invented")
    run, log = airflow.run(
        "exact_contacts_to_personio_applications",
        job_position_id=1002,
        recruiting_channel_id=501,
        message="Hello",
        application_date="2026-01-31",
        tags=["exact", "import"],
        files=[{"path": str(tmp_path / "cv.pdf"), "category": "cv"}],
        attributes=[{"id": "location", "value": "Utrecht"}],
        phase_type="system",
        phase_id="offer",
    )
    assert run["state"] == "success", log[-3000:]
    made = airflow.applicants()["sanne0@example.org"]
    assert (made["job_position_id"], made["recruiting_channel_id"]) == (1002, 501)
    assert (made["message"], str(made["application_date"])) == ("Hello", "2026-01-31")
    assert made["tags"] == ["exact", "import"]
    assert [file["original_filename"] for file in made["files"]] == ["cv.pdf"]
    assert {"id": "location", "value": "Utrecht"} in made["attributes"]
    assert made["phase"] == {"type": "system", "id": "offer"}


def test_wrong_token_fails_once_with_the_way_out_and_leaks_nothing(airflow: Airflow) -> None:
    """The sentence is in the task's log and in the ledger, the records wait, and one request was made."""
    airflow.log_in()
    airflow.connections["PERSONIO_DEFAULT"]["extra"]["recruiting_access_token"] = "wrong-and-secret"
    run, log = airflow.run("exact_contacts_to_personio_applications")
    assert run["tasks"]["load"] == "failed"
    assert "personio.login.refused" in log
    assert not any(word in log for word in ("sanne0@example.org", "wrong-and-secret", CLIENT[1]))
    with open_ledger(airflow.ledger_url) as ledger:
        told = ledger.failures.of_run(f"exact_contacts_to_personio_applications/{run['run_id']}")
    assert [(failure.stage, failure.reason_code) for failure in told] == [("load", "personio.login.refused")]
    assert told[0].way_out
    posts = [e for e in airflow.sandbox.sandbox.log.entries() if e.kind == "v1/recruiting/applications"]
    assert [entry.status for entry in posts] == [401]
    airflow.connections["PERSONIO_DEFAULT"]["extra"]["recruiting_access_token"] = "sandbox-recruiting-token"
    airflow.run("exact_contacts_to_personio_applications")
    assert len(airflow.applicants()) == 3

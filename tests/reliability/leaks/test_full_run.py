"""Secrets and people of full runs are only in encrypted columns, the services, and files that were asked for."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from include.cli import app
from include.ledger import open_ledger
from include.sandbox.server import RunningSandbox
from leak_airflow import PEOPLE, SECRETS, MarkedAirflow, hire, sandbox_settings, secrets_of
from leak_search import ProcessWatch, Search

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.e2e
SETTINGS = ("AIRFLOW_HOME", "EXACT_PERSONIO_LEDGER_URL")
CONTACTS = "exact_contacts_to_personio_applications"
MORE: list[tuple[str, dict[str, Any]]] = [
    ("exact_accounts_to_personio_applications", {"job_position_id": 1002}),
    ("exact_accounts_to_personio_employees", {}),
    ("exact_accounts_list_personio_employees", {"updated_since": "2020-01-01"}),
    ("exact_contacts_history", {"forecast": True, "created_from": "2020-01-01"}),
    ("exact_to_personio_replay", {"all_rejected": True, "start": False}),
    ("exact_endpoint", {"action": "get", "endpoint": "crm/Contacts", "key": "no key"}),
    ("exact_endpoint", {"action": "list", "endpoint": "crm/Contacts", "format": "parquet"}),
    ("personio_new_employees", {}),
]
"""What else there is to run, when there is time."""
LEAKY = """
import base64
from airflow.sdk import DAG, task
from airflow.providers.standard.operators.python import PythonOperator

with DAG("leaky", schedule=None) as dag:
    @task
    def tells():
        print(base64.b64encode("to Zqxkanarie-Voornaam".encode()).decode())
        return {"email": "zqxkanarie.postbus7@example.org"}
    tells()
    PythonOperator(task_id="renders", python_callable=print, op_args=["{{ 'Zqxkanarie'[::1] }}"])
"""


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MarkedAirflow]:
    home = tmp_path_factory.mktemp("marked")
    with RunningSandbox(sandbox_settings()) as sandbox, MarkedAirflow(home, sandbox) as made:
        yield made


@pytest.fixture(scope="module")
def ran(airflow: MarkedAirflow) -> dict[str, Any]:
    """Run the line, a preview, a question to a person, failures, forms and housekeeping."""
    ids, runs = hire(airflow.sandbox), {}
    personio = airflow.sandbox.sandbox.settings.personio
    hours = {"Item": ids["item"], "Project": ids["project"], "Quantity": 1.5}
    with ProcessWatch(Search({**SECRETS, **PEOPLE})) as watch:
        runs["preview"] = airflow.run(CONTACTS, preview=True, created_from="2020-01-01")
        personio.recruiting_token = "another"
        runs["refused"] = airflow.run(CONTACTS)
        personio.recruiting_token = SECRETS["recruiting token"]
        runs["applications"] = airflow.run(CONTACTS, require_approval=True)
        runs["employees"] = airflow.run("exact_contacts_to_personio_employees")
        runs["hours"] = airflow.run("exact_time_transactions", action="create", **hours)
        runs["export"] = airflow.run("exact_endpoint", action="list", endpoint="crm/Contacts")
        for number, (dag_id, form) in enumerate(MORE if os.environ.get("EXACT_PERSONIO_EXAMPLES") else ()):
            runs[f"more {number}"] = airflow.run(dag_id, **form)
        tokens = secrets_of(airflow.sandbox) | {"code": airflow.code}
        airflow.sandbox.sandbox.exact.revoke_tokens()
        runs["logged out"] = airflow.run("exact_new_contacts")
        runs["housekeeping"] = airflow.run("sync_housekeeping")
    return {"runs": runs, "watch": watch, "tokens": tokens}


@pytest.fixture
def search(airflow: MarkedAirflow, ran: dict[str, Any]) -> Search:
    return Search({**SECRETS, **PEOPLE, **ran["tokens"]})


def said(airflow: MarkedAirflow, *arguments: str) -> str:
    """Return what a command prints, errors included."""
    return CliRunner().invoke(app, arguments, env={name: airflow.env[name] for name in SETTINGS}).output


def test_the_runs_did_what_they_are_there_for(airflow: MarkedAirflow, ran: dict[str, Any]) -> None:
    """Where nothing happens nothing leaks: people arrived, failures failed, and the person was asked."""
    states = {name: run.get("tasks", run) for name, run in ran["runs"].items()}
    assert set(states["applications"].values()) == {"success"}, airflow.log()[-3000:]
    assert states["refused"]["load"] == "failed"
    with open_ledger(airflow.env["EXACT_PERSONIO_LEDGER_URL"], SECRETS["ledger key"]) as ledger:
        asked = ledger.approvals.get(f"{CONTACTS}/{ran['runs']['applications']['run_id']}")
    assert asked is not None
    assert asked.answered_by == "ada"
    assert set(states["employees"].values()) == {"success"}
    assert set(states["hours"].values()) == set(states["export"].values()) == {"success"}
    assert "failed" in states["logged out"].values()
    contents = airflow.sandbox.sandbox.personio.contents()
    assert [row["job_position_id"] for row in contents["applications"]].count(1001) == 3
    assert len(contents["employees"]) == 3


def test_no_file_holds_a_secret_or_a_person(airflow: MarkedAirflow, search: Search) -> None:
    """Logs, both databases as files, and whatever else a run leaves in Airflow's home."""
    exports = airflow.home / "exports"
    keys = [airflow.key_file, airflow.home / "airflow.key"]
    assert search.in_files(exports), "the export that was asked for holds nobody: the search proves nothing"
    assert all(file.stat().st_mode & 0o077 == 0 for file in keys)
    assert search.in_files(airflow.home, allowed=[exports, *keys]) == set()
    assert len(airflow.log()) > 100_000
    assert "include.transport" in airflow.log() or "GET " in airflow.log()


@pytest.mark.parametrize("name", ["airflow.db", "ledger.db"])
def test_no_column_holds_a_secret_or_a_person(airflow: MarkedAirflow, search: Search, name: str) -> None:
    """XComs, rendered fields, states of tasks, forms, questions, connections: whatever table there is."""
    assert search.in_database(f"sqlite:///{airflow.home / name}") == set()
    assert search.places > 500


def test_no_process_shows_a_secret_or_a_person(ran: dict[str, Any]) -> None:
    assert ran["watch"].seen
    assert ran["watch"].found == set()


def test_no_report_of_the_command_line_holds_a_secret_or_a_person(airflow: MarkedAirflow, search: Search) -> None:
    """``status`` and ``doctor`` are pasted into tickets; ``trace`` shows whom it was asked for, and no secret."""
    told = said(airflow, "status", "--json") + said(airflow, "status")
    assert '"created"' in told
    assert search.in_text(told, "status") == set()
    shown = said(airflow, "trace", f"{PEOPLE['local part']}0@zqxkanarie.example.org", "--json")
    assert {leak.what for leak in search.in_text(shown, "trace")} <= set(PEOPLE)
    assert '"created"' in shown


def test_figures_are_written_down(airflow: MarkedAirflow, search: Search, ran: dict[str, Any]) -> None:
    """How much was searched, for what, and what was found."""
    kinds = {name.rstrip(" 0123456789") for name in ran["tokens"]}
    assert kinds == {"access token", "refresh token", "code", "token of Personio"}
    found = search.in_files(
        airflow.home, allowed=[airflow.home / "exports", airflow.key_file, airflow.home / "airflow.key"]
    )
    for name in ("airflow.db", "ledger.db"):
        found |= search.in_database(f"sqlite:///{airflow.home / name}")
    file = Path(os.environ.get("EXACT_PERSONIO_BUILD", "build")) / "reliability" / "leaks.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    figures = {"runs": len(ran["runs"]), "values": len(search.values), "forms": len(search._forms)}
    figures |= {"bytes": search.bytes_searched, "places": search.places, "looks_at_processes": ran["watch"].looks}
    file.write_text(
        json.dumps({"at": f"{datetime.now(UTC):%Y-%m-%d}", **figures, "found": len(found)}, indent=2) + "\n"
    )
    assert found == set()


def test_zz_a_task_that_leaks_is_caught(airflow: MarkedAirflow, search: Search) -> None:
    """In its log, in XCom and in its rendered fields; last, because it spoils the home."""
    (airflow.home / "dags" / "leaky.py").write_text(LEAKY)
    run = airflow.run("leaky")
    assert run["state"] == "success", airflow.log()[-3000:]
    found = search.in_database(f"sqlite:///{airflow.home}/airflow.db")
    assert {leak.place.partition(" ")[0] for leak in found} >= {
        "xcom.value",
        "rendered_task_instance_fields.rendered_fields",
    }
    logs = search.in_bytes((airflow.home / "airflow.log").read_bytes(), "log")
    assert any(leak.disguise.startswith("base64") and leak.what == "first name" for leak in logs)

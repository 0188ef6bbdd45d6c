"""The daily reconciliation in real runs of Airflow's own: proven, told once, told when it is over."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_home import Airflow
from include.ledger import open_ledger
from include.ledger.tables import deliveries, staged
from include.sandbox.server import RunningSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.e2e

DAG = "sync_reconciliation"
CONTACTS = "exact_contacts_to_personio_applications"
MISSING = "personio.application.missing"
NOTIFIER = """
from airflow.sdk import BaseNotifier

class AlertFile(BaseNotifier):
    template_fields = ("text",)

    def __init__(self, path, text):
        super().__init__()
        self.path, self.text = path, text

    def notify(self, context):
        with open(self.path, "a") as file:
            file.write(self.text + chr(10))
"""


@pytest.fixture
def airflow(tmp_path: Path) -> Iterator[Airflow]:
    with RunningSandbox() as sandbox:
        made = Airflow(tmp_path, sandbox)
        (tmp_path / "alerts_by_file.py").write_text(NOTIFIER, encoding="utf-8")
        made.env["PYTHONPATH"] = str(tmp_path)
        made.env["EXACT_PERSONIO_RETRY_SECONDS"] = "0"
        text = "{{ alert_kind }} {{ alert_subject }}: {{ alert_message }}"
        entry = {"class": "alerts_by_file.AlertFile", "kwargs": {"path": str(tmp_path / "told"), "text": text}}
        made.env["EXACT_PERSONIO_NOTIFIERS"] = json.dumps([entry])
        made.log_in()
        yield made


def told(airflow: Airflow) -> list[str]:
    file = Path(airflow.env["PYTHONPATH"]) / "told"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def command(airflow: Airflow, *arguments: str) -> tuple[int, Any]:
    """Run ``exact-personio reconcile``; return its exit code and its report."""
    words = [sys.executable, "-m", "include.cli", "reconcile", "--json", *arguments]
    ran = subprocess.run(words, capture_output=True, text=True, check=False, env=airflow.environment())
    return ran.returncode, json.loads(ran.stdout) if ran.stdout else ran.stderr


def hours_ago(airflow: Airflow) -> None:
    """Let everything have happened so long ago that it counts as settled."""
    then = datetime.now(UTC) - timedelta(hours=3)
    with open_ledger(airflow.ledger_url) as ledger, ledger._database.write() as connection:
        connection.execute(deliveries.update().values(updated_at=then))
        connection.execute(staged.update().values(staged_at=then))


def test_difference_is_found_told_once_and_its_end_told_once(airflow: Airflow) -> None:
    exact, personio = airflow.sandbox.sandbox.exact, airflow.sandbox.sandbox.personio
    account = exact.add_account(124132, {"Name": "Voorbeeld"})
    for name in ("sanne", "daan"):
        person = {"FirstName": name.title(), "LastName": "Proef", "Email": f"{name}@example.org"}
        exact.add_contact(124132, {"Account": account["ID"], **person, "Created": "2026-01-31T12:00:00"})
    run, log = airflow.run(CONTACTS)
    assert run["state"] == "success", log[-3000:]
    hours_ago(airflow)

    run, log = airflow.run(DAG, depth="exact")
    assert run["tasks"] == {"reconcile": "success", "tell": "success"}, log[-3000:]
    assert "It costs: Applications of company 4242: at least 2 calls at Personio." in log
    code, report = command(airflow, "--last")
    assert (code, report["verdict"], report["depth"]) == (0, "ok", "exact")
    assert report["run"] == f"{DAG}/{run['run_id']}"
    assert told(airflow) == []

    gone = next(one for one in personio.applications.values() if one.body["email"] == "sanne@example.org")
    with airflow.sandbox.sandbox.lock:
        del personio.applications[gone.id]
    for _ in range(2):
        run, log = airflow.run(DAG)
        assert run["tasks"] == {"reconcile": "success", "tell": "success"}, log[-3000:]
    [line] = told(airflow)
    part = "124132/Contacts/application/4242/1001"
    assert line.startswith(f"difference {part}: Reconciliation of {part}: 1 of {MISSING} (")
    assert MISSING in log
    assert "example.org" not in line + log
    code, report = command(airflow)
    assert (code, report["verdict"]) == (1, "difference")

    with airflow.sandbox.sandbox.lock:
        personio.applications[gone.id] = gone
    run, log = airflow.run(DAG)
    assert run["state"] == "success", log[-3000:]
    assert [line.split(": ")[0] for line in told(airflow)] == [f"difference {part}", f"agreement {part}"]


def test_without_anything_read_it_agrees_and_makes_no_call(airflow: Airflow) -> None:
    before = len(airflow.sandbox.sandbox.log.entries())
    run, log = airflow.run(DAG)
    assert run["state"] == "success", log[-3000:]
    assert len(airflow.sandbox.sandbox.log.entries()) == before

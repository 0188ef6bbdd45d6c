"""The daily housekeeping in real runs of Airflow's own, and what a dead login does to every other run."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from airflow_home import Airflow
from include.ledger import open_ledger
from include.sandbox.faults import Fault
from include.sandbox.server import RunningSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from include.clients.ports import StoredToken

pytestmark = pytest.mark.e2e

CONN = "exact_online_default"
DAG = "sync_housekeeping"
OTHERS = ("forget", "follow_deletions", "watch_streams", "report_metrics")
CONTACTS = "exact_contacts_to_personio_applications"
NOTIFIER = """
import os
from airflow.sdk import BaseNotifier

class FileNotifier(BaseNotifier):
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
        (tmp_path / "told_by_file.py").write_text(NOTIFIER, encoding="utf-8")
        made.env["PYTHONPATH"] = str(tmp_path)
        made.env["EXACT_PERSONIO_RETRY_SECONDS"] = "0"
        text = "{{ login_connection }} until {{ login_dies_at }}: {{ login_message }}"
        entry = {"class": "told_by_file.FileNotifier", "kwargs": {"path": str(tmp_path / "told"), "text": text}}
        made.env["EXACT_PERSONIO_NOTIFIERS"] = json.dumps([entry])
        made.log_in()
        yield made


def told(airflow: Airflow) -> list[str]:
    from pathlib import Path  # noqa: PLC0415

    file = Path(airflow.env["PYTHONPATH"]) / "told"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def chain(airflow: Airflow) -> StoredToken:
    with open_ledger(airflow.ledger_url) as ledger:
        stored = ledger.vault(CONN).read()
    assert stored is not None
    return stored


def leave_unused(airflow: Airflow, days: float) -> None:
    """Let the login's last use be so long ago."""
    now = chain(airflow)
    then = datetime.now(UTC) - timedelta(days=days)
    with open_ledger(airflow.ledger_url) as ledger, ledger.vault(CONN).locked() as held:
        held.replace(now.access_token, now.refresh_token, then, then + timedelta(seconds=600))
    airflow.sandbox.sandbox.exact.expire_tokens()


def token_calls(airflow: Airflow) -> list[int]:
    return [entry.status for entry in airflow.sandbox.sandbox.log.entries() if entry.kind == "oauth2/token"][1:]


def test_idle_login_is_renewed_and_a_used_one_left_alone(airflow: Airflow) -> None:
    run, log = airflow.run(DAG)
    assert run["tasks"] == dict.fromkeys(("keep_logins_alive", *OTHERS), "success"), log[-3000:]
    assert (token_calls(airflow), chain(airflow).generation) == ([], 1)
    leave_unused(airflow, 2)
    before = chain(airflow).generation
    run, log = airflow.run(DAG)
    assert run["state"] == "success", log[-3000:]
    assert (token_calls(airflow), chain(airflow).generation) == ([200], before + 1)
    assert chain(airflow).access_token not in log
    assert told(airflow) == []


def test_warns_once_while_there_is_time(airflow: Airflow) -> None:
    """Exact is away and six days are left: every try fails, but only one message goes out."""
    leave_unused(airflow, 24)
    airflow.sandbox.sandbox.faults.add(Fault("status", match="POST oauth2/token", times=None, status=500))
    run, log = airflow.run(DAG)
    assert run["tasks"] == {"keep_logins_alive": "failed", **dict.fromkeys(OTHERS, "success")}, log[-3000:]
    ends = chain(airflow).obtained_at + timedelta(days=30)
    assert len(told(airflow)) == 1
    assert f"The login of connection {CONN} dies on {ends:%Y-%m-%d} unless it is renewed." in told(airflow)[0]
    assert "dies on" in log


def test_dead_login_fails_at_once_everywhere_and_a_new_one_goes_on(airflow: Airflow) -> None:
    """One question to Exact in all, the command in every message, and nothing lost for the run after the login."""
    exact = airflow.sandbox.sandbox.exact
    account = exact.add_account(124132, {"Name": "Voorbeeld"})
    person = {"FirstName": "Sanne", "LastName": "Proef", "Email": "sanne@example.org"}
    exact.add_contact(124132, {"Account": account["ID"], **person})
    leave_unused(airflow, 2)
    exact.revoke_tokens()
    for dag_id in (DAG, CONTACTS):
        run, log = airflow.run(dag_id)
        assert "failed" in run["tasks"].values()
        assert f"exact-personio login --conn-id {CONN}" in log
        assert "exact.refresh_token.chain" in log
    assert token_calls(airflow) == [400]
    of_login, of_stream = told(airflow)
    assert of_login.startswith(f"{CONN} until : Connection {CONN}: The login")
    assert of_stream.startswith(f"{CONTACTS} until : {CONTACTS} does not go on. extract: The login")
    assert f"exact-personio login --conn-id {CONN}" in of_stream
    airflow.log_in()
    run, log = airflow.run(CONTACTS)
    assert run["state"] == "success", log[-3000:]
    assert told(airflow)[2].startswith(f"{CONTACTS} until : {CONTACTS} goes on again")
    assert len(told(airflow)) == 3
    assert set(airflow.applicants()) == {"sanne@example.org"}

"""Each DAG through a real run of Airflow's own, against the sandbox; and what a broken connection looks like."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from airflow_home import CLIENT, DIVISION, Airflow
from include.ledger import open_ledger
from include.sandbox.server import RunningSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.e2e

WHOLE = dict.fromkeys(("plan", "extract", "transform", "approve", "load", "commit"), "success")
IDLE = WHOLE | dict.fromkeys(("transform", "approve", "load"), "skipped")
"""The tasks of a run that finds nothing new where nothing waits: each that is skipped is a process less."""


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
    for states in (WHOLE, IDLE):
        run, log = airflow.run(dag_id)
        assert run["tasks"] == states, log[-3000:]
        assert set(airflow.applicants()) == {f"sanne{n}@example.org" for n in range(3)}
    assert "Nothing new, and nothing waits" in log


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


@pytest.mark.parametrize("entity", ["contacts", "accounts"])
def test_employees_are_created_once(airflow: Airflow, entity: str) -> None:
    """The form's fields arrive, a known address is left alone, and the next run creates nobody."""
    airflow.log_in()
    work_already(airflow, "sanne1@example.org")
    for states in (WHOLE, IDLE):
        run, log = airflow.run(
            f"exact_{entity}_to_personio_employees",
            weekly_working_hours=38.5,
            department="Engineering",
            office="Atlantis",
            hire_date="2026-12-01",
        )
        assert run["tasks"] == states, log[-3000:]
        made = {str(row["email"]): row for row in airflow.employees()}
        assert set(made) == {f"sanne{n}@example.org" for n in range(3)}
        assert len(airflow.employees()) == 3
    new = made["sanne0@example.org"]
    assert (new["weekly_working_hours"], new["department"], new["hire_date"]) == (38.5, "Engineering", "2026-12-01")
    assert not made["sanne1@example.org"].get("department")
    assert "example.org" not in log


@pytest.mark.parametrize("entity", ["contacts", "accounts"])
def test_employees_of_each_record_are_listed_and_nothing_is_written(airflow: Airflow, entity: str) -> None:
    """The match is kept with the record and shown by trace; Personio was only read."""
    airflow.log_in()
    work_already(airflow, "sanne1@example.org", "other@example.org")
    before = airflow.employees()
    run, log = airflow.run(f"exact_{entity}_list_personio_employees", updated_since="2020-01-01")
    assert set(run["tasks"].values()) == {"success"}, log[-3000:]
    assert airflow.employees() == before
    known = next(str(row["id"]) for row in before if row["email"] == "sanne1@example.org")
    [story] = json.loads(airflow.cli("trace", "sanne1@example.org", "--json"))
    [kept] = story["results"]
    assert [str(match["id"]) for match in kept["result"]["matches"]] == [known]
    assert sorted(kept["result"]["changed"]) == sorted(str(row["id"]) for row in before)
    [other] = json.loads(airflow.cli("trace", "sanne0@example.org", "--json"))
    assert other["results"][0]["result"]["matches"] == []


def test_form_that_is_wrong_fails_before_any_call(airflow: Airflow) -> None:
    """A custom attribute that cannot be is named by the first task; no window is pinned, no call is made."""
    airflow.log_in()
    airflow.sandbox.sandbox.log.clear()
    run, log = airflow.run("exact_contacts_to_personio_employees", custom_attributes={"shoe_size": "42"})
    assert (run["tasks"]["plan"], run["tasks"]["extract"]) == ("failed", "upstream_failed")
    assert "custom_attributes" in log
    assert airflow.sandbox.sandbox.log.entries() == []


def test_connections_may_come_from_a_secrets_backend(airflow: Airflow, tmp_path: Path) -> None:
    """The doctor, who asks Airflow, finds both connections in the backend that README.md shows."""
    airflow.log_in()
    held = {name.lower(): value for name, value in airflow.connections.items()}
    (tmp_path / "connections.json").write_text(json.dumps(held))
    airflow.connections.clear()
    airflow.env |= {
        "AIRFLOW__SECRETS__BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps({"connections_file_path": f"{tmp_path}/connections.json"}),
    }
    found = json.loads(airflow.cli("doctor", "--json"))
    assert found["summary"]["fail"] == 0, [f for f in found["findings"] if f["status"] == "fail"]
    states = {finding["check"]: finding["status"] for finding in found["findings"]}
    assert (states["exact.user"], states["personio.recruiting"]) == ("pass", "pass")


def work_already(airflow: Airflow, *emails: str) -> None:
    for email in emails:
        airflow.sandbox.sandbox.personio.add_person(email, "Sanne", "Proef", {})

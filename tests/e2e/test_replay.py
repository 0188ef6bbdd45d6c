"""What was rejected arrives after it was corrected: by itself where Exact has changed, by a replay where not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from airflow_home import DIVISION, Airflow
from include.sandbox.server import RunningSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.e2e
DAG = "exact_contacts_to_personio_applications"
REASON = "personio.files.not_readable"


@pytest.fixture
def airflow(tmp_path: Path) -> Iterator[Airflow]:
    with RunningSandbox() as sandbox:
        exact = sandbox.sandbox.exact
        account = exact.add_account(DIVISION, {"Name": "Voorbeeld"})
        for number in range(2):
            person = {"FirstName": "Sanne", "LastName": f"Proef{number}", "Email": f"sanne{number}@example.org"}
            exact.add_contact(DIVISION, {"Account": account["ID"], **person})
        made = Airflow(tmp_path, sandbox)
        made.log_in()
        yield made


def counts(airflow: Airflow) -> dict[str, int]:
    [stream] = json.loads(airflow.cli("status", "--json"))
    return {state: count for state, count in stream["counts"].items() if count}


def test_contact_without_an_address_arrives_by_itself_once_it_has_one(airflow: Airflow) -> None:
    exact = airflow.sandbox.sandbox.exact
    account = exact.add_account(DIVISION, {"Name": "Zonder"})
    person = {"Account": account["ID"], "FirstName": "Noor", "LastName": "Zonder"}
    without = exact.add_contact(DIVISION, person)
    airflow.run(DAG)
    assert counts(airflow) == {"created": 2, "rejected": 1}
    exact.update(DIVISION, "Contacts", without["ID"], {"Email": "noor@example.org"})
    run, log = airflow.run(DAG)
    assert run["state"] == "success", log[-3000:]
    assert set(airflow.applicants()) == {"sanne0@example.org", "sanne1@example.org", "noor@example.org"}
    assert counts(airflow) == {"created": 3}


def test_missing_file_is_put_there_and_its_records_are_replayed(airflow: Airflow, tmp_path: Path) -> None:
    """Nothing changed at Exact nor in the mapping, so only somebody who knows can have it decided again."""
    form = {"files": [{"path": str(tmp_path / "cv.pdf"), "category": "cv"}]}
    run, log = airflow.run(DAG, **form)
    assert run["state"] == "success", log[-3000:]
    assert (airflow.applicants(), counts(airflow)) == ({}, {"rejected": 2})
    (tmp_path / "cv.pdf").write_bytes(b"%PDF-1.4 invented")
    airflow.run(DAG, **form)
    assert airflow.applicants() == {}
    told = json.loads(airflow.cli("replay", "--reason", REASON, "--yes", "--json"))
    conf = json.dumps({"replay_only": True, "division": DIVISION, "job_position_id": 1001})
    assert (told["marked"], told["next"]) == (2, [f"airflow dags trigger {DAG} --conf '{conf}'"])
    for _ in range(2):
        run, log = airflow.run(DAG, **form)
        assert run["state"] == "success", log[-3000:]
    assert len(airflow.sandbox.sandbox.personio.contents()["applications"]) == 2
    assert set(airflow.applicants()) == {"sanne0@example.org", "sanne1@example.org"}
    assert counts(airflow) == {"created": 2}

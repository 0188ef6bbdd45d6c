"""The forms and the authors' operators through real DAG runs of Airflow, against the sandbox's true contents."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_home import DIVISION, ROOT
from airflow_session import Session
from include.sandbox.faults import Fault
from include.sandbox.server import RunningSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.e2e

COMPANY = "https://company.app.personio.com"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox() as running:
        yield running


@pytest.fixture(scope="module")
def ids(sandbox: RunningSandbox) -> dict[str, str]:
    """One item and one project, to book hours on."""
    exact = sandbox.sandbox.exact
    account = exact.add_account(DIVISION, {"Name": "Voorbeeld"})
    item = exact.add(DIVISION, "Items", {"Code": "HOUR", "Description": "Hour"})
    fields = {"Account": account["ID"], "Code": "P1", "Description": "Project", "Type": 3}
    project = exact.add(DIVISION, "Projects", fields)
    return {"account": account["ID"], "item": item["ID"], "project": project["ID"]}


@pytest.fixture(scope="module")
def airflow(
    sandbox: RunningSandbox, ids: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Session]:
    home = tmp_path_factory.mktemp("actions")
    with Session(home, sandbox) as session:
        session.connections["PERSONIO_DEFAULT"]["extra"]["company_url"] = COMPANY
        shutil.copy(ROOT / "tests" / "servers" / "authors_dag.py", home / "dags")
        session.start()
        yield session


def lines_of(path: str) -> list[dict[str, Any]]:
    text = Path(path.removeprefix("file://")).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n")[:-1]]


def hours(airflow: Session) -> dict[str, dict[str, Any]]:
    return {row["ID"]: row for row in airflow.rows("TimeTransactions")}


def test_hours_are_created_changed_and_deleted(airflow: Session, ids: dict[str, str]) -> None:
    """Each field arrives; an aware time is moved to the clock of the site."""
    before = set(hours(airflow))
    run = airflow.ask(
        "exact_time_transactions",
        action="create",
        Item=ids["item"].upper(),
        Quantity=7.5,
        Project=ids["project"],
        Date="2026-06-25",
        StartTime="2026-06-25T07:00:00Z",
        EndTime="2026-06-25T16:30:00",
        Notes="Invented work",
        HourStatus=1,
    )
    assert run["tasks"] == {"check": "success", "write": "success"}, airflow.log()[-3000:]
    made = run["xcoms"]["write.return_value"]
    assert made["state"] == "created"
    (new,) = set(hours(airflow)) - before
    assert made["id"] == new
    row = hours(airflow)[new]
    assert (row["Item"], row["Project"], row["Quantity"]) == (ids["item"], ids["project"], 7.5)
    assert (row["Notes"], row["HourStatus"]) == ("Invented work", 1)
    # The site's wall clock, written as if it were UTC: 09:00 is 07:00 UTC in June.
    assert row["Date"] == "/Date(1782345600000)/"
    assert row["StartTime"] == "/Date(1782378000000)/"
    assert row["EndTime"] == "/Date(1782405000000)/"
    link = run["xcoms"]["write._link_ExactOnlineRecordLink"]
    assert link.startswith(airflow.sandbox.url)

    run = airflow.ask("exact_time_transactions", action="update", key=new, Quantity=4)
    assert run["state"] == "success", airflow.log()[-3000:]
    assert (hours(airflow)[new]["Quantity"], hours(airflow)[new]["Notes"]) == (4, "Invented work")

    run = airflow.ask("exact_time_transactions", action="delete", key=new, confirm_id=ids["item"])
    assert run["tasks"]["check"] == "failed"
    assert new in hours(airflow)
    run = airflow.ask("exact_time_transactions", action="delete", key=new, confirm_id=new.upper())
    assert run["xcoms"]["write.return_value"]["deleted"] is True
    assert new not in hours(airflow)
    again = airflow.ask("exact_time_transactions", action="delete", key=new, confirm_id=new)
    assert again["xcoms"]["write.return_value"]["deleted"] is False


def test_final_hours_are_refused_before_they_are_touched(airflow: Session, ids: dict[str, str]) -> None:
    fields = {"Item": ids["item"], "Project": ids["project"], "Quantity": 1.0}
    row = airflow.sandbox.sandbox.exact.add(DIVISION, "TimeTransactions", fields)
    airflow.sandbox.sandbox.exact.update(DIVISION, "TimeTransactions", row["ID"], {"HourStatus": 20})
    puts = len(airflow.calls("PUT", "project/TimeTransactions"))
    for form in ({"action": "update", "Quantity": 2}, {"action": "delete", "confirm_id": row["ID"]}):
        run = airflow.ask("exact_time_transactions", key=row["ID"], **form)
        assert run["tasks"] == {"check": "success", "write": "failed"}
    assert "These hours are final" in airflow.log()
    assert len(airflow.calls("PUT", "project/TimeTransactions")) == puts
    assert hours(airflow)[row["ID"]]["Quantity"] == 1.0


def test_lost_answer_creates_nothing_twice(airflow: Session, ids: dict[str, str]) -> None:
    """The answer to the POST is dropped; the retry finds the row, and so does the same run once it is cleared."""
    before, posts = set(hours(airflow)), len(airflow.calls("POST", "project/TimeTransactions"))
    fault = Fault("drop_after", match="POST project/TimeTransactions", times=1)
    airflow.sandbox.sandbox.faults.add(fault)
    form = {"action": "create", "Item": ids["item"], "Quantity": 1.25, "Project": ids["project"], "Notes": "once"}
    at = "2026-01-01T00:00:00+00:00"
    run = airflow.ask("exact_time_transactions", at, **form)
    assert fault.hits == 1
    assert run["state"] == "success", airflow.log()[-3000:]
    assert run["tries"]["write"] == 2
    (new,) = set(hours(airflow)) - before
    assert run["xcoms"]["write.return_value"] == {
        "id": new,
        "state": "created",
        "endpoint": "project/TimeTransactions",
    }
    again = airflow.ask("exact_time_transactions", at, **form)
    assert again["run_id"] == run["run_id"]
    assert again["xcoms"]["write.return_value"]["id"] == new
    assert set(hours(airflow)) - before == {new}
    assert len(airflow.calls("POST", "project/TimeTransactions")) == posts + 1
    other = airflow.ask("exact_time_transactions", at, **{**form, "Quantity": 2})
    assert other["tasks"]["write"] == "failed"
    assert "Trigger a new run for the new values" in airflow.log()
    assert set(hours(airflow)) - before == {new}


def test_all_pages_come(airflow: Session, tmp_path: Path) -> None:
    """More than 60 rows of a single endpoint, more than 1,000 of a sync endpoint; each row once."""
    exact = airflow.sandbox.sandbox.exact
    for number in range(1_100):
        exact.add_account(DIVISION, {"Name": f"Many {number}"})
    truth = {row["ID"]: row for row in airflow.rows("Accounts")}
    assert len(truth) > 1_100
    for endpoint, path in (("sync/CRM/Accounts", ""), ("crm/Accounts", str(tmp_path / "rows.jsonl"))):
        form = {"action": "list", "endpoint": endpoint, "select": "ID, Name,Created"}
        run = airflow.ask("exact_endpoint", **form, path=f"file://{path}" if path else None)
        assert run["state"] == "success", airflow.log()[-3000:]
        result = run["xcoms"]["call.return_value"]
        assert result["count"] == len(truth)
        rows = lines_of(result["path"])
        assert {row["ID"]: row["Name"] for row in rows} == {key: row["Name"] for key, row in truth.items()}
        assert len(rows) == len(truth)
        assert all(len(row["Created"]) >= 19 and "T" in row["Created"] for row in rows)
    assert "/exports/exact_endpoint/" in result["path"] or path in result["path"]
    counted = airflow.ask("exact_endpoint", action="count", endpoint="crm/Accounts")
    assert counted["xcoms"]["call.return_value"] == {"count": len(truth)}
    some = airflow.ask("exact_endpoint", action="list", other_endpoint="CRM/accounts", top=70, format="parquet")
    assert some["xcoms"]["call.return_value"]["count"] == 70
    assert some["xcoms"]["call.return_value"]["path"].endswith(".parquet")


def test_get_create_update_delete_of_any_endpoint(airflow: Session) -> None:
    run = airflow.ask("exact_endpoint", action="create", endpoint="crm/Accounts", body={"Name": "Made by form"})
    key = run["xcoms"]["call.return_value"]["id"]
    airflow.ask("exact_endpoint", action="update", endpoint="crm/Accounts", key=key, body={"City": "Delft"})
    truth = {row["ID"]: row for row in airflow.rows("Accounts")}
    assert (truth[key]["Name"], truth[key]["City"]) == ("Made by form", "Delft")
    run = airflow.ask("exact_endpoint", action="get", endpoint="crm/Accounts", key=key, select="ID,Name,City")
    assert lines_of(run["xcoms"]["call.return_value"]["path"]) == [
        {"ID": key, "Name": "Made by form", "City": "Delft"}
    ]
    assert key in run["xcoms"]["call._link_ExactOnlineRecordLink"]
    run = airflow.ask("exact_endpoint", action="delete", endpoint="crm/Accounts", key=key, confirm_id=key)
    assert run["xcoms"]["call.return_value"]["deleted"] is True
    assert key not in {row["ID"] for row in airflow.rows("Accounts")}
    gone = airflow.ask("exact_endpoint", action="get", endpoint="crm/Accounts", key=key)
    assert gone["tasks"] == {"check": "success", "call": "failed"}
    assert gone["tries"]["call"] == 1


GUID = "790fc424-dc9f-405d-ab09-22d4ee00f653"
WRONG: list[tuple[str, str, dict[str, Any], str]] = [
    ("exact_endpoint", "unknown endpoint", {"action": "list", "other_endpoint": "crm/Acounts"}, "crm/Accounts"),
    ("exact_endpoint", "no GUID", {"action": "get", "endpoint": "crm/Accounts", "key": "0000011"}, "is not a GUID"),
    (
        "exact_endpoint",
        "protected",
        {"action": "delete", "endpoint": "hrm/Divisions", "key": "1", "confirm_id": "1"},
        "is protected",
    ),
    (
        "exact_time_transactions",
        "missing property",
        {"action": "create", "Item": GUID, "Project": GUID},
        "`Quantity` is missing",
    ),
]


@pytest.mark.parametrize(
    ("dag_id", "form", "sentence"),
    [(dag_id, form, sentence) for dag_id, _, form, sentence in WRONG],
    ids=[case[1] for case in WRONG],
)
def test_wrong_form_is_refused_by_check_without_a_call(
    airflow: Session, dag_id: str, form: dict[str, Any], sentence: str
) -> None:
    """One sentence that names the field; the sandbox sees nothing, and the task is not tried again."""
    before, told = len(airflow.sandbox.sandbox.log.entries()), len(airflow.log())
    run = airflow.ask(dag_id, **form)
    assert run["tasks"]["check"] == "failed", run
    assert run["tries"]["check"] == 1
    assert sentence in airflow.log()[told:]
    assert len(airflow.sandbox.sandbox.log.entries()) == before


def test_authors_operators_do_what_they_say_and_store_nobody(
    airflow: Session, ids: dict[str, str], tmp_path: Path
) -> None:
    """Every operator once; neither XCom nor rendered fields nor the log hold the person."""
    (tmp_path / "cv.pdf").write_bytes(b"%PDF-1.4 invented")
    person = {"first": "Wilhelmina", "last": "Zonderling", "email": "wilhelmina@example.org"}
    told = len(airflow.log())
    form = {"folder": str(tmp_path), "key": ids["item"], "account": ids["account"]}
    run = airflow.ask("authors", person=person, **form)
    assert set(run["tasks"].values()) == {"success"}, airflow.log()[told:][-4000:]

    xcoms = run["xcoms"]
    key = xcoms["create.return_value"]["id"]
    assert json.loads((tmp_path / "one.jsonl").read_text()) == {
        "ID": key,
        "Name": "Zonderling N.V.",
        "Remarks": "Zonderling asked",
    }
    assert xcoms["get.return_value"]["fields"] == {"ID": key}
    assert xcoms["list.return_value"]["count"] == 1
    assert (tmp_path / "rows.parquet").stat().st_size > 0
    assert key not in {row["ID"] for row in airflow.rows("Accounts")}
    (invoice,) = airflow.rows("SalesInvoices")
    assert invoice["ID"] == xcoms["invoice.return_value"]["id"]
    assert invoice["OrderedBy"] == key

    assert sum(row["Name"] == "Mapped" for row in airflow.rows("Accounts")) == 2

    _hours_contacts_and_news(airflow, ids, xcoms)

    applicant = airflow.applicants()["wilhelmina@example.org"]
    assert (applicant["first_name"], applicant["message"]) == ("Wilhelmina", "Hello Wilhelmina")
    assert [file["uuid"] for file in applicant["files"]] == [xcoms["upload.return_value"]]
    assert xcoms["apply.return_value"] == {"state": "created", "job_position_id": 1001, "id": None}
    hired = xcoms["hire.return_value"]
    assert (hired["state"], hired["warnings"]) == ("created", 1)
    assert xcoms["staff.return_value"]["ids"] == [int(hired["id"])]
    assert json.loads((tmp_path / "staff.jsonl").read_text())["email"] == "wilhelmina@example.org"

    assert xcoms["hire._link_PersonioLink"] == f"{COMPANY}/staff/details/{hired['id']}"
    assert xcoms["staff._link_PersonioLink"] == xcoms["upload._link_PersonioLink"] == COMPANY

    del xcoms["person.return_value"]  # the author's own task
    stored = json.dumps([xcoms, run["rendered"]])
    for word in (*person.values(), "N.V."):
        assert word not in stored
        assert word not in airflow.log()[told:]


def _hours_contacts_and_news(airflow: Session, ids: dict[str, str], xcoms: dict[str, Any]) -> None:
    """Compare with the sandbox what was booked, who was made a contact, and which records were called new."""
    booked = hours(airflow)[xcoms["hours.return_value"]["id"]]
    assert (booked["Item"], booked["Account"], booked["Quantity"]) == (ids["item"], ids["account"], 1.5)
    assert booked["Notes"] == "For Zonderling"

    contacts = {row["ID"]: row for row in airflow.rows("Contacts")}
    key = xcoms["contact.return_value"]["id"]
    names = ("Account", "FirstName", "LastName", "Email", "JobTitleDescription")
    told = (ids["account"], "Wilhelmina", "Zonderling", "wilhelmina@example.org", "Asked")
    assert tuple(contacts[key][name] for name in names) == told
    assert xcoms["rename.return_value"] == {"id": key, "endpoint": "crm/Contacts"}
    assert xcoms["ask.return_value"] == {"ID": key, "Account": ids["account"], "JobTitleDescription": "Asked"}

    assert sorted(xcoms["news.return_value"]["ids"]) == sorted(contacts)
    assert xcoms["news._link_ExactOnlineRecordLink"].endswith(f"/docs/MenuPortal.aspx?_Division_={DIVISION}")
    people = sorted(str(number) for number in airflow.sandbox.sandbox.personio.people)
    assert sorted(xcoms["joined.return_value"]["ids"]) == people
    assert xcoms["joined._link_PersonioLink"] == COMPANY

"""Personio's operators as an author uses them: what Airflow stores of them, and what they do at the sandbox."""

from __future__ import annotations

import importlib
import json
import pkgutil
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG, BaseOperator
from airflow.serialization.serialized_objects import DagSerialization

import exact_online
import personio
from airflow_home import PERSONIO_CLIENT
from include.errors import ConfigurationError, RetryLaterError
from include.ledger import open_ledger
from include.sandbox.faults import Fault
from include.sandbox.server import RunningSandbox
from personio.links import PersonioLink
from personio.operators import (
    PersonioCreateApplicationOperator,
    PersonioCreateEmployeeOperator,
    PersonioListEmployeesOperator,
    PersonioUploadDocumentOperator,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from include.ledger import Ledger

PERSONAL = "Zonderling"
PERSON: dict[str, Any] = {"first_name": "Wil", "last_name": PERSONAL, "email": "wil@example.org"}


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox() as running:
        yield running


@pytest.fixture
def connect(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Return what sets the connection, with or without the login that may look things up."""

    def put(*, v2: bool = True, **more: Any) -> None:
        login = {"login": PERSONIO_CLIENT[0], "password": PERSONIO_CLIENT[1]} if v2 else {}
        extra = {"company_id": 4242, "recruiting_access_token": "sandbox-recruiting-token", "job_position_id": 1001}
        connection = {"conn_type": "personio", "host": sandbox.url, "extra": {**extra, **more}}
        monkeypatch.setenv("AIRFLOW_CONN_PERSONIO_DEFAULT", json.dumps({**connection, **login}))

    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    put()
    return put


@pytest.fixture
def ledger(connect: Callable[..., None], tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db") as opened:
        yield opened


def run(operator: Any, ledger: Ledger, run_id: str = "r1", **params: Any) -> Any:
    context: Any = {"run_id": run_id, "params": params, "ti": SimpleNamespace(map_index=-1)}
    return operator.work(ledger, context)


def link_of(operator: Any) -> str:
    return PersonioLink().get_link(operator, ti_key=None)  # type: ignore[arg-type]


def public_operators() -> list[type[BaseOperator]]:
    """Return every operator and sensor that a module of either service offers."""
    found: list[type[BaseOperator]] = []
    for package in (exact_online, personio):
        for name in [module.name for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")]:
            offered = vars(importlib.import_module(name)).items()
            found += [
                kind
                for title, kind in offered
                if isinstance(kind, type) and issubclass(kind, BaseOperator) and not title.startswith("_")
                if kind.__module__ == name
            ]
    return found


def applications(sandbox: RunningSandbox) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sandbox.sandbox.personio.contents()["applications"]
    return found


def employees(sandbox: RunningSandbox) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sandbox.sandbox.personio.contents()["employees"]
    return found


def test_nothing_personal_is_stored_with_a_dag() -> None:
    with DAG("d", schedule=None) as dag:
        PersonioCreateApplicationOperator(task_id="a", **PERSON, message=PERSONAL)
        PersonioCreateEmployeeOperator(task_id="b", **PERSON, custom_attributes={"dynamic_1": PERSONAL})
        PersonioListEmployeesOperator(task_id="c", email_address=f"{PERSONAL}@example.org")
        PersonioUploadDocumentOperator(task_id="d", path=f"/files/{PERSONAL}.pdf")
    stored = json.dumps(DagSerialization.to_dict(dag), default=str)
    assert PERSONAL not in stored
    assert "wil@example.org" not in stored
    for task in dag.tasks:
        assert not any(PERSONAL in str(getattr(task, name)) for name in task.template_fields)


def test_application_arrives_with_its_file_once_and_is_linked(
    sandbox: RunningSandbox, ledger: Ledger, connect: Callable[..., None], tmp_path: Path
) -> None:
    connect(company_url="https://company.personio.de")
    (tmp_path / "cv.pdf").write_bytes(b"%PDF-1.4 invented")
    operator = PersonioCreateApplicationOperator(
        task_id="a",
        first_name="{{ params.first }}",
        last_name=PERSONAL,
        email="wil@example.org",
        job_position_id="1002",
        recruiting_channel_id="501",
        application_date="2026-01-31",
        tags=["one"],
        attributes=[{"id": "gender", "value": "female"}],
        phase={"type": "system", "id": "offer"},
        files=[{"path": f"file://{tmp_path}/cv.pdf", "category": "cv"}],
    )
    made = run(operator, ledger, first="Wil")
    assert made == {"state": "created", "job_position_id": 1002, "id": None}
    (application,) = applications(sandbox)
    assert (application["first_name"], application["job_position_id"]) == ("Wil", 1002)
    assert application["recruiting_channel_id"] == 501
    assert [file["original_filename"] for file in application["files"]] == ["cv.pdf"]
    assert application["phase"] == {"type": "system", "id": "offer"}
    assert link_of(operator) == "https://company.personio.de/recruiting/positions/1002"
    assert run(operator, ledger, first="Wil") == made
    assert len(applications(sandbox)) == 1


def test_every_operator_has_a_button() -> None:
    names = {kind.__name__ for kind in public_operators()}
    assert {"ExactOnlineNewRecordsOperator", "ExactOnlineNewAccountSensor", "PersonioUploadDocumentOperator"} <= names
    assert [kind.__name__ for kind in public_operators() if not list(kind.operator_extra_links)] == []


@pytest.mark.usefixtures("sandbox")
def test_buttons_lead_to_the_employee_or_to_the_company(ledger: Ledger, connect: Callable[..., None]) -> None:
    hire, staff = PersonioCreateEmployeeOperator(task_id="a", **PERSON), PersonioListEmployeesOperator(task_id="l")
    assert link_of(staff) == ""
    run(staff, ledger)
    assert link_of(staff) == ""
    connect(company_url="company.personio.de/")
    made = run(hire, ledger)
    assert link_of(hire) == f"https://company.personio.de/staff/details/{made['id']}"
    run(staff, ledger)
    assert link_of(staff) == "https://company.personio.de"


@pytest.mark.parametrize("v2", [True, False], ids=["looked up", "told by the refusal of a second one"])
def test_unanswered_application_is_ours(
    sandbox: RunningSandbox, ledger: Ledger, connect: Callable[..., None], *, v2: bool
) -> None:
    connect(v2=v2)
    operator = PersonioCreateApplicationOperator(task_id="a", **PERSON)
    sandbox.sandbox.faults.add(Fault("drop_after", match="POST v1/recruiting/applications"))
    with pytest.raises(RetryLaterError):
        run(operator, ledger)
    made = run(operator, ledger)
    assert made["state"] == "created"
    assert bool(made["id"]) is v2
    assert len(applications(sandbox)) == 1


def test_application_that_was_there_before_says_so(sandbox: RunningSandbox, ledger: Ledger) -> None:
    run(PersonioCreateApplicationOperator(task_id="a", **PERSON), ledger)
    again = run(PersonioCreateApplicationOperator(task_id="a", **PERSON), ledger, run_id="r2")
    assert again["state"] == "already_there"
    assert len(applications(sandbox)) == 1


def test_employee_is_created_once_and_a_duplicate_is_looked_up(sandbox: RunningSandbox, ledger: Ledger) -> None:
    """Two names that Personio does not know make two remarks, which are counted, not shown."""
    fields: dict[str, Any] = {
        "department": "No Such",
        "office": "Nowhere",
        "weekly_working_hours": "32.5",
        "hire_date": "2026-02-01",
    }
    operator = PersonioCreateEmployeeOperator(task_id="a", **PERSON, **fields)
    made = run(operator, ledger)
    (employee,) = employees(sandbox)
    assert made == {"id": str(employee["id"]), "state": "created", "warnings": 2}
    assert run(operator, ledger) == {**made, "warnings": None}
    other = run(PersonioCreateEmployeeOperator(task_id="a", **PERSON), ledger, run_id="r2")
    assert other == {"id": made["id"], "state": "already_there", "warnings": None}
    assert len(employees(sandbox)) == 1


def test_unanswered_employee_is_found_by_the_address(sandbox: RunningSandbox, ledger: Ledger) -> None:
    operator = PersonioCreateEmployeeOperator(task_id="a", **PERSON)
    sandbox.sandbox.faults.add(Fault("drop_after", match="POST v1/company/employees"))
    with pytest.raises(RetryLaterError):
        run(operator, ledger)
    made = run(operator, ledger)
    (employee,) = employees(sandbox)
    assert (made["id"], made["state"]) == (str(employee["id"]), "created")


def test_all_employees_come_and_only_ids_go_to_xcom(sandbox: RunningSandbox, ledger: Ledger, tmp_path: Path) -> None:
    """More than two pages of 100."""
    for number in range(230):
        sandbox.sandbox.personio.add_person(f"e{number}@example.org", "E", PERSONAL, {"status": "active"}, None)
    operator = PersonioListEmployeesOperator(
        task_id="l", path=f"file://{tmp_path}/staff.jsonl", attributes=["id", "email"], include_ids=True
    )
    result = run(operator, ledger)
    truth = {employee["id"] for employee in employees(sandbox)}
    assert (result["count"], set(result["ids"])) == (len(truth), truth)
    rows = [json.loads(line) for line in (tmp_path / "staff.jsonl").read_text().splitlines()]
    assert {row["id"] for row in rows} == truth
    assert "example.org" not in json.dumps(result)
    one = run(PersonioListEmployeesOperator(task_id="l", email_address="e7@example.org"), ledger)
    assert one["count"] == 1
    assert "ids" not in one


def test_document_is_uploaded(sandbox: RunningSandbox, ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "cv.pdf").write_bytes(b"%PDF-1.4 invented")
    uuid = run(PersonioUploadDocumentOperator(task_id="u", path=f"{tmp_path}/cv.pdf"), ledger)
    assert len(uuid) == 36
    (tmp_path / "cv.exe").write_bytes(b"MZ")
    with pytest.raises(ConfigurationError) as refused:
        run(PersonioUploadDocumentOperator(task_id="u", path=f"{tmp_path}/cv.exe"), ledger)
    assert refused.value.reason_code == "personio.file.invalid-file-type"


def test_large_file_is_refused_without_a_call(sandbox: RunningSandbox, ledger: Ledger, tmp_path: Path) -> None:
    with (tmp_path / "cv.pdf").open("wb") as file:
        file.truncate(20 * 1024 * 1024 + 1)
    with pytest.raises(ConfigurationError) as refused:
        run(PersonioUploadDocumentOperator(task_id="u", path=f"{tmp_path}/cv.pdf"), ledger)
    assert refused.value.reason_code == "personio.file.file-too-big"
    assert sandbox.sandbox.log.entries() == []


@pytest.mark.parametrize(
    ("operator", "code"),
    [
        (PersonioCreateApplicationOperator(task_id="a", **{**PERSON, "email": ""}), "personio.email.missing"),
        (PersonioCreateApplicationOperator(task_id="a", **{**PERSON, "email": "x@"}), "personio.email.malformed"),
        (
            PersonioCreateApplicationOperator(task_id="a", **PERSON, job_position_id="one"),
            "personio.job_position_id.malformed",
        ),
        (PersonioCreateEmployeeOperator(task_id="a", **{**PERSON, "last_name": ""}), "personio.last_name.missing"),
        (
            PersonioCreateEmployeeOperator(task_id="a", **PERSON, supervisor_id="boss"),
            "personio.supervisor_id.malformed",
        ),
        (
            PersonioListEmployeesOperator(task_id="a", updated_since="yesterday"),
            "personio.updated_since.malformed",
        ),
        (
            PersonioListEmployeesOperator(task_id="a", email_address="a@example.org", updated_since="2026-01-01"),
            "personio.email_address.unexpected",
        ),
        (PersonioUploadDocumentOperator(task_id="a", path="/no/such/file.pdf"), "personio.files.not_readable"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_argument_is_refused_without_a_call(
    sandbox: RunningSandbox, ledger: Ledger, operator: Any, code: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        run(operator, ledger)
    assert refused.value.reason_code == code
    assert sandbox.sandbox.log.entries() == []

"""Employees as a destination: created once, warnings kept, duplicates looked up, matches in the fewest calls."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from include.sandbox.faults import Fault
from include.sandbox.server import RunningSandbox
from line import DIVISION, Line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.ledger import Ledger

EMPLOYEES = "v1/company/employees"


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox() as running:
        yield running


@pytest.fixture
def line(ledger: Ledger, sandbox: RunningSandbox) -> Line:
    made = Line(ledger, sandbox, destination="employee")
    made.log_in()
    return made


@pytest.fixture
def matching(ledger: Ledger, sandbox: RunningSandbox) -> Line:
    made = Line(ledger, sandbox, destination="employee_match")
    made.log_in()
    return made


def appear(sandbox: RunningSandbox, count: int) -> list[str]:
    """Let people appear at Exact; return their ids."""
    exact = sandbox.sandbox.exact
    account = exact.add_account(DIVISION, {"Name": "Voorbeeld"})
    people = [
        {"FirstName": "Sanne", "LastName": f"Proef{n}", "Email": f"sanne{n}@example.org", "Gender": "V"}
        for n in range(count)
    ]
    return [str(exact.add_contact(DIVISION, {"Account": account["ID"], **person})["ID"]) for person in people]


def work_already(sandbox: RunningSandbox, *emails: str) -> None:
    for email in emails:
        sandbox.sandbox.personio.add_person(email, "Sanne", "Proef", {})


def employees(sandbox: RunningSandbox) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sandbox.sandbox.personio.contents()["employees"]
    return found


def requests(sandbox: RunningSandbox, method: str) -> int:
    return sum(entry.kind == EMPLOYEES and entry.method == method for entry in sandbox.sandbox.log.entries())


def result(line: Line, source_id: str) -> dict[str, Any]:
    [found] = line.ledger.deliveries.results(source_id)
    return dict(found.result)


def test_everybody_becomes_an_employee_once(line: Line, sandbox: RunningSandbox) -> None:
    appear(sandbox, 3)
    assert line.run("r1") == {"created": 3}
    assert line.run("r2") == {}
    made = employees(sandbox)
    assert sorted(str(row["email"]) for row in made) == [f"sanne{n}@example.org" for n in range(3)]
    assert {(row["first_name"], row["gender"], row["status"]) for row in made} == {("Sanne", "female", "onboarding")}


def test_numbers_arrive_as_numbers_and_every_field_is_reachable(line: Line, sandbox: RunningSandbox) -> None:
    work_already(sandbox, "boss@example.org")
    boss = int(employees(sandbox)[0]["id"])
    appear(sandbox, 1)
    given: dict[str, Any] = {
        "preferred_name": "San",
        "position": "Engineer",
        "subcompany": "Example GmbH",
        "department": "Engineering",
        "office": "Berlin",
        "hire_date": "2026-12-01",
        "weekly_working_hours": 38.5,
        "status": "active",
        "supervisor_id": boss,
    }
    line.run("r1", **given)
    made = next(row for row in employees(sandbox) if row["email"] == "sanne0@example.org")
    arrived = {name: made[name] for name in given if name != "supervisor_id"}
    assert arrived == {name: value for name, value in given.items() if name != "supervisor_id"}
    sent = [e for e in sandbox.sandbox.log.entries() if e.kind == EMPLOYEES and e.method == "POST"]
    assert [entry.status for entry in sent] == [200]


def test_warning_about_an_unknown_department_is_kept_with_the_record(line: Line, sandbox: RunningSandbox) -> None:
    [contact] = appear(sandbox, 1)
    assert line.run("r1", department="No Such Department") == {"created": 1}
    warnings = result(line, contact)["warnings"]
    assert len(warnings) == 1
    assert "department" in warnings[0].lower()


def test_known_address_is_looked_up_and_not_tried_again(line: Line, sandbox: RunningSandbox) -> None:
    work_already(sandbox, "sanne0@example.org")
    known = str(employees(sandbox)[0]["id"])
    [contact, _] = appear(sandbox, 2)
    assert line.run("r1") == {"already_there": 1, "created": 1}
    assert requests(sandbox, "POST") == 2
    assert len(employees(sandbox)) == 2
    rows = list(line.ledger.deliveries.listing(line.job.stream, "employee", None))
    assert {row.source_id: row.remote_id for row in rows}[contact] == known


def test_lost_answer_is_read_back_by_address(line: Line, sandbox: RunningSandbox) -> None:
    """The employee was created, the answer was lost: the next look finds it, nothing is sent again."""
    appear(sandbox, 2)
    sandbox.sandbox.faults.add(Fault("drop_after", match=f"POST {EMPLOYEES}"))
    assert line.run("r1").get("created") == 2
    assert requests(sandbox, "POST") == 2
    assert len(employees(sandbox)) == 2


def test_employee_from_before_is_not_taken_for_ours(line: Line, sandbox: RunningSandbox) -> None:
    """Our attempt was refused and the refusal lost: the employee who is read back is older than it."""
    yesterday = sandbox.sandbox.clock.now() - timedelta(days=1)
    sandbox.sandbox.personio.add_person("sanne0@example.org", "Sanne", "Proef", {}, yesterday)
    appear(sandbox, 2)
    sandbox.sandbox.faults.add(Fault("drop_after", match=f"POST {EMPLOYEES}", times=2))
    assert line.run("r1") == {"created": 1, "already_there": 1}
    assert len(employees(sandbox)) == 2


def test_refused_record_does_not_stop_the_others(line: Line, sandbox: RunningSandbox) -> None:
    appear(sandbox, 2)
    assert line.run("r1", supervisor_id=999_999) == {"rejected": 2}
    assert employees(sandbox) == []


def test_accounts_bring_their_main_contact(line: Line, sandbox: RunningSandbox) -> None:
    line.entity = "Accounts"
    appear(sandbox, 2)
    assert line.run("r1") == {"created": 1}
    assert [row["email"] for row in employees(sandbox)] == ["sanne0@example.org"]


def test_each_record_is_shown_its_employee(matching: Line, sandbox: RunningSandbox) -> None:
    work_already(sandbox, "SANNE1@example.org", "other@example.org")
    ids = appear(sandbox, 3)
    assert matching.run("r1") == {"unmatched": 2, "matched": 1}
    known = next(row["id"] for row in employees(sandbox) if row["email"] != "other@example.org")
    found = [[match["id"] for match in result(matching, contact)["matches"]] for contact in ids]
    assert found == [[], [known], []]
    assert requests(sandbox, "POST") == 0
    assert matching.run("r2") == {}


def test_matching_reads_all_or_asks_for_each_whichever_is_cheaper(matching: Line, sandbox: RunningSandbox) -> None:
    """250 employees are three pages of a hundred: two records are asked for one by one, fifty are not."""
    work_already(sandbox, *(f"colleague{n}@example.org" for n in range(250)))
    appear(sandbox, 2)
    matching.run("r1")
    assert requests(sandbox, "GET") == 1 + 2
    sandbox.sandbox.log.clear()
    account = sandbox.sandbox.exact.add_account(DIVISION, {"Name": "Tweede"})
    for n in range(50):
        person = {"LastName": f"Proef{n}", "Email": f"colleague{n}@example.org"}
        sandbox.sandbox.exact.add_contact(DIVISION, {"Account": account["ID"], **person})
    assert matching.run("r2") == {"matched": 50}
    assert requests(sandbox, "GET") == 1 + 3


def test_changed_employees_are_noted_with_the_record(matching: Line, sandbox: RunningSandbox) -> None:
    work_already(sandbox, "other@example.org")
    [contact] = appear(sandbox, 1)
    matching.updated_since = "2020-01-01"
    matching.run("r1")
    assert result(matching, contact)["changed"] == [str(employees(sandbox)[0]["id"])]

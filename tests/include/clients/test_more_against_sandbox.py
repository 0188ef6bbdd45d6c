"""Any endpoint, hours, persons and the checks of an installation, against the sandbox."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from include.clients.endpoints import find_endpoint
from include.clients.exact_time import local_to_utc
from include.clients.time_transactions import READ_ONLY, WRITABLE, checked, refuse_final
from include.errors import AlreadyExistsError, CredentialsError
from include.sandbox.exact_division import furniture_id

if TYPE_CHECKING:
    from include.clients.exact import ExactClient
    from include.clients.personio import PersonioClient
    from include.sandbox.server import RunningSandbox
    from include.sandbox.state import Sandbox

DIVISION = 124132


def fill(sandbox: Sandbox, count: int) -> None:
    account = sandbox.exact.add_account(DIVISION, {"Name": "Example"})
    for number in range(count):
        sandbox.exact.add_contact(DIVISION, {"Account": account["ID"], "LastName": f"Person {number}"})


def hours(sandbox: Sandbox, **change: object) -> dict[str, object]:
    return {
        "Item": furniture_id(DIVISION, "a1"),
        "Project": furniture_id(DIVISION, "b1"),
        "Quantity": 1.5,
        "StartTime": "2026-06-25T16:14:00",
        "Notes": "Überstunden",
        **change,
    }


def test_hours_are_created_changed_and_deleted(client: ExactClient, sandbox: Sandbox) -> None:
    body = checked(hours(sandbox, HourStatus=1), creating=True)
    made = client.create("project/TimeTransactions", body)
    client.update("project/timetransactions", made["ID"], checked({"Quantity": "2"}, creating=False))
    found = client.get(
        "project/TimeTransactions", made["ID"], select=["Quantity", "HourStatus", "Notes", "StartTime"]
    )
    assert found is not None
    assert (found["Quantity"], found["HourStatus"], found["Notes"]) == (2, 1, "Überstunden")
    zone = ZoneInfo("Europe/Amsterdam")
    assert local_to_utc(found["StartTime"], zone) == datetime(2026, 6, 25, 14, 14, tzinfo=UTC)
    refuse_final(found)
    assert client.delete("project/TimeTransactions", made["ID"])
    assert not client.delete("project/TimeTransactions", made["ID"])


def test_every_writable_property_is_one_of_the_sandbox(sandbox: Sandbox) -> None:
    """Both were written from the same reference, apart from each other."""
    columns = sandbox.exact.division(DIVISION).columns["TimeTransactions"]
    assert {name for name, column in columns.items() if column.writable} == set(WRITABLE)
    assert {name for name, column in columns.items() if not column.writable} == READ_ONLY


@pytest.mark.parametrize("top", [1, 59, 60, 61, 100, 121, 500])
def test_top_over_page_borders(client: ExactClient, sandbox: Sandbox, top: int) -> None:
    fill(sandbox, 121)
    rows = [row["ID"] for page in client.pages("crm/Contacts", select=["ID"], top=top) for row in page.rows]
    assert len(rows) == len(set(rows)) == min(top, 121)


def test_top_goes_on_after_a_stop(client: ExactClient, sandbox: Sandbox) -> None:
    fill(sandbox, 130)
    first = next(client.pages("crm/Contacts", select=["ID"], top=100))
    rest = list(client.pages("crm/Contacts", select=["ID"], top=100, resume=first.next, first=2))
    assert [len(page.rows) for page in rest] == [40]


@pytest.mark.parametrize("name", ["system/Divisions", "general/Currencies", "logistics/Items", "project/Projects"])
def test_rows_are_found_by_the_key_of_the_catalogue(client: ExactClient, name: str) -> None:
    """Whatever the kind of key: what a list gives is found again by it."""
    key = find_endpoint(name).key
    row = client.request("GET", name, params={"$top": 1})[0]
    assert client.get(name, row[key], select=[key]) == {key: row[key]}
    assert client.rights(name)


def test_missing_scope_is_no_right(client: ExactClient, sandbox: Sandbox) -> None:
    sandbox.settings.exact.missing_scopes = ["project/*"]
    assert not client.rights("project/TimeTransactions")
    assert client.rights("crm/Accounts")


def test_clocks(client: ExactClient, hiring: PersonioClient, sandbox: Sandbox) -> None:
    sandbox.settings.exact.clock_skew_seconds = 600.0
    sandbox.settings.personio.clock_skew_seconds = -600.0
    assert round(client.clock_skew().total_seconds(), -2) == 600
    assert round(hiring.clock_skew().total_seconds(), -2) == -600


def test_probe_creates_nothing(hiring: PersonioClient, sandbox: Sandbox) -> None:
    hiring.probe_recruiting()
    sandbox.settings.personio.recruiting_token = "another"
    with pytest.raises(CredentialsError):
        hiring.probe_recruiting()
    assert sandbox.personio.contents()["applications"] == []


def test_lists_of_personio(hiring: PersonioClient, sandbox: Sandbox, running: RunningSandbox) -> None:
    """All persons come, at fifty a page; those created since a moment; jobs, feed, scopes."""
    moment = sandbox.clock.now()
    people = [sandbox.personio.add_person(f"p{n}@example.org", "P", str(n), {}) for n in range(101)]
    everybody = {row["id"] for row in hiring.list_persons(created_after=None)}
    assert {str(person.id) for person in people} <= everybody
    assert hiring.employees_total() == len(everybody)
    late = {row["id"] for row in hiring.list_persons(created_after=moment - timedelta(minutes=1))}
    assert {str(person.id) for person in people} <= late
    emails = [f"P{n}@example.org" for n in range(60)]
    assert len(list(hiring.list_persons(created_after=None, emails=emails))) == 60
    published = {job.id for job in sandbox.personio.jobs.values() if job.published}
    assert hiring.career_positions(f"{running.url}/xml?language=de") == published
    assert {row["id"] for row in hiring.jobs()} == {str(number) for number in sandbox.personio.jobs}
    assert {stage["id"] for row in hiring.categories() for stage in row["stages"]}
    assert {row["key"] for row in hiring.employee_attributes()}
    assert "personio:persons:read" in (hiring.scopes() or ())


@pytest.mark.parametrize("as_200", [False, True])
def test_employee_with_an_unknown_department(hiring: PersonioClient, sandbox: Sandbox, *, as_200: bool) -> None:
    sandbox.settings.personio.business_errors_as_200 = as_200
    person = {"email": "joerg@example.org", "first_name": "Jörg", "last_name": "Groß", "department": "Küche"}
    made = hiring.create_employee({**person, "weekly_working_hours": "38.5"})
    assert len(made.warnings) == 1
    with pytest.raises(AlreadyExistsError) as caught:
        hiring.create_employee({**person, "email": "JOERG@example.org"})
    assert caught.value.remote_id == made.id

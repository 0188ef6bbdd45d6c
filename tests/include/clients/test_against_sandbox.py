"""The clients and the sandbox were written apart from each other; here they meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from include.errors import (
    AlreadyExistsError,
    ConfigurationError,
    OutcomeUnknownError,
    RateLimitedError,
    RecordRejectedError,
)
from include.sandbox.faults import Fault

if TYPE_CHECKING:
    from include.clients.exact import ExactClient
    from include.clients.personio import PersonioClient
    from include.sandbox.state import Sandbox
    from tests.include.clients.conftest import State

DIVISION = 124132
APPLICATION = {
    "first_name": "Ada",
    "last_name": "Example",
    "email": "ada@example.org",
    "job_position_id": 1001,
}


def fill(sandbox: Sandbox, count: int) -> None:
    account = sandbox.exact.add_account(DIVISION, {"Name": "Example"})
    for number in range(count):
        sandbox.exact.add_contact(
            DIVISION,
            {"Account": account["ID"], "LastName": f"Person {number}", "Email": f"p{number}@example.org"},
        )


@pytest.mark.parametrize("count", [0, 1, 1000, 1001, 2001])
def test_feed_is_complete_at_page_borders(client: ExactClient, sandbox: Sandbox, count: int) -> None:
    """Every contact comes, and the newest row version is the highest of them."""
    fill(sandbox, count)
    rows = [r for p in client.sync_pages("Contacts", after=1, select=["LastName"]) for r in p.rows]
    assert {r["LastName"] for r in rows} == {f"Person {n}" for n in range(count)}
    assert client.newest_timestamp("Contacts") == max((int(r["Timestamp"]) for r in rows), default=1)


@pytest.mark.parametrize("count", [60, 61, 121])
def test_list_is_complete_at_page_borders(client: ExactClient, sandbox: Sandbox, count: int) -> None:
    fill(sandbox, count)
    rows = [r for p in client.pages("crm/Contacts", select=["ID"]) for r in p.rows]
    assert len({r["ID"] for r in rows}) == count
    assert client.count("crm/Contacts") == count
    found = list(client.by_ids("crm/Contacts", [r["ID"] for r in rows], ["Email"]))
    assert {r["ID"] for r in found} == {r["ID"] for r in rows}


def test_resumed_feed_goes_on_where_it_stopped(client: ExactClient, sandbox: Sandbox) -> None:
    fill(sandbox, 1500)
    first = next(client.sync_pages("Contacts", after=1, select=["ID"]))
    rest = list(client.sync_pages("Contacts", after=1, select=["ID"], resume=first.next, first=2))
    assert [len(p.rows) for p in rest] == [500]


def test_exact_writes(client: ExactClient) -> None:
    account = client.create("crm/Accounts", {"Name": "Example"})
    client.update("crm/Accounts", account["ID"], {"Name": "Changed"})
    found = client.get("crm/Accounts", account["ID"])
    assert found is not None
    assert found["Name"] == "Changed"
    assert client.delete("crm/Accounts", account["ID"])
    assert client.get("crm/Accounts", account["ID"]) is None
    deleted = [r["EntityKey"] for p in client.deleted_pages(after=1) for r in p.rows]
    assert account["ID"] in deleted


def test_me_and_divisions(client: ExactClient) -> None:
    assert client.me()["CurrentDivision"] == DIVISION
    assert {row["Code"] for row in client.divisions()} == {124132, 124133}


@pytest.mark.parametrize("action", ["html", "empty", "cut_json", "drop_before", "drop_after", "status"])
def test_reads_survive_one_trouble(client: ExactClient, sandbox: Sandbox, action: str) -> None:
    fill(sandbox, 3)
    fault = {"action": action, "match": "GET sync/CRM/*"}
    sandbox.faults.add(Fault.from_json(fault | ({"status": 200} if action in {"html", "empty"} else {})))
    pages = list(client.sync_pages("Contacts", after=1, select=["ID"]))
    assert [len(p.rows) for p in pages] == [3]


@pytest.mark.errors_on_purpose("the pacer of this test gives slots without counting")
def test_minutely_limit_of_the_sandbox(client: ExactClient, sandbox: Sandbox, state: State) -> None:
    """Without pacing of our own the 61st call is refused; the headers tell for how long."""
    for _ in range(60):
        client.count("crm/Contacts")
    with pytest.raises(RateLimitedError) as caught:
        client.count("crm/Contacts")
    assert caught.value.reason_code == "exact.limit.minute"
    assert "exact:124132:minute" in {bucket for bucket, _ in state.blocked}
    assert state.errors == []


def test_application_once(hiring: PersonioClient, sandbox: Sandbox) -> None:
    hiring.create_application(APPLICATION)
    with pytest.raises(AlreadyExistsError):
        hiring.create_application(APPLICATION)
    found = hiring.find_applications("ADA@example.org")
    assert [row["job"]["id"] for row in found] == ["1001"]
    assert hiring.find_applications("bob@example.org") == []
    assert len(sandbox.personio.contents()["applications"]) == 1


@pytest.mark.parametrize("action", ["drop_after", "html", "status"])
def test_lost_answer_is_found_by_reading_back(hiring: PersonioClient, sandbox: Sandbox, action: str) -> None:
    """The application was made although no answer came; it is not sent twice by the client."""
    fault = {"action": action, "match": "POST v1/recruiting/applications", "committed": True}
    sandbox.faults.add(Fault.from_json(fault | ({"status": 200} if action == "html" else {})))
    with pytest.raises(OutcomeUnknownError):
        hiring.create_application(APPLICATION)
    assert len(hiring.find_applications("ada@example.org")) == 1


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"job_position_id": 1003}, ConfigurationError),
        ({"job_position_id": 9999}, ConfigurationError),
        ({"recruiting_channel_id": 9999}, ConfigurationError),
        ({"application_date": "2999-01-01"}, RecordRejectedError),
        ({"email": ""}, RecordRejectedError),
        ({"phone": "1"}, RecordRejectedError),
    ],
    ids=["unpublished", "unknown-job", "channel", "future", "email", "unknown-key"],
)
def test_refusals(hiring: PersonioClient, change: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        hiring.create_application({**APPLICATION, **change})


def test_document_and_employees(hiring: PersonioClient) -> None:
    assert hiring.upload_document("cv.pdf", b"%PDF-1.4")
    person = {"email": "eve@example.org", "first_name": "Eve", "last_name": "Example"}
    made = hiring.create_employee(person)
    with pytest.raises(AlreadyExistsError):
        hiring.create_employee(person)
    found = hiring.find_employee("eve@example.org")
    assert found is not None
    assert str(found["id"]) == made.id
    assert "employees are readable" in hiring.check()

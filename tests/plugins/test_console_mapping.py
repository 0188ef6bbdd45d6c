"""The page of the mapping: the rules as they are in force, and trials that show much and change nothing."""

from __future__ import annotations

import html
import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from airflow_home import CLIENT
from console_reading import HTML, audited, everything, own, words
from console_rights import refuse_dags
from include.ledger import open_ledger
from include.records import SourceRow, StreamKey
from include.transform import load_mapping

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from console import Console
    from include.sandbox.server import RunningSandbox

pytestmark = pytest.mark.usefixtures("connect")

PAGE = "/exact-console/mapping/"
CONTACTS = "exact_contacts_to_personio_applications"
ACCOUNTS = "exact_accounts_to_personio_applications"
SECTION = "contacts_to_application"
ID = "d3b07384-0000-4000-8000-000000000001"
SCRIPT = "<script>document.title='owned'</script>"
PERSON: dict[str, Any] = {
    "ID": ID, "Email": "sanne@example.org", "BusinessEmail": None, "FirstName": "Sanne", "MiddleName": "van den",
    "LastName": "Berg", "Mobile": None, "Phone": "+31 15 555 01 23", "BusinessMobile": None, "BusinessPhone": None,
    "Gender": "V", "BirthDate": None, "City": "Delft", "EndDate": None, "IsAnonymised": 0, "Timestamp": "5",
    "Created": "/Date(1760000000000)/", "Modified": "/Date(1760000000000)/",
}  # fmt: skip


def stage(row: dict[str, Any] | None = None, dag_id: str = CONTACTS, entity: Any = "Contacts") -> None:
    row = row or PERSON
    source = SourceRow(row["ID"], 5, datetime(2025, 10, 9, tzinfo=UTC), row)
    with open_ledger() as ledger:
        ledger.staging.stage(StreamKey(dag_id, 124132, entity), "r1", [source], resume=None, page=1)


def attempt(client: httpx.Client, **form: Any) -> httpx.Response:
    token = re.findall(r'name="token" value="([^"]+)"', client.get(PAGE, headers=HTML).text)
    sent = {"token": (token or [""])[0], "section": SECTION, **form}
    return client.post(f"{PAGE}try", data=sent, headers=own(client))


def rules_shown(client: httpx.Client) -> str:
    found = re.search(r"<textarea[^>]*>\n?(.*?)</textarea>", client.get(PAGE, headers=HTML).text, re.DOTALL)
    assert found
    return html.unescape(found[1])


def test_shows_each_field_with_its_columns_and_rule(admin: httpx.Client) -> None:
    told = words(admin.get(PAGE, headers=HTML))
    assert "email Email , else BusinessEmail as it is the record is rejected yes built in" in told
    assert "{{ [MiddleName, value] | select | join(' ') }}" in told
    assert "M → male V → female O → undefined undefined no built in" in told
    assert "rule.EndDate.ended : if EndDate and EndDate.date() < today" in told
    assert CONTACTS in told


def test_the_own_file_is_named_without_its_path_and_its_rules_are_in_force(
    admin: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "hr-rules.yaml"
    file.write_text("contacts_to_employee:\n  fields:\n    department: {constant: Sales}\n")
    monkeypatch.setenv("EXACT_PERSONIO_MAPPING", str(file))
    answer = admin.get(PAGE, params={"section": "contacts_to_employee"}, headers=HTML)
    told = words(answer)
    assert "department nothing always Sales - no own file" in told
    assert "hr-rules.yaml" in told
    assert str(tmp_path) not in answer.text
    fingerprint = load_mapping("Contacts", "employee", path=str(file)).fingerprint
    assert fingerprint[:16] in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "contacts_to_application:\n  fields:\n    message: {from: Cty}\n",
            "Line 3 : The mapping's rule for message",
        ),
        ("contacts_to_application:\n  fields: ]\n", "Line 2 : Mapping hr-rules.yaml: cannot be read"),
        (None, "The mapping file hr-rules.yaml cannot be read: No such file or directory."),
    ],
)
def test_problems_of_the_file_are_shown_with_their_line(
    admin: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, told: str
) -> None:
    file = tmp_path / "hr-rules.yaml"
    if text is not None:
        file.write_text(text)
    monkeypatch.setenv("EXACT_PERSONIO_MAPPING", str(file))
    answer = admin.get(PAGE, headers=HTML)
    assert answer.status_code == 200
    assert told in words(answer)
    assert str(tmp_path) not in answer.text


def test_a_value_of_a_connection_is_for_its_editors(
    console: Console, admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    personio = {"conn_type": "personio", "extra": {"job_position_id": 7654321}}
    monkeypatch.setenv("AIRFLOW_CONN_PERSONIO_DEFAULT", json.dumps(personio))
    assert "always 7654321" in words(admin.get(PAGE, headers=HTML))
    told = words(console.browser("viewer", name="vic").get(PAGE, headers=HTML))
    assert "7654321" not in told
    assert "as the connection to Personio says" in told


def test_a_trial_shows_every_field_with_its_reason_and_writes_nothing(admin: httpx.Client) -> None:
    stage()
    admin.get(PAGE, headers=HTML)
    before = everything()
    told = words(attempt(admin, record=f" {{{ID.upper()}}} "))
    assert "Sanne van den Berg, sanne@example.org would be sent" in told
    assert "last_name van den Berg LastName Berg MiddleName van den template over LastName (built-in)" in told
    assert "attributes.phone +31 15 555 01 23 Phone +31 15 555 01 23 from Phone (built-in)" in told
    assert f"by {CONTACTS}" in told
    assert everything() == before
    rows = [row for row in audited() if "mapping.try" in row[0]][-2:]
    assert [row[0] for row in rows] == ["exact_personio.mapping.try", "exact_personio.mapping.try.done"]
    assert json.loads(rows[1][2]) == {
        "section": SECTION, "record": ID, "edited": False, "asked": "ledger", "outcome": "ready",
    }  # fmt: skip
    assert not [row for row in rows if "anne" in row[2]]


def test_the_newest_record_is_taken_if_none_is_named(admin: httpx.Client) -> None:
    stage()
    stage({**PERSON, "ID": ID.replace("1", "2"), "FirstName": "Daan"})
    assert "Daan van den Berg" in words(attempt(admin))


@pytest.mark.parametrize("typed", ["Sanne van den Berg", "sanne@example.org", ID[:-1], f"{ID}0"])
def test_what_is_no_whole_id_is_refused_and_kept_nowhere(admin: httpx.Client, typed: str) -> None:
    stage()
    before = audited()
    answer = attempt(admin, record=typed)
    assert answer.status_code == 422
    assert "This is no whole ID of Exact." in words(answer)
    assert typed not in answer.text
    assert audited() == before


def test_without_a_record_the_rules_are_checked_and_what_to_do_is_said(admin: httpx.Client) -> None:
    assert "The ledger has no record to try them on yet" in words(attempt(admin))
    assert "The ledger knows no record of Contacts by this ID" in words(attempt(admin, record=ID))


def test_edited_rules_are_tried_and_saved_nowhere(
    admin: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "hr-rules.yaml"
    file.write_text("contacts_to_application:\n  fields:\n    message: {constant: hello}\n")
    monkeypatch.setenv("EXACT_PERSONIO_MAPPING", str(file))
    stage()
    assert rules_shown(admin) == file.read_text()
    edited = file.read_text().replace("{constant: hello}", "{template: 'From {{ City }}'}").replace("\n", "\r\n")
    answer = attempt(admin, rules=edited)
    told = words(answer)
    assert "by the edited rules" in told
    assert "message From Delft City Delft template over City (file)" in told
    assert "From {{ City }}" in html.unescape(answer.text.split("<textarea")[1])
    assert file.read_text().endswith("{constant: hello}\n")
    assert "always hello" in words(admin.get(PAGE, headers=HTML))
    assert json.loads(audited()[-1][2])["edited"] is True


def test_wrong_rules_are_told_beside_them(admin: httpx.Client) -> None:
    stage()
    told = words(attempt(admin, rules="contacts_to_application:\n  fields:\n    message: {from: Cty}\n"))
    assert "The rules cannot be used; see beside them." in told
    assert "Line 3 : The mapping's rule for message (file) is wrong: Cty is no column" in told
    assert "would be sent" not in told


def test_a_rejected_record_says_why(admin: httpx.Client) -> None:
    stage({**PERSON, "Email": None})
    told = words(attempt(admin))
    assert "would be rejected" in told
    assert "Email: missing, in Exact [exact.Email.missing]" in told


def test_a_column_that_was_not_read_is_named(admin: httpx.Client) -> None:
    stage({name: value for name, value in PERSON.items() if name != "City"})
    assert "so they count as blank: City." in words(attempt(admin))


def test_a_record_whose_content_is_gone_is_said_to_be(admin: httpx.Client) -> None:
    from sqlalchemy import text  # noqa: PLC0415

    stage()
    with open_ledger() as ledger, ledger._database.write() as connection:
        connection.execute(text("UPDATE ledger_staged SET sealed = x''"))
    assert "was removed when its time was over" in words(attempt(admin))


def test_reading_at_exact_costs_one_call_and_shows_what_is_there_now(
    admin: httpx.Client, sandbox: RunningSandbox, connect: Callable[..., None]
) -> None:
    exact, now = sandbox.sandbox.exact, datetime.now(UTC)
    issued = exact.issue_tokens()
    vault = ("exact_online_default", f"{sandbox.url}|{CLIENT[0]}")
    with open_ledger() as ledger, ledger.vault(*vault).locked() as chain:
        chain.replace(issued["access_token"], issued["refresh_token"], now, now + timedelta(seconds=600))
    person = {"FirstName": "Fenna", "LastName": "Smit", "Email": "fenna@example.org"}
    source_id = str(exact.add_contact(124132, person)["ID"]).lower()
    stage({**PERSON, "ID": source_id, "FirstName": "Kept"})
    told = words(attempt(admin, record=source_id, ask="exact"))
    assert "Fenna Smit, fenna@example.org would be sent" in told
    assert "at Exact just now" in told
    assert "Kept" not in told
    calls = [entry["path"] for entry in httpx.get(f"{sandbox.url}/_sandbox/log").json()]
    assert [path for path in calls if path.endswith("/crm/Contacts")] == calls
    assert len(calls) == 1


def test_an_account_needs_its_main_contact(admin: httpx.Client) -> None:
    account = {"ID": ID, "MainContact": ID.replace("1", "9"), "Name": "Voorbeeld BV", "IsAnonymised": 0}
    stage(account, ACCOUNTS, "Accounts")
    told = words(attempt(admin, section="accounts_to_application"))
    assert "The ledger keeps no main contacts of accounts" in told
    stage({**PERSON, "ID": account["MainContact"]})
    told = words(attempt(admin, section="accounts_to_application"))
    assert "Sanne van den Berg, sanne@example.org would be sent" in told


@pytest.mark.parametrize("lane", ["secret_dag", "secret_dag/history"])
def test_a_contact_that_only_an_unreadable_dag_has_read_is_not_there(
    admin: httpx.Client, monkeypatch: pytest.MonkeyPatch, lane: str
) -> None:
    account = {"ID": ID, "MainContact": ID.replace("1", "9"), "Name": "Voorbeeld BV", "IsAnonymised": 0}
    stage(account, ACCOUNTS, "Accounts")
    stage({**PERSON, "ID": account["MainContact"]}, lane)
    refuse_dags(monkeypatch, lambda _, dag: "secret_dag" in dag)
    told = words(attempt(admin, section="accounts_to_application"))
    assert "The ledger keeps no main contacts of accounts" in told
    assert "Sanne" not in told
    assert "555 01 23" not in told
    stage({**PERSON, "ID": account["MainContact"]})
    assert "Sanne van den Berg" in words(attempt(admin, section="accounts_to_application"))


@pytest.mark.parametrize("role", ["viewer", "user"])
def test_who_may_not_see_people_sees_rules_and_tries_nothing(console: Console, role: str) -> None:
    stage()
    other = console.browser(role, name="vic")
    answer = other.get(PAGE, headers=HTML)
    assert "first_name" in answer.text
    assert "<form" not in answer.text
    refused = attempt(other, record=ID)
    assert refused.status_code == 403
    assert "Sanne" not in refused.text


def test_sections_of_dags_that_may_not_be_read_are_not_there(
    admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage()
    refuse_dags(monkeypatch, lambda _, dag: "contacts" in dag)
    answer = admin.get(PAGE, headers=HTML)
    assert SECTION not in answer.text
    assert admin.get(PAGE, params={"section": SECTION}, headers=HTML).status_code == 404
    assert attempt(admin, record=ID).status_code == 404


def test_a_form_of_another_user_tries_nothing(console: Console, admin: httpx.Client) -> None:
    eve = console.browser("admin", name="eve")
    token = re.findall(r'name="token" value="([^"]+)"', eve.get(PAGE, headers=HTML).text)[0]
    assert attempt(admin, token=token).status_code == 403


def test_hostile_texts_stay_texts(admin: httpx.Client) -> None:
    stage({**PERSON, "FirstName": SCRIPT, "City": "{{ 7 * 7 }}"})
    answer = attempt(admin, rules=f'contacts_to_application:\n  fields:\n    message: {{constant: "{SCRIPT}"}}\n')
    assert "<script>document" not in answer.text
    assert "&lt;script&gt;document" in answer.text
    assert "{{ 7 * 7 }}" in words(answer)

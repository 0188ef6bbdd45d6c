"""Decisions: one per row, with its reason, whatever the row holds."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from include.transform import load_mapping, transform_rows
from samples import CREATED, JOB, KEY, NOW, PERSON, decide_account, staged

if TYPE_CHECKING:
    from pathlib import Path

    from include.records import Decision


def decide_contact(changes: dict[str, Any] | None = None, rules: str = "", tmp: Path | None = None) -> Decision:
    """Decide on the sample contact with changes, and with rules over the built-in ones."""
    path = None
    if rules and tmp:
        file = tmp / "m.yaml"
        file.write_text(f"contacts_to_application: {rules}")
        path = str(file)
    mapping = load_mapping("Contacts", "application", path=path, overrides=JOB)
    (decision,) = transform_rows([staged({**PERSON, **(changes or {})})], mapping, now=NOW)
    return decision


def test_a_contact_becomes_an_application() -> None:
    """The whole record, as Personio takes it: an id that is an integer, the local day, text in attributes."""
    decision = decide_contact()
    assert decision.outcome == "ready"
    assert decision.email == "vera@example.org"
    assert decision.payload == {
        "email": "vera@example.org", "first_name": "Vera", "last_name": "Jansen", "job_position_id": 1001,
        "application_date": "2026-06-25",
        "attributes": [
            {"id": "phone", "value": "+31 10 000"}, {"id": "gender", "value": "female"},
            {"id": "birthday", "value": "1990-01-01"}, {"id": "location", "value": "Delft"},
        ],
    }  # fmt: skip
    assert decision.trace["email"] == "from Email (built-in)"
    assert decision.trace["attributes.phone"] == "from BusinessPhone (built-in)"


def test_an_account_applies_through_its_main_contact() -> None:
    """The person is the contact's, the organisation the account's; keys match in any case."""
    decision = decide_account({}, {KEY: PERSON})
    assert decision.payload is not None
    assert decision.payload["first_name"] == "Vera"
    assert decision.payload["message"] == "Acme B.V. (0000011)"
    assert {"id": "location", "value": "Breda"} in decision.payload["attributes"]


@pytest.mark.parametrize(
    ("account", "contacts", "code", "field"),
    [
        pytest.param({"MainContact": None}, {}, "exact.MainContact.missing", "MainContact", id="none"),
        pytest.param(
            {"MainContact": "00000000-0000-0000-0000-000000000000"}, {}, "exact.MainContact.missing", "MainContact",
            id="zeros",
        ),
        pytest.param({}, {}, "exact.MainContact.not_found", "MainContact", id="deleted"),
        pytest.param(
            {}, {KEY: {**PERSON, "Email": None, "BusinessEmail": ""}}, "exact.Email.missing", "contact.Email",
            id="no-address",
        ),
        pytest.param(
            {}, {KEY: {**PERSON, "IsAnonymised": 1}}, "exact.IsAnonymised.anonymised", "contact.IsAnonymised",
            id="anonymised-person",
        ),
        pytest.param({"Type": "D"}, {}, "rule.Type.division", "Type", id="own-division"),
        pytest.param(
            {}, {KEY: {**PERSON, "EndDate": "/Date(1577836800000)/"}}, "rule.EndDate.ended", "contact.EndDate",
            id="person-left",
        ),
    ],
)  # fmt: skip
def test_accounts_that_do_not_apply(
    account: dict[str, Any], contacts: dict[str, dict[str, Any]], code: str, field: str
) -> None:
    """An account without a usable main contact says so."""
    decision = decide_account(account, contacts)
    assert (decision.reason_code, decision.field, decision.payload) == (code, field, None)
    assert decision.outcome == ("skipped_by_rule" if code.startswith("rule.") else "rejected")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Email": " ", "BusinessEmail": None}, "exact.Email.missing"),
        ({"Email": "vera@", "BusinessEmail": None}, "exact.Email.malformed"),
        ({"Email": None, "BusinessEmail": "x"}, "exact.BusinessEmail.malformed"),
        ({"FirstName": None}, "exact.FirstName.missing"),
        ({"FirstName": "\u200b"}, "exact.FirstName.missing"),
        ({"LastName": "  ", "MiddleName": "van"}, "exact.LastName.missing"),
        ({"IsAnonymised": 1}, "exact.IsAnonymised.anonymised"),
        ({"Created": "/Date(1798761600000)/"}, "exact.Created.in_future"),
        ({"BirthDate": "unknown"}, "exact.BirthDate.not_a_date"),
        ({"EndDate": "/Date(1577836800000)/"}, "rule.EndDate.ended"),
        ({"EndDate": "some day"}, "rule.EndDate.failed"),
    ],
    ids=str,
)
def test_contacts_that_do_not_apply(changes: dict[str, Any], code: str) -> None:
    """Each refusal names Exact's column and the problem."""
    assert decide_contact(changes).reason_code == code


def test_a_refused_record_can_be_found_by_its_address() -> None:
    """The address is known even where the name is missing."""
    assert decide_contact({"FirstName": None}).email == "vera@example.org"


def test_prefixes_belong_to_the_last_name() -> None:
    """Exact keeps them in MiddleName; in the Netherlands they are part of the name."""
    payload = decide_contact({"MiddleName": "van der"}).payload
    assert payload is not None
    assert payload["last_name"] == "van der Jansen"


@pytest.mark.parametrize(
    ("gender", "sent"), [("M", "male"), ("V", "female"), ("O", "undefined"), (None, "undefined")]
)
def test_gender(gender: str | None, sent: str) -> None:
    """Exact's letters are Dutch: V is a woman; whatever else is not said."""
    payload = decide_contact({"Gender": gender}).payload
    assert payload is not None
    assert {"id": "gender", "value": sent} in payload["attributes"]


def test_employees_have_no_undefined_gender() -> None:
    """O is not sent, and nothing stands in for it."""
    mapping = load_mapping("Contacts", "employee")
    rows = [staged({**PERSON, "Gender": letter}) for letter in ("V", "O", None)]
    payloads = [decision.payload or {} for decision in transform_rows(rows, mapping, now=NOW)]
    assert [payload.get("gender") for payload in payloads] == ["female", None, None]
    assert payloads[0]["status"] == "onboarding"


def test_every_field_of_an_application(tmp_path: Path) -> None:
    """Lists arrive as lists, and 0 and false as values: both are lost elsewhere."""
    decision = decide_contact({}, """
  fields:
    recruiting_channel_id: {constant: "0"}
    external_posting_id: {from: HID}
    message: {template: "{{ FirstName }} from {{ Country }}"}
    phase: {type: custom, id: 77}
    tags: [Exact, {from: City}, {constant: Exact}, {from: Mobile}, {template: "{{ Country }}-{{ HID }}"}]
    files:
      - {path: /data/terms.pdf, category: other}
      - {folder: /data/cv, path: {template: "{{ HID }}.pdf"}, category: cv}
    attributes:
      custom_attribute_1: {from: IsMainContact}
      custom_attribute_2: {from: HID}
      available_from: {constant: 2027-01-01}
      salary_expectations: {constant: 0}
""", tmp_path)  # fmt: skip
    assert decision.reason_code == ""
    payload = dict(decision.payload or {})
    attributes = {entry["id"]: entry["value"] for entry in payload.pop("attributes")}
    assert payload["recruiting_channel_id"] == 0
    assert payload["external_posting_id"] == "0"
    assert payload["message"] == "Vera from NL"
    assert payload["phase"] == {"type": "custom", "id": 77}
    assert payload["tags"] == ["Exact", "Delft", "NL-0"]
    assert payload["files"] == [
        {"path": "/data/terms.pdf", "category": "other"},
        {"path": "/data/cv/0.pdf", "category": "cv"},
    ]
    assert attributes["custom_attribute_1"] == "false"
    assert attributes["custom_attribute_2"] == "0"
    assert attributes["available_from"] == "2027-01-01"
    assert attributes["salary_expectations"] == "0"


def test_lists_given_to_a_run_arrive() -> None:
    """Parameters in Personio's own shape: lists of texts and objects."""
    overrides = {
        **JOB, "tags": ["a", "b"], "files": [{"path": "cv.pdf", "category": "cv"}],
        "attributes": [{"id": "custom_attribute_9", "value": "x"}], "phase": {"type": "system", "id": "offer"},
    }  # fmt: skip
    mapping = load_mapping("Contacts", "application", overrides=overrides)
    (decision,) = transform_rows([staged(PERSON)], mapping, now=NOW)
    payload = decision.payload or {}
    assert payload["tags"] == ["a", "b"]
    assert payload["files"] == [{"path": "cv.pdf", "category": "cv"}]
    assert payload["phase"] == {"type": "system", "id": "offer"}
    assert {"id": "custom_attribute_9", "value": "x"} in payload["attributes"]


def test_every_field_of_an_employee() -> None:
    """Numbers are numbers, custom attributes an object, 0 is a value."""
    given_fields = {
        "preferred_name": "V", "position": "Engineer", "subcompany": "S", "department": "D", "office": "O",
        "hire_date": "2027-01-01", "weekly_working_hours": 0, "status": "active", "supervisor_id": 0,
        "gender": "diverse", "custom_attributes": {"dynamic_12": 0},
    }  # fmt: skip
    mapping = load_mapping("Contacts", "employee", overrides=given_fields)
    (decision,) = transform_rows([staged(PERSON)], mapping, now=NOW)
    expected = {**given_fields, "custom_attributes": {"dynamic_12": "0"}}
    names = {"email": "vera@example.org", "first_name": "Vera", "last_name": "Jansen"}
    assert decision.payload == names | expected


def test_a_failing_template_rejects_only_its_record(tmp_path: Path) -> None:
    """The code names the mapping's field: the data is not to blame."""
    decision = decide_contact(
        {"BirthDate": None}, "{fields: {message: {template: '{{ BirthDate.year }}'}}}", tmp_path
    )
    assert (decision.outcome, decision.reason_code) == ("rejected", "mapping.message.template_failed")


def test_a_value_outside_the_map_is_refused(tmp_path: Path) -> None:
    """Without a default, an unknown value is shown and not passed on."""
    decision = decide_contact({}, "{fields: {message: {from: Country, map: {DE: Germany}}}}", tmp_path)
    assert decision.reason_code == "exact.Country.not_mapped"


@pytest.mark.parametrize(
    ("created", "code"),
    [
        pytest.param(CREATED, "", id="start-is-inside"),
        pytest.param(CREATED - timedelta(microseconds=1), "rule.Created.not_new", id="before"),
        pytest.param(CREATED + timedelta(days=1), "rule.Created.not_new", id="end-is-outside"),
        pytest.param(None, "exact.Created.missing", id="unknown"),
    ],
)
def test_the_window_is_half_open(created: datetime | None, code: str) -> None:
    """Neighbouring windows share no record and miss none."""
    mapping = load_mapping("Contacts", "application", overrides=JOB)
    (decision,) = transform_rows(
        [staged(PERSON, created)], mapping, created_from=CREATED, created_to=CREATED + timedelta(days=1), now=NOW
    )
    assert decision.reason_code == code


@pytest.mark.parametrize(
    ("created", "code"),
    [(CREATED - timedelta(days=900), ""), (CREATED + timedelta(days=900), ""), (None, "exact.Created.missing")],
    ids=["before", "after", "unknown"],
)
def test_age_does_not_count_for_whom_somebody_asked(created: datetime | None, code: str) -> None:
    """A record without a date is shown all the same: nobody can tell whether it was meant."""
    mapping = load_mapping("Contacts", "application", overrides=JOB)
    row = staged(PERSON, created)
    window: dict[str, Any] = {"created_from": CREATED, "created_to": CREATED + timedelta(days=1), "now": NOW}
    (asked,) = transform_rows([row], mapping, **window, asked_for={row.source_id})
    (other,) = transform_rows([row], mapping, **window, asked_for={"another"})
    assert asked.reason_code == code
    assert other.reason_code == (code or "rule.Created.not_new")


def test_one_blank_does_not_turn_the_others_into_floats(tmp_path: Path) -> None:
    """A column with a blank keeps whole numbers whole, and no NaN comes out of it."""
    file = tmp_path / "m.yaml"
    file.write_text("contacts_to_application: {fields: {recruiting_channel_id: {from: HID}, message: {from: HID}}}")
    mapping = load_mapping("Contacts", "application", path=str(file), overrides=JOB)
    rows = [staged({**PERSON, "HID": hid}) for hid in (7, None, math.nan, "8", 9.0)]
    payloads = [decision.payload or {} for decision in transform_rows(rows, mapping, now=NOW)]
    assert [payload.get("recruiting_channel_id") for payload in payloads] == [7, None, None, 8, 9]
    assert [payload.get("message") for payload in payloads] == ["7", None, None, "8", "9"]
    assert all(type(payload.get("recruiting_channel_id", 0)) is int for payload in payloads)


def test_no_rows_no_decisions() -> None:
    """An empty chunk is no special case for the caller."""
    assert transform_rows([], load_mapping("Contacts", "application", overrides=JOB)) == []

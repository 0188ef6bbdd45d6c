"""By which names a record is found that is not sent, and an organisation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from include.transform import load_mapping, transform_rows
from samples import JOB, KEY, NOW, PERSON, decide_account, staged

if TYPE_CHECKING:
    from include.records import Decision


def decide_contact(changes: dict[str, Any]) -> Decision:
    mapping = load_mapping("Contacts", "application", overrides=JOB)
    (decision,) = transform_rows([staged({**PERSON, **changes})], mapping, now=NOW)
    return decision


def test_who_is_not_sent_is_known_by_name_unless_exact_anonymised_them() -> None:
    """An organisation is besides known by its own name, sent or not; who is sent is named in the payload."""
    contact = {"MiddleName": "van", "BusinessEmail": None}
    assert decide_contact({**contact, "Email": " "}).called == "Vera van Jansen"
    assert decide_contact({**contact, "EndDate": "/Date(1577836800000)/"}).called == "Vera van Jansen"
    assert decide_contact({**contact, "FirstName": 7, "Email": None}).called == "van Jansen"
    assert decide_contact({"IsAnonymised": 1}).called == ""
    assert decide_contact({}).called == ""
    assert decide_account({}, {KEY: PERSON}).called == "Acme B.V."
    assert decide_account({"MainContact": None}, {}).called == "Acme B.V."
    assert decide_account({}, {KEY: {**PERSON, "LastName": None}}).called == "Acme B.V. Vera"
    assert decide_account({}, {KEY: {**PERSON, "IsAnonymised": 1}}).called == "Acme B.V."
    assert decide_account({"IsAnonymised": 1}, {KEY: PERSON}).called == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"Email": None, "BusinessEmail": None},
        {"Email": "vera@", "BusinessEmail": None},
        {"EndDate": "/Date(1577836800000)/"},
    ],
)
def test_name_of_a_main_contact_is_kept_beside_their_address_only(changes: dict[str, Any]) -> None:
    """Their row is not held with the account's: without an address an erasure of the person would not find it."""
    decision = decide_account({}, {KEY: {**PERSON, **changes}})
    assert (decision.email, decision.called) == (None, "Acme B.V.")

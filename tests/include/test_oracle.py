"""The demo's judge must catch what it is there for: a judge that cannot say no proves nothing."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest

from include.demo.oracle import compare, sound
from include.ledger.reports import DeliveryRow

EMAILS = {"a": "anna@example.org", "b": "bert@example.org"}
HELD = [{"email": "Anna@example.org "}, {"email": "bert@example.org"}]


def row(source_id: str, state: str = "created", reason: str = "") -> DeliveryRow:
    values = {field.name: None for field in dataclasses.fields(DeliveryRow)}
    told = {"source_id": source_id, "state": state, "reason_code": reason, "updated_at": datetime.now(UTC)}
    return DeliveryRow(**(values | told))  # type: ignore[arg-type]


GOOD = [row("a"), row("b")]
REJECTED = [row("a"), row("b", "rejected", "exact.Email.missing")]


def test_agreement_is_found() -> None:
    assert compare(EMAILS, HELD, GOOD, owed={"a", "b"}).good
    assert compare(EMAILS, HELD[:1], REJECTED, owed={"a"}).good


@pytest.mark.parametrize(
    ("applications", "deliveries", "owed", "kind"),
    [
        pytest.param(HELD[:1], GOOD, set(), "missing", id="an applicant is not there"),
        pytest.param(HELD, GOOD[:1], set(), "missing", id="a record is not in the ledger"),
        pytest.param([*HELD, HELD[0]], GOOD, set(), "doubled", id="a second application"),
        pytest.param([*HELD, {"email": "eve@example.org"}], GOOD, set(), "unexplained", id="a stranger"),
        pytest.param(HELD[:1], REJECTED, {"b"}, "unexplained", id="rejected without need"),
        pytest.param(
            HELD[:1], [row("a"), row("b", "rejected")], set(), "unexplained", id="rejected without a reason"
        ),
        pytest.param(HELD, [row("a"), row("b", "sending")], set(), "unexplained", id="left in the middle"),
    ],
)
def test_disagreement_is_found(
    applications: list[dict[str, str]], deliveries: list[DeliveryRow], owed: set[str], kind: str
) -> None:
    verdict = compare(EMAILS, applications, deliveries, owed=owed)
    assert not verdict.good
    assert getattr(verdict, kind)


def test_sound_are_those_with_names_and_a_plain_address() -> None:
    person = {"ID": "A", "FirstName": "Anna", "LastName": "Voorbeeld", "Email": "anna@example.org"}
    wrong = {"FirstName": " ", "Email": "anna at example", "IsAnonymised": "1", "EndDate": "2026-01-01"}
    contacts = [{**person, "ID": "0"}]
    contacts += [{**person, "ID": str(n), name: value} for n, (name, value) in enumerate(wrong.items(), start=1)]
    accounts = [{"ID": f"x{n}", "MainContact": str(n)} for n in range(2)]
    exact = {"Contacts": contacts, "Accounts": accounts}
    assert sound(exact, "Contacts") == {"0"}
    assert sound(exact, "Accounts") == {"x0"}

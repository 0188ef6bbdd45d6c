"""What people ask about one record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from include.records import Decision, StreamKey

if TYPE_CHECKING:
    from include.ledger import Claim, Ledger

Make = Any
STREAM = StreamKey("exact_contacts_to_personio_employees", 124132, "Contacts")
ACCOUNTS = StreamKey("exact_accounts_to_personio_employees", 124133, "Accounts")
FIRST = "0f8fad5b-d9cb-469f-a165-70867728950e"
SECOND = "0f8fad5b-ffff-469f-a165-70867728950e"
THIRD = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


def deliver(ledger: Ledger, stream: StreamKey, source_id: str, email: str) -> Claim:
    decision = Decision(source_id, 1, "ready", payload={"email": email}, email=email)
    ledger.deliveries.decide(stream, "employee", None, 4242, [decision], "run")
    claim = ledger.deliveries.claim(4242, "employee", None, run_id="run", stream=stream)
    assert claim is not None
    return claim


def test_a_result_is_kept_encrypted_with_its_delivery(ledger: Ledger) -> None:
    """It comes back as it was, per destination, and is readable neither in the file nor in a text."""
    claim = deliver(ledger, STREAM, FIRST, "ada@example.org")
    result = {"warnings": ["Department 'Zebulon' unknown"], "employees": [{"id": 7, "email": "ada@example.org"}]}
    assert ledger.deliveries.results(FIRST) == []
    assert ledger.deliveries.settle(claim, "created", remote_id="7", result=result)
    told = ledger.deliveries.results(FIRST)
    assert [(found.destination, found.job, found.state, found.result) for found in told] == [
        ("employee", None, "created", result)
    ]
    assert "Zebulon" not in repr(told)
    with ledger._database.read() as connection:
        text = repr(connection.exec_driver_sql("SELECT * FROM ledger_deliveries").all())
    assert "Zebulon" not in text
    assert "ada@" not in text


def test_a_result_belongs_to_the_last_outcome(ledger: Ledger) -> None:
    """What was said of an attempt that came to nothing is not told of the next one; a late one is not kept."""
    claim = deliver(ledger, STREAM, FIRST, "ada@example.org")
    ledger.deliveries.settle(claim, "ready", result={"try": 1})
    again = ledger.deliveries.claim(4242, "employee", None, run_id="run")
    assert again is not None
    assert not ledger.deliveries.settle(claim, "created", result={"late": True})
    assert ledger.deliveries.settle(again, "created")
    assert ledger.deliveries.results(FIRST) == []


@pytest.fixture
def three(ledger: Ledger) -> Ledger:
    for stream, source_id, email, remote in (
        (STREAM, FIRST, "ada@example.org", "700"),
        (STREAM, SECOND, "grace@example.org", "12345678"),
        (ACCOUNTS, THIRD, "ada@example.org", "70"),
    ):
        ledger.deliveries.settle(deliver(ledger, stream, source_id, email), "created", remote_id=remote)
    return ledger


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (FIRST, [FIRST]),
        (FIRST.upper(), [FIRST]),
        (f" {{{FIRST}}} ", [FIRST]),
        ("0f8fad5b", [FIRST, SECOND]),
        ("0F8FAD5B-d9", [FIRST]),
        ("0f8fad5", []),
        ("0f8fad5b%", []),
        ("________", []),
        ("ADA@example.org", [FIRST, THIRD]),
        ("nobody@example.org", []),
        ("700", [FIRST]),
        ("12345678", [SECOND]),
        ("7", []),
        ("", []),
    ],
)
def test_records_are_found_by_what_people_have(three: Ledger, text: str, expected: list[str]) -> None:
    """An id at Exact or its beginning, an e-mail address in any case, an id at Personio: nothing by chance."""
    assert sorted(found[2] for found in three.deliveries.sources_of(text)) == sorted(expected)


def test_a_found_record_says_where_it_is(three: Ledger) -> None:
    assert three.deliveries.sources_of("ada@example.org") == [
        (124132, "Contacts", FIRST),
        (124133, "Accounts", THIRD),
    ]


@pytest.mark.parametrize("text", ["0f8fad5b", "700", "ada@example.org"])
def test_every_look_up_has_an_index(sqlite_ledger: Ledger, plans: Make, text: str) -> None:
    for plan in plans(lambda: sqlite_ledger.deliveries.sources_of(text)).values():
        assert all("SEARCH" in line and "INDEX" in line for line in plan if "ledger_deliveries" in line), plan

"""Which rejected accounts are decided again, and when."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from include.records import Decision, StreamKey

if TYPE_CHECKING:
    from include.ledger import Ledger
    from tests.include.ledger.conftest import Clock

Make = Any
STREAM = StreamKey("exact_accounts_to_personio_applications", 124132, "Accounts")
HOUR = 3_600


def rejection(
    source: Make, number: int, reason: str = "exact.Email.missing", field: str = "contact.Email"
) -> Decision:
    return Decision(source(number).source_id, 1, "rejected", reason, field)


def decide(ledger: Ledger, *decisions: Decision) -> None:
    ledger.deliveries.decide(STREAM, "application", 1001, 4242, decisions, "run", fingerprint="m1")


def look_again(ledger: Ledger, *, per_call: int = 60, limit: int = 600, fingerprint: str = "m1") -> int:
    return ledger.deliveries.look_again(
        *(STREAM, "application", 1001, 4242),
        fingerprint=fingerprint,
        every=timedelta(hours=24),
        per_call=per_call,
        limit=limit,
    )


def undecided(ledger: Ledger) -> list[int]:
    chunks = ledger.staging.undecided(STREAM, "application", 1001, fingerprint="m1", company=4242)
    return [int(row.source_id[-12:]) for chunk in chunks for row in chunk]


@pytest.mark.parametrize(
    ("reason", "field", "again"),
    [
        ("exact.Email.missing", "contact.Email", 1),
        ("exact.EndDate.malformed", "contact.EndDate", 1),
        ("exact.MainContact.not_found", "MainContact", 1),
        ("mapping.last_name.template_failed", "last_name", 1),
        ("exact.MainContact.missing", "MainContact", 0),
        ("exact.IsAnonymised.anonymised", "contact.IsAnonymised", 0),
        ("exact.Created.missing", "Created", 0),
        ("personio.email.invalid", "email", 0),
    ],
)
def test_only_what_a_corrected_contact_can_change(  # noqa: PLR0917 - fixtures and cases
    ledger: Ledger, source: Make, clock: Clock, reason: str, field: str, again: int
) -> None:
    ledger.staging.stage(STREAM, "run", [source(1)], resume=None, page=1)
    decide(ledger, rejection(source, 1, reason, field))
    assert look_again(ledger) == 0
    clock.advance(24 * HOUR)
    assert look_again(ledger) == again
    assert undecided(ledger) == [1] * again
    # Sent back already; the retry of the run decides it.
    assert look_again(ledger) == 0


def test_a_look_up_is_filled_up_with_the_next_oldest(ledger: Ledger, source: Make, clock: Clock) -> None:
    """One is due and a call holds three: two more come along, so that tomorrow all three are due at once."""
    ledger.staging.stage(STREAM, "run", [source(n) for n in range(1, 6)], resume=None, page=1)
    for number in range(1, 6):
        decide(ledger, rejection(source, number))
        clock.advance(HOUR)
    clock.advance(18 * HOUR)
    assert look_again(ledger, per_call=3) == 0
    clock.advance(HOUR)
    assert look_again(ledger, per_call=3) == 3
    assert undecided(ledger) == [1, 2, 3]


def test_no_more_than_the_limit(ledger: Ledger, source: Make, clock: Clock) -> None:
    ledger.staging.stage(STREAM, "run", [source(n) for n in range(1, 6)], resume=None, page=1)
    decide(ledger, *(rejection(source, n) for n in range(1, 6)))
    clock.advance(25 * HOUR)
    assert [look_again(ledger, per_call=2, limit=4) for _ in range(3)] == [4, 1, 0]


def test_what_comes_anyway_or_cannot_be_decided_is_left_alone(ledger: Ledger, source: Make, clock: Clock) -> None:
    """A newer row, another mapping, a forgotten row, a finished record."""
    ledger.staging.stage(STREAM, "run", [source(n) for n in range(1, 4)], resume=None, page=1)
    ready = Decision(source(3).source_id, 1, "ready", payload={"email": "a@example.org"}, email="a@example.org")
    decide(ledger, rejection(source, 1), rejection(source, 2), ready)
    ledger.staging.stage(STREAM, "run", [source(1, 2)], resume=None, page=2)
    clock.advance(200 * 24 * HOUR)
    assert look_again(ledger, fingerprint="m2") == 0
    assert look_again(ledger) == 1
    decide(ledger, rejection(source, 2))
    ledger.retention.purge(clock.at)
    clock.advance(25 * HOUR)
    assert look_again(ledger) == 0

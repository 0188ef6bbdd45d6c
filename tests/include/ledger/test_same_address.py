"""Exact has a person twice, an answer is lost: what Personio has was made for one of both records."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from include.ledger.same_address import CLOCKS_APART, OTHER_RECORD, Concluded
from include.records import Decision, StreamKey

if TYPE_CHECKING:
    from include.ledger import Claim, Ledger
    from tests.include.ledger.conftest import Clock

STREAM = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
TO: Any = (4242, "application", 1001)
FIRST, SECOND = "first", "second"
READ_BACK: Any = {"reason_code": "ledger.delivery.read_back", "remote_id": "7"}


def record(source_id: str, email: str = "twice@example.org") -> Decision:
    return Decision(source_id, 1, "ready", payload={"email": email}, email=email)


def taken(ledger: Ledger, *, position: int = 1001) -> Claim:
    claim = ledger.deliveries.claim(4242, "application", position, run_id="dag/r", lease_seconds=60)
    assert claim is not None
    return claim


@pytest.fixture
def both(ledger: Ledger) -> tuple[Claim, Claim]:
    """Two claims of one address; of the second no answer will come."""
    ledger.deliveries.decide(STREAM, "application", 1001, 4242, [record(FIRST), record(SECOND)], "r")
    one, other = taken(ledger), taken(ledger)
    return one, other


def outcome(ledger: Ledger, claim: Claim) -> tuple[str, str]:
    last = ledger.deliveries.history(claim.source_id)[-1]
    return last.to_state, last.reason_code


def test_what_is_found_is_the_other_records_if_that_one_was_told_so(
    ledger: Ledger, both: tuple[Claim, Claim]
) -> None:
    told, lost = both
    ledger.deliveries.settle(told, "created", status=201)
    assert ledger.deliveries.settle(lost, "created", **READ_BACK, concluded=Concluded())
    assert outcome(ledger, lost) == ("already_there", OTHER_RECORD)
    assert ledger.deliveries.counts(STREAM, "application", 1001) == {"created": 1, "already_there": 1}


def test_of_two_without_an_answer_one_has_made_it(ledger: Ledger, both: tuple[Claim, Claim]) -> None:
    for claim in both:
        ledger.deliveries.settle(claim, "in_doubt", unclear=True)
    one = ledger.deliveries.claim_in_doubt(*TO, run_id="dag/r")
    other = ledger.deliveries.claim_in_doubt(*TO, run_id="dag/r")
    assert one is not None
    assert other is not None
    ledger.deliveries.settle(other, "in_doubt")
    ledger.deliveries.settle(one, "created", **READ_BACK, concluded=Concluded())
    other = ledger.deliveries.claim_in_doubt(*TO, run_id="dag/r")
    assert other is not None
    ledger.deliveries.settle(other, "created", **READ_BACK, concluded=Concluded())
    assert ledger.deliveries.counts(STREAM, "application", 1001) == {"created": 1, "already_there": 1}


def test_an_answer_that_is_under_way_is_waited_for(ledger: Ledger, clock: Clock, both: tuple[Claim, Claim]) -> None:
    flying, lost = both
    ledger.deliveries.settle(lost, "created", **READ_BACK, concluded=Concluded())
    assert outcome(ledger, lost) == ("in_doubt", OTHER_RECORD)
    assert ledger.deliveries.claim_in_doubt(*TO, run_id="dag/r") is None
    ledger.deliveries.settle(flying, "created", status=201)
    clock.advance(61)
    again = ledger.deliveries.claim_in_doubt(*TO, run_id="dag/r")
    assert again is not None
    ledger.deliveries.settle(again, "created", **READ_BACK, concluded=Concluded())
    assert outcome(ledger, again) == ("already_there", OTHER_RECORD)


def test_what_came_long_after_the_other_was_made_is_our_own(
    ledger: Ledger, clock: Clock, both: tuple[Claim, Claim]
) -> None:
    """Personio has forgotten the first application, and takes the address again."""
    told, lost = both
    ledger.deliveries.settle(told, "created", status=201)
    clock.advance(86_400)
    made = clock.at + CLOCKS_APART - timedelta(minutes=1)
    ledger.deliveries.settle(lost, "created", **READ_BACK, concluded=Concluded(made))
    assert outcome(ledger, lost) == ("created", "ledger.delivery.read_back")


def test_a_clear_answer_is_believed(ledger: Ledger, both: tuple[Claim, Claim]) -> None:
    for claim in both:
        ledger.deliveries.settle(claim, "created", status=201)
        assert outcome(ledger, claim)[0] == "created"


@pytest.mark.parametrize(
    ("email", "position"), [("other@example.org", 1001), ("twice@example.org", 1002)], ids=["address", "position"]
)
def test_another_address_or_position_says_nothing(ledger: Ledger, email: str, position: int) -> None:
    ledger.deliveries.decide(STREAM, "application", 1001, 4242, [record(FIRST)], "r")
    ledger.deliveries.settle(taken(ledger), "created", status=201)
    other = record(SECOND, email)
    ledger.deliveries.decide(STREAM, "application", position, 4242, [other], "r")
    lost = taken(ledger, position=position)
    ledger.deliveries.settle(lost, "created", **READ_BACK, concluded=Concluded())
    assert outcome(ledger, lost)[0] == "created"

"""A run sends what it decided: two runs with other mappings do not send each other's content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from include.records import Decision, StreamKey

if TYPE_CHECKING:
    from include.ledger import Claim, Ledger
    from tests.include.ledger.conftest import Clock

Make = Any
LIVE = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
LANE = LIVE.history()
TO: Any = (4242, "application", 1001)
A, B = f"{LIVE.dag_id}/a", f"{LIVE.dag_id}/b"
NAMES: dict[str | None, str] = {None: "Live", A: "Of A", B: "Of B"}


def decide(ledger: Ledger, run: str | None, *decisions: Decision) -> dict[str, int]:
    counts = ledger.deliveries.decide(
        LIVE if run is None else LANE,
        *("application", 1001, 4242, decisions, run or "live"),
        fingerprint=NAMES[run],
        selected_for=run,
    )
    return {name: count for name, count in counts.items() if count}


def take(ledger: Ledger, run: str | None) -> Claim | None:
    stream = LIVE if run is None else LANE
    return ledger.deliveries.claim(*TO, run_id=run or "live", stream=stream, selected_for=run)


def name_of(claim: Claim | None) -> str:
    assert claim is not None
    return str(claim.payload["first_name"])


@pytest.mark.parametrize("sender", [None, A, B], ids=str)
@pytest.mark.parametrize("order", [(None, A, B), (None, B, A)], ids=str)
def test_each_sends_its_own(ledger: Ledger, ready: Make, sender: str | None, order: tuple[str | None, ...]) -> None:
    """And what is left of it to be looked up is what was sent; nobody sends the record again."""
    for run in order:
        assert decide(ledger, run, ready(1, 1, NAMES[run])) == {"ready": 1}
    claim = take(ledger, sender)
    assert name_of(claim) == NAMES[sender]
    assert claim is not None
    ledger.deliveries.settle(claim, "in_doubt")
    assert name_of(ledger.deliveries.claim_in_doubt(*TO, run_id="x")) == NAMES[sender]
    assert [take(ledger, run) for run in order] == [None, None, None]


def test_deciding_again_replaces_what_the_run_had_of_its_own(ledger: Ledger, ready: Make) -> None:
    """A cleared task with a corrected mapping; back at the live lane's content, it is that."""
    decide(ledger, None, ready(1, 1, "Live"), ready(2, 1, "Live"))
    decide(ledger, A, ready(1, 1, "Of A"), ready(2, 1, "Of A"))
    decide(ledger, A, ready(1, 1, "Corrected"), ready(2, 1, "Live"))
    assert [name_of(take(ledger, A)), name_of(take(ledger, A))] == ["Corrected", "Live"]


def test_what_only_this_run_wants_is_decided_as_it_says(ledger: Ledger, ready: Make, rejected: Make) -> None:
    decide(ledger, A, ready(1, 1, "Of A"), ready(2, 1, "Of A"))
    assert decide(ledger, A, ready(1, 1, "Corrected"), rejected(2, 1)) == {"ready": 1, "rejected": 1}
    assert ledger.deliveries.counts(LANE, "application", 1001) == {"ready": 1, "rejected": 1}
    assert name_of(take(ledger, A)) == "Corrected"


def test_a_run_that_rejects_leaves_the_record_to_those_who_want_it(
    ledger: Ledger, ready: Make, rejected: Make
) -> None:
    """It does not send, and keeps nobody from sending."""
    decide(ledger, None, ready(1, 1, "Live"))
    decide(ledger, B, ready(2, 1, "Of B"))
    decide(ledger, A, ready(1, 1, "Of A"))
    assert decide(ledger, A, rejected(1), rejected(2)) == {"rejected": 2}
    assert ledger.deliveries.selected(A) == {}
    assert take(ledger, A) is None
    assert name_of(take(ledger, None)) == "Live"
    assert name_of(take(ledger, B)) == "Of B"


def test_a_newer_state_is_decided_into_the_delivery(ledger: Ledger, ready: Make) -> None:
    """What was decided on the older one is sent by nobody any more."""
    decide(ledger, None, ready(1, 1, "Live"))
    decide(ledger, A, ready(1, 1, "Of A"))
    decide(ledger, B, ready(1, 2, "Of B"))
    assert take(ledger, A) is None
    assert ledger.deliveries.counts(LIVE, "application", 1001) == {"ready": 1}
    assert name_of(take(ledger, B)) == "Of B"


def test_what_came_in_while_it_was_on_its_way_is_sent_if_it_comes_back(
    ledger: Ledger, ready: Make, clock: Clock
) -> None:
    """Refused unprocessed for a limit: the run sends its own, not what the live lane tried to send."""
    decide(ledger, None, ready(1, 1, "Live"))
    claim = take(ledger, None)
    assert claim is not None
    assert decide(ledger, A, ready(1, 1, "Of A")) == {"in_flight": 1}
    ledger.deliveries.settle(claim, "retry", due_at=clock.at)
    assert name_of(take(ledger, A)) == "Of A"


def test_a_refusal_by_the_service_is_one_of_the_mapping_that_was_sent(
    ledger: Ledger, source: Make, ready: Make
) -> None:
    """The other mapping's content may be right: its next run decides the record again."""
    ledger.staging.stage(LIVE, "r", [source(1)], resume=None, page=1)
    decide(ledger, None, ready(1, 1, "Live"))
    decide(ledger, A, ready(1, 1, "Of A"))
    claim = take(ledger, A)
    assert claim is not None
    ledger.deliveries.settle(claim, "rejected", reason_code="personio.attributes.invalid")

    def waits(mapping: str) -> int:
        return sum(len(chunk) for chunk in ledger.staging.undecided(LIVE, "application", 1001, fingerprint=mapping))

    assert (waits(NAMES[None]), waits(NAMES[A])) == (1, 0)


def test_the_address_and_the_rules_are_those_of_what_was_sent(ledger: Ledger, ready: Make) -> None:
    decide(ledger, None, ready(1))
    other = ready(1)._replace(email="campaign@example.org")
    decide(ledger, A, other)
    assert ledger.deliveries.history_of_email("campaign@example.org") == []
    claim = take(ledger, A)
    assert claim is not None
    assert claim.email == "campaign@example.org"
    assert ledger.deliveries.history_of_email("campaign@example.org") != []
    assert ledger.deliveries.history_of_email("person1@example.org") == []

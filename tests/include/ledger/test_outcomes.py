"""What a run has done is told by the log of events, whichever of its attempts did it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.ledger import Ledger
    from include.records import Decision, StreamKey

DESK: Any = (4242, "application", 1001)


def test_run_is_told_what_became_of_the_records_it_had(
    ledger: Ledger, stream: StreamKey, ready: Callable[..., Decision], rejected: Callable[..., Decision], clock: Any
) -> None:
    """Each record counts once, as it was left last; what others did, was only decided or was put back does not."""
    decisions = [*(ready(number) for number in range(6)), rejected(6)]
    ledger.deliveries.decide(stream, "application", 1001, 4242, decisions, "run")
    assert ledger.outcomes.of_run("run") == {}
    states: list[Any] = ["created", "retry", "in_doubt", "ready", "rejected"]
    ids = []
    for state in states:
        claim = ledger.deliveries.claim(*DESK, run_id="run")
        assert claim is not None
        ids.append(claim.delivery_id)
        due = clock.at.replace(year=2027) if state != "ready" else None
        assert ledger.deliveries.settle(claim, state, due_at=due)
        if state == "ready":
            # Whoever comes next has it.
            other = ledger.deliveries.claim(*DESK, run_id="other")
            assert other is not None
            assert ledger.deliveries.settle(other, "created")
    assert ledger.outcomes.of_run("run") == {"created": 1, "retry": 1, "in_doubt": 1, "rejected": 1}
    assert ledger.outcomes.taken("run") == {ids[0], ids[1], ids[2], ids[4]}
    assert ledger.outcomes.of_run("other") == {"created": 1}
    clock.at = clock.at.replace(year=2028)
    while claim := ledger.deliveries.claim(*DESK, run_id="run") or ledger.deliveries.claim_in_doubt(
        *DESK, run_id="run"
    ):
        ledger.deliveries.settle(claim, "created")
    assert ledger.outcomes.of_run("run") == {"created": 4, "rejected": 1}


def test_claim_of_a_crash_is_taken_and_in_doubt_when_its_lease_has_run_out(
    ledger: Ledger, stream: StreamKey, ready: Callable[..., Decision], clock: Any
) -> None:
    ledger.deliveries.decide(stream, "application", 1001, 4242, [ready(0)], "run")
    claim = ledger.deliveries.claim(*DESK, run_id="run", lease_seconds=10)
    assert claim is not None
    assert ledger.outcomes.taken("run") == {claim.delivery_id}
    assert ledger.outcomes.of_run("run") == {}
    clock.advance(11)
    ledger.deliveries.expire("run")
    assert ledger.outcomes.of_run("run") == {"in_doubt": 1}
    assert ledger.outcomes.taken("run") == {claim.delivery_id}


def test_what_was_only_looked_up_was_not_taken(
    ledger: Ledger, stream: StreamKey, ready: Callable[..., Decision]
) -> None:
    """In doubt for a position that is no longer used: its outcome is told by whoever looks it up."""
    ledger.deliveries.decide(stream, "application", 1001, 4242, [ready(0)], "old")
    claim = ledger.deliveries.claim(*DESK, run_id="old")
    assert claim is not None
    ledger.deliveries.settle(claim, "in_doubt")
    looked_up = ledger.deliveries.claim_left_behind(4242, "application", 2002, run_id="new", stream=stream)
    assert looked_up is not None
    ledger.deliveries.settle(looked_up, "created")
    assert ledger.outcomes.of_run("new") == {}
    assert ledger.outcomes.taken("new") == set()
    assert ledger.outcomes.of_run("old") == {"in_doubt": 1}

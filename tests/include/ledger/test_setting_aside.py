"""What a person put aside stays aside until it changes at Exact or is replayed, and nothing under way is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from include.ledger.narrowing import Narrowing
from include.ledger.replays import Selection
from include.records import StreamKey

if TYPE_CHECKING:
    from include.ledger import Ledger

Make = Any
STREAM = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
TO: Any = (4242, "application", 1001)
ALL = Narrowing()


def brought(ledger: Ledger, source: Make, decision: Any, *, fingerprint: str = "m1") -> None:
    number = int(decision.source_id[-12:])
    ledger.staging.stage(
        STREAM, f"run{decision.row_version}", [source(number, decision.row_version)], resume=None, page=1
    )
    ledger.deliveries.decide(STREAM, "application", 1001, 4242, [decision], "run", fingerprint=fingerprint)


def in_state(ledger: Ledger, source: Make, ready: Make, state: Any, *, doubt: bool = False) -> None:
    brought(ledger, source, ready(1))
    for outcome in (["in_doubt"] if doubt else []) + [state]:
        if outcome == "ready" and not doubt:
            return
        take = ledger.deliveries.claim_in_doubt if doubt and outcome != "in_doubt" else ledger.deliveries.claim
        claim = take(*TO, run_id="run")
        assert claim is not None
        if outcome != "sending":
            assert ledger.deliveries.settle(claim, outcome, reason_code="x")


def states(ledger: Ledger) -> dict[str, int]:
    return ledger.deliveries.counts(STREAM, "application", 1001)


def undecided(ledger: Ledger, fingerprint: str) -> list[int]:
    chunks = ledger.staging.undecided(STREAM, "application", 1001, company=4242, fingerprint=fingerprint)
    return [int(row.source_id[-12:]) for chunk in chunks for row in chunk]


@pytest.mark.parametrize("state", ["ready", "retry", "rejected"])
def test_what_waits_is_put_aside_and_its_story_says_so(ledger: Ledger, source: Make, ready: Make, state: str) -> None:
    in_state(ledger, source, ready, state)
    key = (STREAM.dag_id, 124132, "Contacts", "application")
    assert ledger.deliveries.skippable(ALL) == {key: 1}
    assert ledger.deliveries.set_aside(ALL, run_id="console/skip") == 1
    assert states(ledger) == {"skipped_by_rule": 1}
    line = ledger.deliveries.history(source(1).source_id)[-1]
    assert (line.from_state, line.to_state, line.reason_code, line.run_id) == (
        *(state, "skipped_by_rule", "skipped.by_person", "console/skip"),
    )
    assert ledger.deliveries.claim(*TO, run_id="later") is None
    assert ledger.deliveries.set_aside(ALL, run_id="console/skip") == 0


@pytest.mark.parametrize(
    ("state", "doubt"),
    [("sending", False), ("in_doubt", False), ("created", False), ("ready", True), ("retry", True)],
)
def test_what_is_under_way_or_may_have_arrived_is_left_alone(
    ledger: Ledger, source: Make, ready: Make, state: str, doubt: bool
) -> None:
    in_state(ledger, source, ready, state, doubt=doubt)
    assert ledger.deliveries.skippable(ALL) == {}
    assert ledger.deliveries.set_aside(ALL, run_id="console/skip") == 0
    assert states(ledger) == {state: 1}


def test_it_stays_aside_under_another_mapping_and_comes_again_when_it_changes(
    ledger: Ledger, source: Make, ready: Make
) -> None:
    brought(ledger, source, ready(1))
    ledger.deliveries.set_aside(ALL, run_id="console/skip")
    assert undecided(ledger, "m1") == undecided(ledger, "m2") == []
    ledger.staging.stage(STREAM, "run2", [source(1, 2)], resume=None, page=1)
    assert undecided(ledger, "m2") == [1]
    brought(ledger, source, ready(1, 2), fingerprint="m2")
    assert states(ledger) == {"ready": 1}


def test_a_replay_brings_it_back(ledger: Ledger, source: Make, ready: Make) -> None:
    brought(ledger, source, ready(1))
    ledger.deliveries.set_aside(ALL, run_id="console/skip")
    assert ledger.deliveries.replay_all(Selection(narrowing=ALL), run_id="console/replay") == 1
    assert undecided(ledger, "m1") == [1]
    brought(ledger, source, ready(1))
    assert states(ledger) == {"ready": 1}


def test_what_was_marked_for_a_replay_is_not_decided_by_it(ledger: Ledger, source: Make, rejected: Make) -> None:
    brought(ledger, source, rejected(1))
    ledger.deliveries.replay_all(Selection(), run_id="by-hand")
    assert undecided(ledger, "m1") == [1]
    ledger.deliveries.set_aside(ALL, run_id="console/skip")
    assert undecided(ledger, "m1") == []


def test_what_another_dag_has_read_does_not_hide_a_later_change(ledger: Ledger, source: Make, rejected: Make) -> None:
    """Each DAG counts the versions of a row for itself; both lanes of one count together."""
    brought(ledger, source, rejected(1))
    other = StreamKey("other", 124132, "Contacts")
    ledger.staging.stage(other, "run", [source(1, 9)], resume=None, page=1)
    ledger.deliveries.replay_all(Selection(), run_id="by-hand")
    ledger.deliveries.set_aside(ALL, run_id="console/skip")
    assert undecided(ledger, "m1") == []
    ledger.staging.stage(STREAM, "run2", [source(1, 2)], resume=None, page=1)
    assert undecided(ledger, "m1") == [1]


def test_only_what_is_meant(ledger: Ledger, source: Make, ready: Make, rejected: Make) -> None:
    for decision in (ready(1), rejected(2), rejected(3)):
        brought(ledger, source, decision)
    assert ledger.deliveries.set_aside(Narrowing(dags=frozenset({"other"})), run_id="c") == 0
    meant = Narrowing(states=("rejected",), id=source(2).source_id)
    assert ledger.deliveries.set_aside(meant, run_id="c") == 1
    assert states(ledger) == {"ready": 1, "rejected": 1, "skipped_by_rule": 1}


def test_no_run_has_it_in_its_outbox_any_more(ledger: Ledger, source: Make, ready: Make) -> None:
    history = STREAM.history()
    ledger.staging.stage(history, "run", [source(1)], resume=None, page=1, versioned=False)
    ledger.deliveries.decide(history, "application", 1001, 4242, [ready(1)], "run", selected_for="dag/run")
    assert ledger.deliveries.selected("dag/run") == {"ready": 1}
    assert ledger.deliveries.set_aside(ALL, run_id="c") == 1
    assert ledger.deliveries.selected("dag/run") == {}


def test_what_a_run_of_another_dag_is_to_send_is_left_to_it(ledger: Ledger, source: Make, ready: Make) -> None:
    history = STREAM.history()
    ledger.staging.stage(history, "run", [source(1)], resume=None, page=1, versioned=False)
    ledger.deliveries.decide(history, "application", 1001, 4242, [ready(1)], "run", selected_for="other/run")
    mine = Narrowing(dags=frozenset({STREAM.dag_id}))
    assert ledger.deliveries.skippable(mine) == {}
    assert ledger.deliveries.set_aside(mine, run_id="c") == 0
    assert ledger.deliveries.selected("other/run") == {"ready": 1}
    both = Narrowing(dags=frozenset({STREAM.dag_id, "other"}))
    assert ledger.deliveries.set_aside(both, run_id="c") == 1
    assert ledger.deliveries.selected("other/run") == {}

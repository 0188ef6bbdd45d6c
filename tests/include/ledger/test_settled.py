"""What a live run passes over because it is settled is nothing that it would have decided on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from include.ledger.replays import Selection
from include.ledger.settled import NOTHING, WHOLE_EVERY
from include.ledger.tables import staged
from lane_questions import COMPANY, LIVE, OTHER, decide, left_out, question, waiting

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.ledger.undecided import Question
    from tests.include.ledger.conftest import Clock

Make = Any
HISTORY_LANE = LIVE.history()


def decided(ledger: Ledger, asked: Question, make: Make) -> None:
    """Run to the end: all that waits is made ready."""
    before = ledger.settled.of(asked)
    found = waiting(ledger, asked, before.upto)
    decisions = [make(int(source_id[-12:])) for source_id in found]
    ledger.deliveries.decide(
        *(asked.stream, "application", 1001, COMPANY, decisions, "dag/live"),
        fingerprint="first",
        window_fingerprint=asked.window_fingerprint,
    )
    ledger.settled.note(asked, before)


def test_a_run_looks_at_what_was_stored_since(ledger: Ledger, source: Make, ready: Make) -> None:
    """A lane is settled up to the last batch that was decided, and a changed record is in a later one."""
    asked = question(LIVE, 1001, "first")
    assert ledger.settled.of(asked).upto == NOTHING
    for number in range(3, 6):
        ledger.staging.stage(LIVE, "run", [source(number)], resume=None, page=1)
    decided(ledger, asked, ready)
    settled = ledger.settled.of(asked)
    assert (settled.upto, settled.newest) == (3, 3)
    ledger.staging.stage(LIVE, "run", [source(3, 2, "Bea"), source(4)], resume=None, page=1)
    assert waiting(ledger, asked, ledger.settled.of(asked).upto) == [source(3).source_id]


def test_a_row_that_was_not_decided_holds_the_lane(ledger: Ledger, source: Make, ready: Make) -> None:
    asked = question(LIVE, 1001, "first")
    for number in range(3, 6):
        ledger.staging.stage(LIVE, "run", [source(number)], resume=None, page=1)
    before = ledger.settled.of(asked)
    ledger.deliveries.decide(
        *(LIVE, "application", 1001, COMPANY, [ready(3), ready(5)], "dag/live"), fingerprint="first"
    )
    ledger.settled.note(asked, before)
    assert ledger.settled.of(asked).upto == 1


def test_what_was_stored_while_a_run_decided_is_left_to_the_next(ledger: Ledger, source: Make, ready: Make) -> None:
    asked = question(LIVE, 1001, "first")
    ledger.staging.stage(LIVE, "run", [source(3)], resume=None, page=1)
    before = ledger.settled.of(asked)
    ledger.deliveries.decide(*(LIVE, "application", 1001, COMPANY, [ready(3)], "dag/live"), fingerprint="first")
    ledger.staging.stage(LIVE, "run", [source(4)], resume=None, page=1)
    ledger.settled.note(asked, before)
    assert ledger.settled.of(asked).upto == 1
    assert waiting(ledger, asked, 1) == [source(4).source_id]


def test_somebody_who_changes_what_decisions_stand_on_meanwhile_ends_it(
    ledger: Ledger, source: Make, ready: Make, rejected: Make
) -> None:
    """Also when the run notes only afterwards how far it came."""
    asked = question(LIVE, 1001, "first")
    ledger.staging.stage(LIVE, "run", [source(3), source(4)], resume=None, page=1)
    before = ledger.settled.of(asked)
    ledger.deliveries.decide(
        *(LIVE, "application", 1001, COMPANY, [rejected(3), ready(4)], "dag/live"), fingerprint="first"
    )
    ledger.deliveries.replay_all(Selection(), run_id="somebody")
    ledger.settled.note(asked, before)
    assert waiting(ledger, asked, ledger.settled.of(asked).upto) == [source(3).source_id]


def test_once_a_day_all_rows_are_looked_at(ledger: Ledger, source: Make, ready: Make, clock: Clock) -> None:
    """And also when the clock was set back since."""
    asked = question(LIVE, 1001, "first")
    ledger.staging.stage(LIVE, "run", [source(3)], resume=None, page=1)
    decided(ledger, asked, ready)
    clock.advance(WHOLE_EVERY.total_seconds() - 1)
    assert ledger.settled.of(asked).upto == 1
    clock.advance(1)
    assert ledger.settled.of(asked).upto == NOTHING
    decided(ledger, asked, ready)
    assert ledger.settled.of(asked).upto == 1
    clock.advance(-60)
    assert ledger.settled.of(asked).upto == NOTHING


def test_a_settled_lane_is_not_walked_through(sqlite_ledger: Ledger, plans: Any, source: Make, ready: Make) -> None:
    """However many rows it has: each question begins in the index behind the batch that is settled."""
    asked = question(LIVE, 1001, "first")
    sqlite_ledger.staging.stage(LIVE, "run", [source(3)], resume=None, page=1)
    decided(sqlite_ledger, asked, ready)

    def ask() -> None:
        waiting(sqlite_ledger, asked, 1)
        left_out(sqlite_ledger, asked, 1)

    steps = [step for plan in plans(ask).values() for step in plan if "ledger_staged" in step]
    walked = [step for step in steps if "ix_ledger_staged_stored" in step]
    assert walked
    assert all("batch" in step for step in walked), walked
    assert not [step for step in steps if step.startswith("SCAN")], steps


def settled_since(ledger: Ledger, asked: Question) -> int:
    """Let a live run that finds nothing note how far the lane is settled; return up to where."""
    before = ledger.settled.of(asked)
    assert waiting(ledger, asked, before.upto) == []
    ledger.settled.note(asked, before)
    return ledger.settled.of(asked).upto


def found(ledger: Ledger, asked: Question) -> list[int]:
    """Return what the next live run finds, which must be what a look at all rows finds."""
    some = waiting(ledger, asked, ledger.settled.of(asked).upto)
    assert some == waiting(ledger, asked, None)
    return [int(source_id[-12:]) for source_id in some]


@pytest.mark.parametrize("end", ["retry", "ready", "in doubt"])
def test_what_history_had_under_way_and_comes_back_is_taken_over(
    ledger: Ledger, source: Make, ready: Make, clock: Clock, end: Any
) -> None:
    """Its run may be dead: the live lane finds it although it found nothing to do while the request was under way."""
    asked, run = question(LIVE, 1001, "first"), "dag/backfill"
    ledger.staging.stage(HISTORY_LANE, "run", [source(4)], resume=None, page=1)
    decide(ledger, HISTORY_LANE, ready(4), run=run)
    claim = ledger.deliveries.claim(COMPANY, "application", 1001, run_id=run, selected_for=run)
    assert claim is not None
    ledger.staging.stage(LIVE, "run", [source(4)], resume=None, page=1)
    settled_since(ledger, asked)
    if end == "in doubt":
        ledger.deliveries.settle(claim, "in_doubt", due_at=clock.at)
        claim = ledger.deliveries.claim_in_doubt(COMPANY, "application", 1001, run_id=run, selected_for=run)
        assert claim is not None
        ledger.deliveries.settle(claim, "ready")
    else:
        ledger.deliveries.settle(claim, end, due_at=clock.at)
    assert found(ledger, asked) == [4]


@pytest.mark.parametrize("who", [HISTORY_LANE, OTHER.history()], ids=["own history", "another DAG"])
def test_what_was_under_way_and_is_refused_under_another_mapping_comes_again(
    ledger: Ledger, source: Make, ready: Make, who: Any
) -> None:
    asked = question(LIVE, 1001, "first")
    for stream in (LIVE, who):
        ledger.staging.stage(stream, "run", [source(4)], resume=None, page=1)
    decide(ledger, LIVE, ready(4))
    claim = ledger.deliveries.claim(COMPANY, "application", 1001, run_id="dag/live", stream=LIVE)
    assert claim is not None
    settled_since(ledger, asked)
    decide(ledger, who, ready(4), mapping="second", run="dag/backfill")
    ledger.deliveries.settle(claim, "rejected", reason_code="personio.email")
    assert found(ledger, asked) == [4]


def test_what_one_window_refused_and_another_makes_ready_is_taken_over(
    ledger: Ledger, source: Make, ready: Make, rejected: Make
) -> None:
    asked = question(LIVE, 1001, "first")
    ledger.staging.stage(HISTORY_LANE, "run", [source(4)], resume=None, page=1)
    decide(ledger, HISTORY_LANE, rejected(4), run="dag/first window")
    ledger.staging.stage(LIVE, "run", [source(4)], resume=None, page=1)
    settled_since(ledger, asked)
    decide(ledger, HISTORY_LANE, ready(4), run="dag/second window")
    assert found(ledger, asked) == [4]


def test_a_corrected_position_does_not_hold_the_lane(ledger: Ledger, source: Make, ready: Make) -> None:
    """Whoever was sent for the old one is left out for good."""
    asked = question(LIVE, 1002, "first")
    ledger.staging.stage(LIVE, "run", [source(4)], resume=None, page=1)
    decide(ledger, LIVE, ready(4))
    claim = ledger.deliveries.claim(COMPANY, "application", 1001, run_id="dag/live", stream=LIVE)
    assert claim is not None
    ledger.deliveries.settle(claim, "created")
    assert settled_since(ledger, asked) == 1
    assert found(ledger, asked) == []


def test_what_retention_blanked_does_not_hold_the_lane(
    ledger: Ledger, source: Make, rejected: Make, clock: Clock
) -> None:
    """Also in a ledger that is older than batches; read again, it is in a batch of its own."""
    ledger.staging.stage(LIVE, "run", [source(4)], resume=None, page=1)
    decide(ledger, LIVE, rejected(4))
    with ledger._database.write() as connection:
        connection.execute(staged.update().values(batch=0))
    clock.advance(86_400 * 100)
    ledger.retention.purge(clock.at - timedelta(days=90))
    asked = question(LIVE, 1001, "second")
    assert settled_since(ledger, asked) == 1
    ledger.staging.stage(LIVE, "run", [source(4)], resume=None, page=1)
    assert found(ledger, asked) == [4]

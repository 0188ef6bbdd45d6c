"""Who was asked what before a run sent anything, and who answered what and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from include.ledger.approvals import Approval
from include.records import StreamKey

if TYPE_CHECKING:
    from include.ledger import Ledger
    from tests.include.ledger.conftest import Clock

RUN = "exact_contacts_to_personio_applications/manual__1"
ASKED = {"ready": 250, "sample": [["id", "2026-01-31"]]}


def test_a_question_waits_for_its_answer(ledger: Ledger, clock: Clock) -> None:
    assert ledger.approvals.get(RUN) is None
    asked_at = clock.at
    ledger.approvals.ask(RUN, ASKED)
    assert ledger.approvals.get(RUN) == Approval(RUN, ASKED, asked_at, None, None, None)
    clock.advance(60)
    ledger.approvals.answer(RUN, "Approve", "ada", clock.at)
    assert ledger.approvals.get(RUN) == Approval(RUN, ASKED, asked_at, "Approve", "ada", clock.at)
    assert ledger.approvals.get("another") is None


def test_the_same_question_keeps_its_answer_and_another_does_not(ledger: Ledger, clock: Clock) -> None:
    """A task that is tried again asks the same; a cleared run may be about other records, which nobody approved."""
    ledger.approvals.ask(RUN, ASKED)
    ledger.approvals.answer(RUN, "Approve", "ada", clock.at)
    answered = ledger.approvals.get(RUN)
    clock.advance(60)
    ledger.approvals.ask(RUN, dict(reversed(ASKED.items())))
    assert ledger.approvals.get(RUN) == answered
    ledger.approvals.ask(RUN, ASKED | {"ready": 251})
    assert ledger.approvals.get(RUN) == Approval(RUN, ASKED | {"ready": 251}, clock.at, None, None, None)


def test_a_later_answer_counts_and_none_is_lost(ledger: Ledger, clock: Clock) -> None:
    """Also one to a question that nobody noted."""
    ledger.approvals.answer(RUN, "Reject", "", clock.at)
    later = clock.at + timedelta(minutes=1)
    ledger.approvals.answer(RUN, "Approve", "grace", later)
    assert ledger.approvals.get(RUN) == Approval(RUN, {}, clock.at, "Approve", "grace", later)


def test_answers_stay_as_long_as_the_run_can_be_cleared(ledger: Ledger, clock: Clock) -> None:
    """However short the retention is."""
    ledger.approvals.ask(RUN, ASKED)
    clock.advance(179 * 86_400)
    assert ledger.retention.purge(clock.at)["approvals"] == 0
    clock.advance(2 * 86_400)
    assert ledger.retention.purge(clock.at)["approvals"] == 1
    assert ledger.approvals.get(RUN) is None


def test_live_dags_that_send_the_same_records_are_found(ledger: Ledger, ready: Any) -> None:
    """By position and division, in whatever state their records are; lanes of history send nothing by themselves."""
    live, day = StreamKey("live", 124132, "Contacts"), datetime(2026, 1, 1, tzinfo=UTC)
    others = [StreamKey("other", 124132, "Contacts"), StreamKey("live", 555, "Contacts"), live.history()]
    for stream in (live, *others):
        ledger.watermarks.advance(stream, expected=None, to=1, run_id="r", created_from=day)
    ledger.deliveries.decide(live, "application", 1001, 4242, [ready(1)], "live/r", fingerprint="m")
    history = StreamKey("history", 124132, "Contacts").history()
    scopes = ledger.approvals.live_scopes
    assert scopes(history, "application", 1001) == [("live", day)]
    assert scopes(history, "application", 1002) == []
    assert scopes(history, "employee", 1001) == []
    # A DAG's own live runs are always meant, even before they decided anything.
    assert scopes(others[0].history(), "application", 1001) == [("live", day), ("other", day)]

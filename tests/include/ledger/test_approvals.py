"""Who was asked what before a run sent anything, and who answered what and when."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from include.ledger.approvals import Approval

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

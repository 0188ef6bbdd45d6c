"""A load sends what a person was asked for, and not one record more."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from include.errors import ConfigurationError
from include.ledger.states import PENDING
from include.sync.approved import refuse_outgrown, to_send
from line import DIVISION, Line
from moved import applicants, people

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.sandbox.server import RunningSandbox
    from line import Run

DAYS = {"created_from": "2024-01-01", "created_to": "2024-02-01"}


def add(sandbox: RunningSandbox, number: int) -> None:
    person = {"FirstName": "Sanne", "LastName": f"Proef{number}", "Email": f"sanne{number}@example.org"}
    sandbox.sandbox.exact.add_contact(DIVISION, {**person, "Created": "2024-01-05T12:00:00"})


def approved(run: Run, answer: str = "approve") -> dict[str, Any]:
    """Ask what the run would send, and have it answered."""
    ledger, asked = run.line.ledger, to_send(run.line.ledger, run.job, run.run_id, run.pinned)
    ledger.approvals.ask(run.key, asked)
    ledger.approvals.answer(run.key, answer, "ada", datetime.now(UTC))
    return asked


def check(run: Run) -> None:
    refuse_outgrown(run.line.ledger, run.job, run.run_id, run.pinned)


@pytest.fixture
def window(ledger: Ledger, sandbox: RunningSandbox) -> Run:
    """Return a window with one record to send."""
    line = Line(ledger, sandbox)
    line.log_in()
    add(sandbox, 1)
    run = line.start("w", **DAYS)
    for stage in (run.plan, run.extract, run.decide):
        stage()
    return run


def test_outbox_that_grew_after_the_answer_is_not_sent(window: Run, sandbox: RunningSandbox) -> None:
    """Somebody clears extract and transform alone: the person saw one record, and now there are two."""
    assert approved(window) == {"records": 1, "settled": 0}
    check(window)
    add(sandbox, 2)
    window.extract()
    window.decide()
    with pytest.raises(ConfigurationError) as caught:
        check(window)
    assert caught.value.reason_code == "approval.outgrown"
    assert "approve" in caught.value.way_out
    assert approved(window) == {"records": 2, "settled": 0}
    check(window)
    window.load()
    assert applicants(sandbox) == people(1, 2)
    check(window)


def test_what_was_sent_counts_into_what_was_approved(window: Run, sandbox: RunningSandbox) -> None:
    approved(window)
    window.load()
    add(sandbox, 2)
    window.extract()
    window.decide()
    with pytest.raises(ConfigurationError):
        check(window)
    assert approved(window) == {"records": 1, "settled": 1}
    check(window)


def test_other_answers_and_questions_bound_nothing(window: Run, sandbox: RunningSandbox) -> None:
    """Without a question the run may send what it decided; so it may when nobody need be asked any more."""
    check(window)
    approved(window)
    window.line.ledger.approvals.ask(window.key, {"needed": False})
    add(sandbox, 2)
    window.extract()
    window.decide()
    check(window)


def test_what_is_in_doubt_is_asked_for(window: Run) -> None:
    """It may be sent again. A bound of the run bounds the question."""
    ledger, job = window.line.ledger, window.job
    claim = ledger.deliveries.claim(
        *(job.company, job.destination, job.position), stream=job.stream, run_id=window.key, selected_for=window.key
    )
    assert claim is not None
    ledger.deliveries.settle(claim, "in_doubt")
    assert ledger.deliveries.selected(window.key) == {"in_doubt": 1}
    assert "in_doubt" in PENDING
    assert to_send(ledger, job, "w", window.pinned)["records"] == 1


def test_bound_of_the_run_bounds_the_question(ledger: Ledger, sandbox: RunningSandbox) -> None:
    line = Line(ledger, sandbox)
    line.log_in()
    for number in range(3):
        add(sandbox, number)
    run = line.start("w", **DAYS, max_records=2)
    for stage in (run.plan, run.extract, run.decide):
        stage()
    assert to_send(ledger, run.job, "w", run.pinned) == {"records": 2, "settled": 0}


def test_who_sends_them_anyway_is_named(window: Run, sandbox: RunningSandbox) -> None:
    """The live DAG of the same position, from the day on that it takes for new."""
    line, scopes = window.line, window.line.ledger.approvals.live_scopes
    stream, day = window.job.stream, datetime(2024, 1, 3, 23, tzinfo=UTC)
    assert scopes(stream, "application", 1001) == []
    line.run("live", start_from="2024-01-04")
    live = line.job.stream.dag_id
    assert scopes(stream, "application", 1001) == [(live, day)]
    other = type(stream)("exact_contacts_history", DIVISION, "Contacts").history()
    assert scopes(other, "application", 1001) == [(live, day)]
    assert scopes(other, "application", 1002) == []
    assert scopes(other, "employee", 0) == []

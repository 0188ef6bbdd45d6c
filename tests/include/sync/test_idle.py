"""A live run that has read nothing new and has nothing waiting is over; whatever else there is to do, it is not.

That what is skipped would have done nothing is asserted by every other story that runs through `line.Line`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from line import DIVISION, Line

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.ledger import Ledger
    from include.sandbox.server import RunningSandbox
    from line import Run


@pytest.fixture
def line(ledger: Ledger, sandbox: RunningSandbox) -> Line:
    made = Line(ledger, sandbox)
    made.log_in()
    hire(made, "sanne0@example.org")
    made.run("first")
    return made


def hire(line: Line, email: str | None) -> str:
    person = {"FirstName": "Sanne", "LastName": "Proef", "Email": email}
    return str(line.sandbox.sandbox.exact.add_contact(DIVISION, person)["ID"])


def read(line: Line, run_id: str = "second", **asked: Any) -> Run:
    """Begin a run, up to where Airflow would go on or skip."""
    run = line.start(run_id, **{"start_from": "beginning", **asked})
    run.plan()
    run.extract()
    return run


def test_nothing_new_where_nothing_waits_is_idle(line: Line) -> None:
    run = read(line)
    assert run.is_idle()
    assert run.commit()["advanced"]
    assert read(line, "third").is_idle()


def test_refused_and_skipped_records_wait_for_nobody(line: Line) -> None:
    """They come again when they change, or somebody asks."""
    line.sandbox.sandbox.exact.update(DIVISION, "Contacts", hire(line, None), {"LastName": "Zonder"})
    line.run("second")
    assert line.states() == {"created": 1, "rejected": 1}
    assert read(line, "third").is_idle()


def somebody_new(line: Line) -> None:
    hire(line, "new@example.org")


def somebody_waits(line: Line) -> None:
    """Stop a run before its load."""
    hire(line, "late@example.org")
    run = read(line, "stopped")
    run.decide()
    run.commit()


def somebody_is_in_doubt(line: Line) -> None:
    somebody_waits(line)
    job, desk = line.job, line.ledger.deliveries
    claim = desk.claim(job.company, job.destination, job.position, stream=job.stream, run_id="dag/lost")
    assert claim is not None
    assert desk.settle(claim, "in_doubt", due_at=desk.now() + timedelta(hours=1))


def another_position_left_somebody(line: Line) -> None:
    """Let a run die while it sends, and people apply for another position from then on."""
    somebody_waits(line)
    job = line.job
    assert line.ledger.deliveries.claim(job.company, job.destination, job.position, stream=job.stream, run_id="dag/x")
    line.position = 1002
    line.run("elsewhere")
    line.run("elsewhere again")


def somebody_is_being_sent(line: Line) -> None:
    """Let another worker have it, or die with it."""
    somebody_waits(line)
    job = line.job
    assert line.ledger.deliveries.claim(
        job.company, job.destination, job.position, stream=job.stream, run_id="dag/held"
    )


def read_and_not_decided(line: Line) -> None:
    """Stop a run between extract and transform."""
    hire(line, "undecided@example.org")
    read(line, "died").commit()


def somebody_is_replayed(line: Line) -> None:
    hire(line, None)
    line.run("refused")
    job = line.job
    assert line.ledger.deliveries.replay(job.stream, job.destination, job.position, run_id="person") == 1


def another_position(line: Line) -> None:
    """Let people apply for another position from now on."""
    line.position = 1002


def somebody_was_asked(line: Line) -> None:
    """Leave a question of this very run in the ledger, which only its own task takes back."""
    line.ledger.approvals.ask(line.job.run_key("second"), {"records": 1})


@pytest.mark.parametrize(
    "story",
    [
        somebody_new,
        somebody_waits,
        somebody_is_in_doubt,
        another_position_left_somebody,
        somebody_is_being_sent,
        somebody_is_replayed,
        read_and_not_decided,
        another_position,
        somebody_was_asked,
    ],
)
def test_whatever_there_is_to_do_is_done(line: Line, story: Callable[[Line], None]) -> None:
    story(line)
    assert not read(line).is_idle()


@pytest.mark.parametrize(
    "asked",
    [
        {"preview": True},
        {"max_records": 1},
        {"created_from": "2020-01-01"},
        {"replay_only": True},
    ],
)
def test_what_a_person_has_asked_for_is_never_idle(line: Line, asked: dict[str, Any]) -> None:
    assert not read(line, **asked).is_idle()


def test_other_rules_are_something_to_do(line: Line) -> None:
    hire(line, None)
    line.run("refused")
    run = line.start("second", start_from="beginning", overrides={"last_name": "Fixed"})
    run.plan()
    run.extract()
    assert not run.is_idle()


def test_once_a_day_all_is_looked_at(line: Line, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is said to be settled."""
    now = ledger._database.now
    monkeypatch.setattr(ledger._database, "now", lambda: now() + timedelta(days=1, minutes=1))
    run = read(line)
    assert not run.is_idle()
    run.decide()
    assert read(line, "third").is_idle()


def test_what_history_left_in_doubt_is_looked_up_although_the_live_lane_has_never_read_it(
    ledger: Ledger, sandbox: RunningSandbox
) -> None:
    line = Line(ledger, sandbox)
    line.log_in()
    hire(line, "past@example.org")
    for name in ("first", "second"):
        line.run(name, start_from="now")
    assert read(line, "idle", start_from="now").is_idle()
    past = line.start("past", created_from="2020-01-01")
    for stage in (past.plan, past.extract, past.decide):
        stage()
    job, desk = past.job, ledger.deliveries
    claim = desk.claim(
        *(job.company, job.destination, job.position), stream=job.stream, run_id=past.key, selected_for=past.key
    )
    assert claim is not None
    line.run("live", start_from="now")
    assert desk.settle(claim, "in_doubt")
    run = read(line, "third", start_from="now")
    assert not run.is_idle()
    run.decide()
    assert run.load() == {"created": 1}

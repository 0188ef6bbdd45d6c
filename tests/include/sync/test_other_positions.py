"""What is in doubt for a job position that is no longer used: looked up, told, and never sent twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet

from include.ledger import Ledger, open_ledger
from include.sandbox.faults import Action, Fault
from include.sandbox.server import RunningSandbox
from include.sync.load import LoadSettings
from line import DIVISION, Line
from poisoned import Clock, Personio, load, replayed, states

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from include.sync.job import Job

NOW = LoadSettings(settled=timedelta(0))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Iterator[Ledger]:
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db", Fernet.generate_key().decode(), clock=clock) as opened:
        yield opened


@pytest.fixture
def in_doubt(ledger: Ledger, job: Job, ready: Callable[[int], list[str]]) -> list[str]:
    """Three records, asked for at the first position and not answered."""
    ids = ready(3)
    desk: Any = ledger.deliveries
    for _ in ids:
        claim = desk.claim(job.company, job.destination, job.position, stream=job.stream, run_id="dag/r0")
        desk.settle(claim, "in_doubt", reason_code="personio.answer.lost")
    return ids


def undecided(ledger: Ledger, job: Job) -> set[str]:
    chunks = ledger.staging.undecided(job.stream, job.destination, job.position, fingerprint="f", company=job.company)
    return {row.source_id for rows in chunks for row in rows}


def test_doubts_of_an_old_position_are_settled_by_looking(ledger: Ledger, job: Job, in_doubt: list[str]) -> None:
    """Found: it has applied. Absent: the next run decides it for the new position. Nothing is sent."""
    personio = Personio()
    personio.holds[in_doubt[0], job.position] = 1
    corrected = replace(job, position=2002)
    assert undecided(ledger, corrected) == set()
    assert load(ledger, corrected, personio, NOW) == {"created": 1, "rejected": 2}
    assert personio.sent == []
    assert states(ledger, job) == {"created": 1, "rejected": 2}
    assert ledger.deliveries.rejections(job.stream) == [("ledger.job_position_id.changed", "job_position_id", 2)]
    assert undecided(ledger, corrected) == set(in_doubt[1:])


def test_doubt_that_is_too_young_is_left_to_settle(
    ledger: Ledger, job: Job, in_doubt: list[str], clock: Clock
) -> None:
    """The request may still be under way: only after two minutes its absence is sure."""
    corrected, personio = replace(job, position=2002), Personio()
    assert load(ledger, corrected, personio) == {"in_doubt_elsewhere": 3}
    assert states(ledger, job) == {"in_doubt": 3}
    assert load(ledger, corrected, personio) == {"in_doubt_elsewhere": 3}
    assert undecided(ledger, corrected) == set()
    clock.ahead += timedelta(minutes=2, seconds=1)
    assert load(ledger, corrected, personio) == {"rejected": 3}
    assert undecided(ledger, corrected) == set(in_doubt)
    assert len(personio.looked_up) == 6


def test_doubt_that_nobody_can_settle_is_counted_and_asked_once_an_hour(
    ledger: Ledger, job: Job, in_doubt: list[str], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    corrected, personio = replace(job, position=2002), Personio(readable=False)
    assert load(ledger, corrected, personio, NOW) == {"in_doubt_elsewhere": 3}
    assert "3 records are in doubt for a job position other than 2002" in caplog.text
    assert load(ledger, corrected, personio, NOW) == {"in_doubt_elsewhere": 3}
    assert len(personio.looked_up) == 3
    clock.ahead += timedelta(hours=1, seconds=1)
    load(ledger, corrected, personio, NOW)
    assert len(personio.looked_up) == 6
    assert undecided(ledger, corrected) == set()
    assert len(in_doubt) == 3


def test_record_left_behind_returns_to_the_first_position_as_ours(
    ledger: Ledger, job: Job, in_doubt: list[str], ready: Callable[[int], list[str]]
) -> None:
    """The position is set back before anything was sent: what exists after all is known as our own."""
    personio = Personio()
    load(ledger, replace(job, position=2002), personio, NOW)
    personio.holds[in_doubt[0], job.position] = 1
    assert replayed(ledger, job) == 3
    assert undecided(ledger, job) == set(in_doubt)
    ready(3)
    assert load(ledger, job, personio, NOW) == {"created": 3}
    assert in_doubt[0] not in personio.sent


def test_crash_for_an_old_position_is_seen_too(
    ledger: Ledger, job: Job, ready: Callable[[int], list[str]], clock: Clock
) -> None:
    ready(1)
    ledger.deliveries.claim(job.company, job.destination, job.position, stream=job.stream, run_id="dag/r0")
    clock.ahead += timedelta(hours=1)
    assert load(ledger, replace(job, position=2002), Personio(), NOW) == {"rejected": 1}


def test_other_company_is_counted_and_never_asked(ledger: Ledger, job: Job, in_doubt: list[str]) -> None:
    """This login reads another company: that nobody is there says nothing."""
    other, personio = replace(job, position=2002, company=job.company + 1), Personio()
    assert load(ledger, other, personio, NOW) == {"in_doubt_elsewhere": len(in_doubt)}
    assert personio.looked_up == []


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox() as running:
        yield running


@pytest.mark.parametrize("arrived", [True, False])
def test_lost_answer_for_an_old_position_is_settled_for_the_new_one(
    ledger: Ledger, sandbox: RunningSandbox, clock: Clock, arrived: bool
) -> None:
    """The position is corrected while an answer is missing; the person applies once, wherever."""
    line = Line(ledger, sandbox)
    line.log_in()
    account = sandbox.sandbox.exact.add_account(DIVISION, {"Name": "Voorbeeld"})
    person = {"FirstName": "Sanne", "LastName": "Proef", "Email": "sanne@example.org"}
    sandbox.sandbox.exact.add_contact(DIVISION, {"Account": account["ID"], **person})
    action: Action = "drop_after" if arrived else "drop_before"
    # Reading back is cut off too: the record stays in doubt at the end of the first run.
    sandbox.sandbox.faults.add(Fault(action, match="POST v1/recruiting/applications", times=None))
    sandbox.sandbox.faults.add(Fault("status", match="GET v2/recruiting/*", times=None))
    line.run("r1")
    assert line.states() == {"in_doubt": 1}
    sandbox.sandbox.faults.clear()
    line.position = 1002
    clock.ahead += timedelta(hours=2)
    for run in ("r2", "r3"):
        line.run(run)
    made = [a["job_position_id"] for a in sandbox.sandbox.personio.contents()["applications"]]
    assert made == [1001 if arrived else 1002]

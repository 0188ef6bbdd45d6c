"""Records that never get an answer, that wait for a person, or that were left behind by another position."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet

from include.errors import (
    AlreadyExistsError,
    OutcomeUnknownError,
    PermissionDeniedError,
    ServiceUnavailableError,
)
from include.ledger import Ledger, open_ledger
from include.sandbox.faults import Action, Fault
from include.sandbox.server import RunningSandbox
from include.sync.delivery import RecordHeldUpError
from include.sync.load import Loader, LoadSettings, Sent
from include.sync.patience import again
from line import DIVISION, Line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from include.ledger.claims import Claim
    from include.sync.job import Job

NOW = LoadSettings(settled=timedelta(0))


class Clock:
    """Ahead of the system's clock by as much as it was moved."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Iterator[Ledger]:
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db", Fernet.generate_key().decode(), clock=clock) as opened:
        yield opened


class Personio:
    """Knows which records it cannot digest; what it holds is what truly arrived."""

    def __init__(self, *poison: str, readable: bool = True) -> None:
        self.poison = set(poison)
        self.unreadable: set[str] = set()
        self.readable = readable
        self.holds: dict[tuple[str, int], int] = {}
        self.committing = False
        self.sent: list[str] = []
        self.looked_up: list[str] = []
        self.error: Exception = OutcomeUnknownError("what", reason_code="personio.answer.unclear", status=500)

    def send(self, claim: Claim, hold: Callable[[], None]) -> Sent:
        hold()
        self.sent.append(claim.source_id)
        key = (claim.source_id, int(claim.payload["job_position_id"]))
        if key in self.holds:
            raise AlreadyExistsError("what", reason_code="personio.email.already-exists", status=400)
        if claim.source_id in self.poison:
            if self.committing:
                self.holds[key] = 1
            raise self.error
        if claim.source_id in self.unreadable:
            denied = PermissionDeniedError("what", reason_code="personio.email.unreadable", way_out="Allow it.")
            raise RecordHeldUpError(denied)
        self.holds[key] = 1
        return Sent()

    def find(self, claim: Claim) -> str | None:
        self.looked_up.append(claim.source_id)
        if not self.readable:
            return None
        return "77" if (claim.source_id, int(claim.payload["job_position_id"])) in self.holds else ""


def states(ledger: Ledger, job: Job) -> dict[str, int]:
    return ledger.deliveries.counts(job.stream, job.destination, job.position)


def load(ledger: Ledger, job: Job, personio: Personio, settings: LoadSettings | None = None) -> dict[str, int]:
    return Loader(ledger, personio, job, "dag/r1", settings=settings, sleep=lambda _left: None).run()


def until_given_up(ledger: Ledger, job: Job, personio: Personio, clock: Clock, most: int = 60) -> int:
    """Run the load every hour until nothing is left; return how many runs were red."""
    red = 0
    for _ in range(most):
        try:
            load(ledger, job, personio)
        except ServiceUnavailableError:
            red += 1
        clock.ahead += timedelta(hours=1)
        if not set(states(ledger, job)) & {"ready", "retry", "in_doubt", "sending"}:
            return red
    raise AssertionError(states(ledger, job))


# ---- records that never get an answer


def test_poison_at_the_head_of_the_queue_starves_nobody(
    ledger: Ledger, job: Job, ready: Callable[[int], list[str]], clock: Clock
) -> None:
    """Five records that always get a 500 come first: all others arrive in the second run, each after one attempt."""
    ids = ready(25)
    personio = Personio(*ids[:5])
    with pytest.raises(ServiceUnavailableError):
        load(ledger, job, personio)
    first = len(personio.sent)
    for _ in range(3):
        clock.ahead += timedelta(hours=2)
        try:
            load(ledger, job, personio)
            break
        except ServiceUnavailableError:
            continue
    assert states(ledger, job) == {"created": 20, "in_doubt": 5}
    others = [source_id for source_id in personio.sent if source_id not in personio.poison]
    assert sorted(others) == ids[5:]
    # The untried go before everybody who has had a turn.
    assert personio.sent[first : first + 2] == ids[3:5]


@pytest.mark.parametrize("error", [OutcomeUnknownError, ServiceUnavailableError])
def test_poison_is_given_up_after_ten_attempts_and_does_not_stop_the_runs(
    ledger: Ledger, job: Job, ready: Callable[[int], list[str]], clock: Clock, error: type[Exception]
) -> None:
    """Three of them in a row look like a service that is down, once; they are no news to the next run."""
    ids = ready(10)
    personio = Personio(*ids[:3])
    personio.error = error("what", reason_code="personio.answer.unclear", status=500)  # type: ignore[call-arg]
    assert until_given_up(ledger, job, personio, clock) == 1
    assert states(ledger, job) == {"created": 7, "rejected": 3}
    assert {source_id: personio.sent.count(source_id) for source_id in ids[:3]} == dict.fromkeys(ids[:3], 10)
    assert ledger.deliveries.rejections(job.stream) == [("ledger.attempts.spent", "", 3)]


def test_more_poison_than_patience_all_comes_to_an_end(
    ledger: Ledger, job: Job, ready: Callable[[int], list[str]], clock: Clock
) -> None:
    """Those that were tried go to the end of the queue, so that seven of them share the turns."""
    personio = Personio(*ready(7))
    until_given_up(ledger, job, personio, clock)
    assert states(ledger, job) == {"rejected": 7}
    assert set(map(personio.sent.count, personio.poison)) == {10}


def test_what_arrived_with_the_last_attempt_is_not_given_up(
    ledger: Ledger, job: Job, ready: Callable[[int], list[str]], clock: Clock
) -> None:
    """Nine attempts came to nothing, the tenth was answered with a 500 after it was done."""
    [only] = ready(1)
    personio = Personio(only)
    while len(personio.sent) < 9:
        load(ledger, job, personio)
        clock.ahead += timedelta(hours=2)
    personio.committing = True
    until_given_up(ledger, job, personio, clock)
    assert states(ledger, job) == {"created": 1}
    assert len(personio.sent) == 10


def test_dead_letter_that_may_exist_says_so_and_is_ours_when_it_is_replayed(
    ledger: Ledger, job: Job, ready: Callable[[int], list[str]], clock: Clock
) -> None:
    """Nobody can look; a later replay meets "already exists", and knows that it made it."""
    [only] = ready(1)
    personio = Personio(only, readable=False)
    until_given_up(ledger, job, personio, clock)
    assert ledger.deliveries.rejections(job.stream) == [("ledger.attempts.spent", "in_doubt", 1)]
    personio.holds[only, job.position] = 1
    assert replayed(ledger, job) == 1
    decide_again(ledger, job, ready)
    load(ledger, job, personio)
    assert states(ledger, job) == {"created": 1}


def test_replayed_dead_letter_begins_again_at_nought(
    ledger: Ledger, job: Job, ready: Callable[[int], list[str]], clock: Clock
) -> None:
    [only] = ready(1)
    personio = Personio(only)
    until_given_up(ledger, job, personio, clock)
    assert len(personio.sent) == 10
    replayed(ledger, job)
    decide_again(ledger, job, ready)
    until_given_up(ledger, job, personio, clock)
    assert len(personio.sent) == 20


def test_limits_and_refused_connections_are_no_attempts(
    ledger: Ledger, job: Job, ready: Callable[[int], list[str]], clock: Clock
) -> None:
    """A firewall that is closed for a day rejects nobody."""
    [only] = ready(1)
    personio = Personio(only)
    personio.error = ServiceUnavailableError("what", reason_code="personio.connection.failed")
    for _ in range(30):
        load(ledger, job, personio)
        clock.ahead += timedelta(hours=1)
    personio.poison.clear()
    load(ledger, job, personio)
    assert states(ledger, job) == {"created": 1}


def test_back_off_grows_to_an_hour() -> None:
    now = datetime.now(UTC)
    assert again(1, now) is None
    waits = [due - now for n in range(2, 100) if (due := again(n, now))]
    assert waits == sorted(waits)
    assert (len(waits), waits[0], waits[-1]) == (98, timedelta(minutes=2), timedelta(hours=1))


def replayed(ledger: Ledger, job: Job) -> int:
    return ledger.deliveries.replay(job.stream, job.destination, job.position, run_id="cli")


def decide_again(ledger: Ledger, job: Job, ready: Callable[[int], list[str]]) -> None:
    chunks = ledger.staging.undecided(job.stream, job.destination, job.position, company=job.company, fingerprint="f")
    assert [row.source_id for rows in chunks for row in rows]
    ready(1)


# ---- records that wait for a person


def test_record_that_waits_for_a_right_holds_up_nobody(
    ledger: Ledger, job: Job, ready: Callable[[int], list[str]], clock: Clock
) -> None:
    """The task is red with the way out; the others have been sent, and the next run is green and asks nothing."""
    ids = ready(4)
    personio = Personio()
    personio.unreadable = {ids[0], ids[2]}
    with pytest.raises(PermissionDeniedError, match="Allow it"):
        load(ledger, job, personio)
    assert states(ledger, job) == {"created": 2, "retry": 2}
    assert load(ledger, job, personio) == {}
    assert len(personio.sent) == 4
    personio.unreadable.clear()
    clock.ahead += timedelta(hours=1)
    assert load(ledger, job, personio) == {"created": 2}


# ---- what another position left behind


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


# ---- the same, with Personio's own answers


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox() as running:
        yield running


def test_duplicate_that_nobody_may_read_lets_the_others_be_created(ledger: Ledger, sandbox: RunningSandbox) -> None:
    """The credential may not read `email`: of three people one is an employee already, and is refused."""
    line = Line(ledger, sandbox, destination="employee")
    line.log_in()
    personio, exact = sandbox.sandbox.personio, sandbox.sandbox.exact
    account = exact.add_account(DIVISION, {"Name": "Voorbeeld"})
    for number in range(3):
        person = {"FirstName": "Sanne", "LastName": f"Proef{number}", "Email": f"sanne{number}@example.org"}
        exact.add_contact(DIVISION, {"Account": account["ID"], **person})
    personio.add_person("sanne0@example.org", "Sanne", "Proef0", {})
    sandbox.sandbox.settings.personio.attribute_whitelist = ["id", "first_name"]
    with pytest.raises(PermissionDeniedError) as caught:
        line.run("r1")
    assert caught.value.reason_code == "personio.email.unreadable"
    assert caught.value.way_out
    assert line.states() == {"created": 2, "retry": 1}
    emails = [str(row["email"]) for row in personio.contents()["employees"]]
    assert sorted(emails) == [f"sanne{number}@example.org" for number in range(3)]
    sandbox.sandbox.settings.personio.attribute_whitelist = None
    assert line.run("r2") == {}
    assert line.states() == {"created": 2, "retry": 1}


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

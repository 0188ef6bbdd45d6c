"""Records that never get an answer, or that wait for a person."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet

from include.errors import OutcomeUnknownError, PermissionDeniedError, ServiceUnavailableError
from include.ledger import Ledger, open_ledger
from include.sandbox.server import RunningSandbox
from include.sync.patience import again
from line import DIVISION, Line
from poisoned import Clock, Personio, load, replayed, states

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from include.sync.job import Job


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Iterator[Ledger]:
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db", Fernet.generate_key().decode(), clock=clock) as opened:
        yield opened


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
    assert load(ledger, job, personio, run="dag/r2") == {}
    assert len(personio.sent) == 4
    personio.unreadable.clear()
    clock.ahead += timedelta(hours=1)
    assert load(ledger, job, personio, run="dag/r2") == {"created": 2}
    assert states(ledger, job) == {"created": 4}


def test_run_that_is_cleared_asks_again_what_a_person_has_mended_meanwhile(
    ledger: Ledger, job: Job, ready: Callable[[int], list[str]]
) -> None:
    """Whoever starts the run again has done their part, or is told once more; nobody waits for the hour."""
    ids = ready(4)
    personio = Personio()
    personio.unreadable = {ids[0], ids[2]}
    for _ in range(2):
        with pytest.raises(PermissionDeniedError, match="Allow it"):
            load(ledger, job, personio)
    assert Counter(personio.sent) == {ids[0]: 2, ids[1]: 1, ids[2]: 2, ids[3]: 1}
    personio.unreadable.clear()
    # The counts are those of the run, over all its tries.
    assert load(ledger, job, personio) == {"created": 4}


def test_what_a_person_must_do_is_said_although_the_attempt_that_met_it_died(
    ledger: Ledger, job: Job, ready: Callable[[int], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = ready(3)
    personio = Personio()
    personio.unreadable = {ids[0]}
    settle = ledger.deliveries.settle

    def die(*told: Any, **more: Any) -> bool:
        kept = settle(*told, **more)
        if more.get("reason_code") == "personio.email.unreadable":
            raise KeyboardInterrupt
        return kept

    monkeypatch.setattr(ledger.deliveries, "settle", die)
    with pytest.raises(KeyboardInterrupt):
        load(ledger, job, personio)
    monkeypatch.undo()
    with pytest.raises(PermissionDeniedError, match="Allow it"):
        load(ledger, job, personio)
    assert states(ledger, job) == {"created": 2, "retry": 1}


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

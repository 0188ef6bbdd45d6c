"""Every way a request can end leaves the record in the one right state."""

from __future__ import annotations

import dataclasses
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from include.errors import (
    AlreadyExistsError,
    CredentialsError,
    ExactPersonioError,
    OutcomeUnknownError,
    RateLimitedError,
    RecordRejectedError,
    ServiceUnavailableError,
)
from include.ledger.tables import events
from include.records import Decision
from include.sync.delivery import Found, likeliest
from include.sync.load import Loader, LoadSettings, Sent

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.ledger import Ledger
    from include.ledger.claims import Claim
    from include.sync.job import Job


class Scripted:
    """A destination that answers from a script, and remembers what truly arrived."""

    def __init__(self, *answers: ExactPersonioError | None, found: Found | None = None) -> None:
        self.answers = list(answers)
        self.found = found
        self.sent: list[str] = []

    def send(self, claim: Claim, hold: Callable[[], None]) -> Sent:
        hold()
        self.sent.append(claim.source_id)
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        return Sent()

    def find(self, claim: Claim) -> Found | None:
        return self.found if claim.was_in_doubt else None


def error(kind: type[ExactPersonioError]) -> ExactPersonioError:
    return kind("what", reason_code="personio.test.code")


def states(ledger: Ledger, job: Job) -> dict[str, int]:
    return {k: v for k, v in ledger.deliveries.counts(job.stream, "application", 1001).items() if v}


def load(ledger: Ledger, job: Job, delivery: Scripted, **kwargs: float) -> dict[str, int]:
    return Loader(ledger, delivery, job, "dag/r1", settings=LoadSettings(**kwargs)).run()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (None, "created"),
        (error(AlreadyExistsError), "already_there"),
        (error(RecordRejectedError), "rejected"),
    ],
    ids=["created", "already there", "rejected"],
)
def test_clear_answers(
    ledger: Ledger, job: Job, ready: Callable[[int], list[str]], answer: ExactPersonioError | None, state: str
) -> None:
    ready(1)
    load(ledger, job, Scripted(answer))
    assert states(ledger, job) == {state: 1}


def test_unclear_answer_is_read_back_not_sent_again(
    ledger: Ledger, job: Job, ready: Callable[[int], list[str]]
) -> None:
    """A time-out after the service committed: read-back finds it, so there is one request in all."""
    ready(1)
    delivery = Scripted(error(OutcomeUnknownError), found=Found("77"))
    load(ledger, job, delivery)
    assert states(ledger, job) == {"created": 1}
    assert len(delivery.sent) == 1


@pytest.mark.parametrize(
    ("minutes_before", "state"),
    [(60 * 24, "already_there"), (16, "already_there"), (14, "created"), (0, "created"), (-14, "created")],
)
def test_what_is_older_than_the_first_attempt_is_somebody_elses(
    ledger: Ledger, job: Job, ready: Callable[[int], list[str]], minutes_before: int, state: str
) -> None:
    """Two clocks may be a quarter of an hour apart; nothing older can be what an attempt of ours made."""
    ready(1)
    made_at = ledger.deliveries.now() - timedelta(minutes=minutes_before)
    load(ledger, job, Scripted(error(OutcomeUnknownError), found=Found("77", made_at)))
    assert states(ledger, job) == {state: 1}


def test_nobody_tells_by_a_story_whose_beginning_is_gone(
    ledger: Ledger, job: Job, ready: Callable[[int], list[str]]
) -> None:
    """Whoever prunes events leaves the look-up's own, which is younger than what the attempt has made."""
    ready(1)
    settings = LoadSettings(lease_seconds=0.1, wait_seconds=0.0)
    assert Loader(ledger, Scripted(), job, "dag/r1", settings=settings)._claim() is not None
    with ledger._database.write() as connection:
        connection.execute(events.delete())
    load(ledger, job, Scripted(found=Found("77", ledger.deliveries.now() - timedelta(hours=3))))
    assert states(ledger, job) == {"created": 1}


def test_attempts_that_were_refused_before_the_lost_one_made_nobody(
    ledger: Ledger, job: Job, ready: Callable[[int], list[str]]
) -> None:
    """Refused by a limit a day ago, applied by themselves since, sent again with the answer lost: theirs."""
    ready(1)
    before = ledger.deliveries.now()
    claim = Loader(ledger, Scripted(), job, "dag/r1")._claim()
    assert claim is not None
    assert ledger.deliveries.settle(claim, "retry", reason_code="personio.test.code", due_at=before)
    with ledger._database.write() as connection:
        connection.execute(events.update().values(at=before - timedelta(days=1)))
    made_at = before - timedelta(hours=5)
    load(ledger, job, Scripted(error(OutcomeUnknownError), found=Found("77", made_at)), lease_seconds=0.1)
    assert states(ledger, job) == {"already_there": 1}


@pytest.mark.parametrize(
    ("hours", "ours"),
    [((-24.0, 0.0, 2.0), 0.0), ((-24.0, None), None), ((2.0, 0.0), 0.0), ((-48.0, -24.0), -24.0)],
    ids=["before and since", "one tells nothing", "since", "only before"],
)
def test_of_several_the_first_after_the_attempt_is_ours(
    ledger: Ledger,
    job: Job,
    ready: Callable[[int], list[str]],
    hours: tuple[float | None, ...],
    ours: float | None,
) -> None:
    ready(1)
    claim = Loader(ledger, Scripted(), job, "dag/r1")._claim()
    assert claim is not None
    now = ledger.deliveries.now()
    claim = dataclasses.replace(claim, first_sent_at=now)
    held = [Found(str(one), None if one is None else now + timedelta(hours=one)) for one in hours]
    assert likeliest(held, claim).remote_id == str(ours)
    assert likeliest([], claim).remote_id == ""


def test_already_exists_after_an_unclear_answer_is_ours(
    ledger: Ledger, job: Job, ready: Callable[[int], list[str]]
) -> None:
    """Without read rights the second attempt's refusal proves that the first one worked."""
    ready(1)
    load(ledger, job, Scripted(error(OutcomeUnknownError), error(AlreadyExistsError)))
    assert states(ledger, job) == {"created": 1}


def test_record_that_is_never_answered_does_not_hold_up_the_others(
    ledger: Ledger, job: Job, ready: Callable[[int], list[str]]
) -> None:
    poison = ready(5)[0]

    class Poisoned(Scripted):
        def send(self, claim: Claim, hold: Callable[[], None]) -> Sent:
            hold()
            self.sent.append(claim.source_id)
            if claim.source_id == poison:
                raise error(OutcomeUnknownError)
            return Sent()

    load(ledger, job, Poisoned())
    assert states(ledger, job) == {"created": 4, "in_doubt": 1}


def test_wrong_credentials_stop_at_the_first_record_and_keep_it(
    ledger: Ledger, job: Job, ready: Callable[[int], list[str]]
) -> None:
    ready(3)
    delivery = Scripted(error(CredentialsError))
    with pytest.raises(CredentialsError):
        load(ledger, job, delivery)
    assert len(delivery.sent) == 1
    assert states(ledger, job) == {"ready": 3}


def test_short_limit_is_slept_over(ledger: Ledger, job: Job, ready: Callable[[int], list[str]]) -> None:
    """A 429 was not processed: the record waits its time and goes out in the same load."""
    ready(3)
    load(ledger, job, Scripted(None, error(RateLimitedError)), lease_seconds=0.1)
    assert states(ledger, job) == {"created": 3}


def test_lasting_limit_gives_the_slot_back_and_keeps_the_rest(
    ledger: Ledger, job: Job, ready: Callable[[int], list[str]]
) -> None:
    ready(5)
    delivery = Scripted(None, *(error(RateLimitedError) for _ in range(5)))
    with pytest.raises(RateLimitedError):
        load(ledger, job, delivery, lease_seconds=0.01)
    assert len(delivery.sent) == 4
    assert states(ledger, job)["created"] == 1
    load(ledger, job, Scripted(), lease_seconds=0.01)
    assert states(ledger, job) == {"created": 5}


def test_record_taken_over_while_waiting_is_not_sent(
    ledger: Ledger, job: Job, ready: Callable[[int], list[str]]
) -> None:
    """A worker whose lease ran out while it waited for its turn must not send any more."""
    ready(1)
    other = Scripted()

    class Slow(Scripted):
        def send(self, claim: Claim, hold: Callable[[], None]) -> Sent:
            time.sleep(0.1)
            load(ledger, job, other)
            hold()
            self.sent.append(claim.source_id)
            return Sent()

    slow = Slow()
    load(ledger, job, slow, lease_seconds=0.02, wait_seconds=0.02)
    assert (len(slow.sent), len(other.sent)) == (0, 1)
    assert states(ledger, job) == {"created": 1}


def test_service_that_is_down_is_left_alone(ledger: Ledger, job: Job, ready: Callable[[int], list[str]]) -> None:
    ready(10)
    delivery = Scripted(*(error(ServiceUnavailableError) for _ in range(10)))
    with pytest.raises(ServiceUnavailableError):
        load(ledger, job, delivery)
    assert len(delivery.sent) == 3


def test_crash_between_request_and_answer_sends_no_second_applicant(
    ledger: Ledger, job: Job, ready: Callable[[int], list[str]]
) -> None:
    """A claim without outcome, as a SIGKILL leaves it, is resolved once its lease has run out."""
    ready(2)
    crashed = Loader(ledger, Scripted(), job, "dag/r1", settings=LoadSettings(lease_seconds=0.2, wait_seconds=0.1))
    assert crashed._claim() is not None
    delivery = Scripted(found=Found("78"))
    load(ledger, job, delivery)
    assert states(ledger, job) == {"created": 2}
    assert len(delivery.sent) == 1


@pytest.mark.parametrize(
    "delivery",
    [
        Scripted(None, error(OutcomeUnknownError), found=Found("78")),
        Scripted(None, error(OutcomeUnknownError), error(AlreadyExistsError)),
    ],
    ids=["read back", "refused"],
)
def test_lost_answer_for_somebody_who_is_twice_at_exact_made_nobody(
    ledger: Ledger, job: Job, delivery: Scripted
) -> None:
    """What the other record's request was clearly told is that record's, and one applicant is one record's."""
    decisions = [
        Decision(name, 1, "ready", payload={"job_position_id": 1001}, email="twice@example.org")
        for name in ("a", "b")
    ]
    ledger.deliveries.decide(job.stream, job.destination, job.position, job.company, decisions, "r1")
    load(ledger, job, delivery)
    assert states(ledger, job) == {"created": 1, "already_there": 1}

"""One write per key: every way an attempt can end, and what the next attempt does about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from include.errors import (
    AlreadyExistsError,
    ConfigurationError,
    CredentialsError,
    ExactPersonioError,
    OutcomeUnknownError,
    RateLimitedError,
    RecordRejectedError,
    RetryLaterError,
)
from include.sync.single_write import CLOCK_SLACK, Written, content_hash, repeatable, write_once

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.ledger import Ledger

KEY = "dag/run/task/-1"
PAYLOAD = {"Item": "a", "Quantity": 2.0}
LOST = OutcomeUnknownError("lost", reason_code="exact.answer.lost")


class Service:
    """What is at the other end: counts what arrives, answers as it is told."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.answers: list[Exception | None] = []
        self.asked: list[datetime] = []
        self.found: Sequence[str] | Exception | None = []

    def send(self) -> str:
        answer = self.answers.pop(0) if self.answers else None
        if answer is None or answer is LOST:
            self.made.append(f"id-{len(self.made) + 1}")
        if answer is not None:
            raise answer
        return self.made[-1]

    def find(self, since: datetime) -> Sequence[str] | None:
        self.asked.append(since)
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    def write(self, ledger: Ledger, payload: dict[str, Any] | None = None, key: str = KEY) -> Written:
        return write_once(ledger, key, "crm/Accounts", payload or PAYLOAD, send=self.send, find=self.find)


@pytest.fixture
def service() -> Service:
    return Service()


def test_second_run_of_a_task_returns_the_id_without_sending(ledger: Ledger, service: Service) -> None:
    assert service.write(ledger) == Written("id-1", "created", sent=True)
    assert service.write(ledger) == Written("id-1", "created", sent=False)
    assert service.write(ledger, key="dag/run/task/0") == Written("id-2", "created", sent=True)
    assert service.made == ["id-1", "id-2"]
    assert service.asked == []


def test_lost_answer_is_looked_up_before_anything_is_sent_again(ledger: Ledger, service: Service) -> None:
    service.answers = [LOST]
    before = datetime.now(UTC)
    with pytest.raises(RetryLaterError, match="looks the record up"):
        service.write(ledger)
    service.found = ["id-1"]
    assert service.write(ledger) == Written("id-1", "created", sent=False)
    assert service.write(ledger) == Written("id-1", "created", sent=False)
    assert service.made == ["id-1"]
    (since,) = service.asked
    assert before - CLOCK_SLACK - timedelta(seconds=5) < since < datetime.now(UTC) - CLOCK_SLACK


def test_nothing_found_is_sent_again(ledger: Ledger, service: Service) -> None:
    service.answers = [OutcomeUnknownError("lost before it arrived", reason_code="exact.answer.lost")]
    with pytest.raises(RetryLaterError):
        service.write(ledger)
    assert service.write(ledger) == Written("id-1", "created", sent=True)
    assert service.made == ["id-1"]


def test_several_candidates_are_a_persons_decision(ledger: Ledger, service: Service) -> None:
    service.answers = [LOST]
    with pytest.raises(RetryLaterError):
        service.write(ledger)
    service.found = ["id-1", "id-7"]
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="mark the task as success") as refused:
            service.write(ledger)
        assert refused.value.reason_code == "ledger.write.ambiguous"
    assert service.made == ["id-1"]


def test_record_of_another_key_is_not_taken_for_the_lost_one(ledger: Ledger, service: Service) -> None:
    """Two runs write the same values: the one whose request was lost takes its own record, or makes it."""
    first, second = ("790fc424-dc9f-405d-ab09-22d4ee00f65" + digit for digit in "12")
    write_once(ledger, "dag/other/task/-1", "crm/Accounts", PAYLOAD, send=lambda: first, find=service.find)
    for key, there, written in (
        ("dag/lost before/task/-1", [first], Written("id-1", "created", sent=True)),
        ("dag/lost after/task/-1", [first, second], Written(second, "created", sent=False)),
    ):
        service.answers = [OutcomeUnknownError("lost", reason_code="exact.answer.lost")]
        with pytest.raises(RetryLaterError):
            service.write(ledger, key=key)
        service.found = there
        assert service.write(ledger, key=key) == written


def test_number_that_another_company_uses_too_may_be_ours(ledger: Ledger, service: Service) -> None:
    write_once(ledger, "dag/other/task/-1", "crm/Accounts", PAYLOAD, send=lambda: "17", find=service.find)
    service.answers, service.found = [LOST], ["17"]
    with pytest.raises(RetryLaterError):
        service.write(ledger)
    assert service.write(ledger) == Written("17", "created", sent=False)


def test_failed_look_up_sends_nothing_and_stays_in_doubt(ledger: Ledger, service: Service) -> None:
    service.answers = [LOST]
    with pytest.raises(RetryLaterError):
        service.write(ledger)
    service.found = RateLimitedError("limited", reason_code="exact.minute.limited")
    with pytest.raises(RateLimitedError):
        service.write(ledger)
    service.found = ["id-1"]
    assert service.write(ledger).remote_id == "id-1"
    assert service.made == ["id-1"]


def test_what_exists_after_an_unanswered_attempt_is_ours(ledger: Ledger, service: Service) -> None:
    """Where nothing can be looked up, the service's own refusal of a second one tells."""
    exists = AlreadyExistsError("there", reason_code="personio.email.already-exists", remote_id="9")
    service.answers, service.found = [LOST, exists], None
    with pytest.raises(RetryLaterError):
        service.write(ledger)
    assert service.write(ledger) == Written("9", "created", sent=True)
    assert service.write(ledger) == Written("9", "created", sent=False)


def test_what_existed_before_us_is_said_to(ledger: Ledger, service: Service) -> None:
    service.answers = [AlreadyExistsError("there", reason_code="personio.email.already-exists", remote_id="9")]
    assert service.write(ledger) == Written("9", "already_there", sent=True)
    assert service.write(ledger) == Written("9", "already_there", sent=False)
    assert service.made == []


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (RecordRejectedError("no", reason_code="exact.record.refused"), ConfigurationError),
        (CredentialsError("no", reason_code="exact.access_token.refused"), CredentialsError),
        (RateLimitedError("later", reason_code="exact.minute.limited"), RateLimitedError),
    ],
    ids=["refused record", "refused login", "limited"],
)
def test_refused_attempt_created_nothing_and_may_be_repeated(
    ledger: Ledger, service: Service, answer: Exception, raised: type[Exception]
) -> None:
    """A refused record ends the task for good; after the mend, even with corrected values, it is sent."""
    service.answers = [answer]
    with pytest.raises(raised):
        service.write(ledger)
    assert service.write(ledger, {**PAYLOAD, "Quantity": 3.0}).remote_id == "id-1"
    assert service.asked == []


@pytest.mark.parametrize("lost", [True, False], ids=["unanswered", "created"])
def test_other_values_under_the_same_run_are_refused(ledger: Ledger, service: Service, *, lost: bool) -> None:
    service.answers = [LOST] if lost else []
    if lost:
        with pytest.raises(RetryLaterError):
            service.write(ledger)
    else:
        service.write(ledger)
    with pytest.raises(ConfigurationError, match="new run") as refused:
        service.write(ledger, {**PAYLOAD, "Quantity": 3.0})
    assert refused.value.reason_code == "ledger.write.other_content"
    assert service.made == ["id-1"]


def test_killed_attempt_is_not_sent_again_while_its_request_may_be_under_way(
    ledger: Ledger, service: Service
) -> None:
    class KilledError(BaseException):
        pass

    def killed() -> str:
        service.made.append("id-1")
        raise KilledError

    with pytest.raises(KilledError):
        write_once(ledger, KEY, "crm/Accounts", PAYLOAD, send=killed, find=service.find)
    with pytest.raises(RetryLaterError) as early:
        service.write(ledger)
    assert early.value.reason_code == "ledger.write.under_way"
    assert service.made == ["id-1"]


def test_hash_is_of_values_not_of_their_order() -> None:
    one = content_hash("crm/Accounts", {"a": 1, "b": {"c": 2, "d": 3}})
    assert one == content_hash("CRM/accounts", {"b": {"d": 3, "c": 2}, "a": 1})
    assert one != content_hash("crm/Accounts", {"a": 1, "b": {"c": 2, "d": 4}})


def test_second_500_ends_the_task(ledger: Ledger, service: Service) -> None:
    """Exact answers 500 to values that it refuses, so a third attempt would be waste."""
    unclear = OutcomeUnknownError("500", reason_code="exact.answer.unclear", status=500)
    service.answers = [unclear, unclear]
    with pytest.raises(RetryLaterError):
        service.write(ledger)
    with pytest.raises(ConfigurationError, match="answered 500 again"):
        service.write(ledger)
    assert len(service.asked) == 1
    assert service.write(ledger).remote_id == "id-1"


@pytest.mark.parametrize(
    ("error", "ended"),
    [
        (RecordRejectedError("no", reason_code="exact.record.refused", status=400), ConfigurationError),
        (OutcomeUnknownError("lost", reason_code="exact.answer.lost"), RetryLaterError),
    ],
    ids=["refused", "unanswered"],
)
def test_write_that_may_be_repeated(error: Exception, ended: type[ExactPersonioError]) -> None:
    with pytest.raises(ended) as told, repeatable():
        raise error
    assert told.value.reason_code == error.reason_code  # type: ignore[attr-defined]

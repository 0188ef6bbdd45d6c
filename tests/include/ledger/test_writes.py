"""A single write is sent once, or somebody is told that it may have been sent."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from include.errors import RetryLaterError
from include.ledger import Write, open_ledger

if TYPE_CHECKING:
    from include.ledger import Ledger
    from tests.include.ledger.conftest import Clock

KEY = "exact_dag/manual__1/create/ada@example.org"


def begin(ledger: Ledger, content: str = "one") -> Write:
    return ledger.writes.begin(KEY, endpoint="crm/Accounts", content_hash=content, run_id="dag/r")


def test_a_first_write_is_free_to_go(ledger: Ledger, clock: Clock) -> None:
    assert begin(ledger) == Write(KEY, 1, "", None, clock.at, same_content=True)


@pytest.mark.parametrize("state", ["created", "done"])
def test_what_is_done_is_never_sent_again(ledger: Ledger, clock: Clock, state: Any) -> None:
    """The id comes back instead; nothing that is said later changes it."""
    begin(ledger)
    ledger.writes.settle(KEY, state, remote_id="guid-1", status=201)
    started = clock.at
    clock.advance(1000)
    assert begin(ledger) == Write(KEY, 1, state, "guid-1", started, same_content=True)
    assert not begin(ledger, "two").same_content
    ledger.writes.settle(KEY, "refused")
    ledger.writes.settle(KEY, "created", remote_id="guid-2")
    assert begin(ledger) == Write(KEY, 1, state, "guid-1", started, same_content=True)


def test_while_one_sends_the_other_waits(ledger: Ledger, clock: Clock) -> None:
    """The lease lives for two minutes; who comes earlier is told until when, and changes nothing."""
    started = clock.at
    begin(ledger)
    clock.advance(119)
    with pytest.raises(RetryLaterError) as caught:
        begin(ledger)
    assert caught.value.reason_code == "ledger.write.under_way"
    assert caught.value.retry_at is not None
    assert (caught.value.retry_at - started).total_seconds() == 120
    clock.advance(1)
    assert begin(ledger) == Write(KEY, 2, "sending", None, started, same_content=True)
    with pytest.raises(RetryLaterError):
        begin(ledger)


def test_a_doubt_stays_until_it_is_resolved(ledger: Ledger, clock: Clock) -> None:
    """Not even a refusal of the next attempt ends it: that one speaks of itself."""
    started = clock.at
    begin(ledger)
    ledger.writes.settle(KEY, "in_doubt", reason_code="exact.answer.lost")
    clock.advance(10)
    assert begin(ledger) == Write(KEY, 2, "in_doubt", None, started, same_content=True)
    ledger.writes.settle(KEY, "refused", status=400)
    clock.advance(10)
    assert begin(ledger) == Write(KEY, 3, "in_doubt", None, started, same_content=True)
    ledger.writes.settle(KEY, "created", remote_id="guid")
    assert begin(ledger).prior == "created"


def test_after_a_refusal_it_begins_anew(ledger: Ledger, clock: Clock) -> None:
    """Nothing was done, so corrected content is a first attempt in all but its number."""
    begin(ledger, "wrong")
    ledger.writes.settle(KEY, "refused", reason_code="exact.Name.missing", status=400)
    clock.advance(10)
    assert begin(ledger, "right") == Write(KEY, 2, "refused", None, clock.at, same_content=False)
    ledger.writes.settle(KEY, "created", remote_id="guid")
    assert begin(ledger, "right").same_content
    assert not begin(ledger, "wrong").same_content


def test_two_contents_in_doubt_are_not_forgotten(ledger: Ledger, clock: Clock) -> None:
    """As long as either may have been sent, neither is said to be the one."""
    begin(ledger, "one")
    clock.advance(121)
    assert not begin(ledger, "two").same_content
    clock.advance(121)
    assert not begin(ledger, "two").same_content
    ledger.writes.settle(KEY, "created", remote_id="guid")
    assert begin(ledger, "two").same_content


def test_a_late_answer_counts_only_if_it_was_done(url: str, key: str, clock: Clock) -> None:
    """A refusal of the attempt before says nothing of the one under way; a success says everything."""
    with open_ledger(url, key, clock=clock) as slow, open_ledger(url, key, clock=clock) as quick:
        begin(slow)
        clock.advance(121)
        begin(quick)
        slow.writes.settle(KEY, "refused")
        with pytest.raises(RetryLaterError):
            begin(slow)
        slow.writes.settle(KEY, "created", remote_id="late")
        quick.writes.settle(KEY, "refused")
        assert (begin(quick).prior, begin(quick).remote_id) == ("created", "late")


def test_a_write_that_was_never_begun_cannot_be_settled(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="never begun") as caught:
        ledger.writes.settle(KEY, "created")
    assert "ada" not in str(caught.value)


def test_what_others_made_is_told_by_endpoint(ledger: Ledger) -> None:
    """Neither an own record, nor one of another endpoint, nor one that was merely there, is another's."""
    for key, endpoint, state, remote in (
        ("mine", "crm/Accounts", "created", "a"),
        ("other", "crm/Accounts", "created", "b"),
        ("elsewhere", "crm/Contacts", "created", "c"),
        ("there", "crm/Accounts", "done", "d"),
    ):
        ledger.writes.begin(key, endpoint=endpoint, content_hash="c", run_id="r")
        ledger.writes.settle(key, state, remote_id=remote)  # type: ignore[arg-type]
    ids = ["a", "b", "c", "d", "e"]
    assert ledger.writes.made_by_others("mine", "crm/Accounts", ids) == {"b"}
    assert ledger.writes.made_by_others("new", "crm/Accounts", ids) == {"a", "b"}
    assert ledger.writes.made_by_others("mine", "crm/Accounts", []) == set()


def test_neither_key_nor_content_is_readable(ledger: Ledger) -> None:
    """A key may name a person, and the plain hash of a short content could be guessed."""
    begin(ledger, "content-hash")
    with ledger._database.read() as connection:
        text = repr(connection.exec_driver_sql("SELECT * FROM ledger_writes").all())
    assert "ada@" not in text
    assert "content-hash" not in text


@pytest.mark.parametrize("seed", range(5))
def test_nobody_sends_twice_without_knowing(url: str, key: str, clock: Clock, seed: int) -> None:
    """What may have been done is told to the next one, and after a success nobody sends, whoever crashes when."""
    chance = random.Random(seed)  # noqa: S311
    with open_ledger(url, key, clock=clock) as one, open_ledger(url, key, clock=clock) as two:
        for name in range(6):
            maybe_done = done = False
            for _ in range(12):
                ledger = chance.choice([one, two])
                clock.advance(chance.choice([1, 130]))
                try:
                    write = ledger.writes.begin(f"{name}", endpoint="e", content_hash="c", run_id="r")
                except RetryLaterError:
                    continue
                assert (write.prior == "created") == done
                if done:
                    assert write.remote_id == "guid"
                    continue
                assert (write.prior in ("sending", "in_doubt")) == maybe_done
                outcome = chance.choice(["created", "refused", "refused", "in_doubt", "crash"])
                done = outcome == "created"
                maybe_done = maybe_done or outcome in ("in_doubt", "crash")
                if outcome != "crash":
                    remote = "guid" if done else None
                    ledger.writes.settle(f"{name}", outcome, remote_id=remote)  # type: ignore[arg-type]

"""What is watched: true figures, on both databases, from indexes that are as short as what they hold."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from include.ledger.vitals import Committed, Decided, Errors, Paced, Pending, Spent
from include.records import Decision, StreamKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.ledger import Ledger
    from tests.include.ledger.conftest import Clock

Make = Any
STREAM = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
LANE = (STREAM.dag_id, 124132, "Contacts")
TO: Any = (4242, "application", 1001)
WEEK = timedelta(days=7)


def decide(ledger: Ledger, *decisions: Decision) -> None:
    ledger.deliveries.decide(STREAM, "application", 1001, 4242, decisions, "run", fingerprint="m1")


def settle(ledger: Ledger, state: Any) -> None:
    claim = ledger.deliveries.claim(*TO, run_id="run")
    assert claim is not None
    ledger.deliveries.settle(claim, state, remote_id="7")


def test_what_waits_is_counted_by_state_with_its_age(ledger: Ledger, ready: Make, clock: Clock) -> None:
    began = clock.at
    decide(ledger, ready(1), ready(2))
    clock.advance(60)
    decide(ledger, ready(3), ready(4))
    settle(ledger, "created")
    settle(ledger, "in_doubt")
    assert ledger.vitals.pending() == [
        Pending(*LANE, "application", "in_doubt", 1, began),
        Pending(*LANE, "application", "ready", 2, began + timedelta(seconds=60)),
    ]


def test_rejected_are_a_share_of_what_was_decided_lately(
    ledger: Ledger, ready: Make, rejected: Make, clock: Clock
) -> None:
    """What a rule skipped is no part of it: it was never meant to arrive."""
    decide(ledger, rejected(1), ready(2))
    clock.advance(8 * 86_400)
    skipped = Decision(
        "00000000-0000-4000-8000-000000000009", 1, "skipped_by_rule", "rule.Created.not_new", "Created"
    )
    decide(ledger, rejected(3), ready(4), ready(5), ready(6), skipped)
    assert ledger.vitals.decided(WEEK) == [Decided(*LANE, "application", 4, 1)]
    assert ledger.vitals.decided(timedelta(days=9)) == [Decided(*LANE, "application", 6, 2)]
    newest = ledger.vitals.decided(timedelta(days=9), most=4)
    assert newest == [Decided(*LANE, "application", 4, 1)], "the newest of them"


def test_limits_are_what_was_used_and_what_the_service_said(ledger: Ledger, clock: Clock) -> None:
    for bucket in ("exact:124132:minute", "exact:124132:minute", "personio:4242:recruiting"):
        assert not ledger.pacer.acquire(bucket, limit=60, seconds=60)
    ledger.pacer.learn("exact:124132:minute", remaining=41, reset_in=30)
    ledger.pacer.block("personio:4242:recruiting", 10)
    assert ledger.vitals.paced() == [
        Paced("exact:124132:minute", 2, 41, blocked=False),
        Paced("personio:4242:recruiting", 1, None, blocked=True),
    ]
    clock.advance(31)
    assert ledger.vitals.paced()[0] == Paced("exact:124132:minute", 2, None, blocked=False), "its window is over"
    clock.advance(31)
    assert [one.used for one in ledger.vitals.paced()] == [0, 0]


def test_errors_of_the_hour_name_no_key(ledger: Ledger, clock: Clock) -> None:
    budget = ledger.error_budget("client-id:124132")
    for division, times in ((True, 2), (False, 1)):
        for _ in range(times):
            with budget.reserved("crm/Contacts", division=division) as count:
                count(400)
    assert ledger.vitals.errors() == [Errors(124132, "crm/contacts", 2), Errors(None, "crm/contacts", 1)]
    clock.advance(3601)
    assert ledger.vitals.errors() == []


def test_lanes_and_logins_tell_when_they_last_moved(ledger: Ledger, clock: Clock) -> None:
    ledger.watermarks.advance(STREAM, expected=None, to=9, run_id="r", created_from=None)
    ledger.vault("exact").save("a", "r", clock.at, clock.at)
    assert ledger.vitals.committed() == [Committed(*LANE, clock.at)]
    assert ledger.vitals.renewed() == {"exact": clock.at}


def test_no_question_walks_through_the_deliveries(
    sqlite_ledger: Ledger, plans: Callable[..., dict[str, list[str]]]
) -> None:
    """However many there are: one index holds what waits, the other is read from its newest end."""

    def ask() -> None:
        sqlite_ledger.vitals.pending()
        sqlite_ledger.vitals.decided(WEEK)

    found = [line for plan in plans(ask).values() for line in plan if "ledger_deliveries" in line]
    assert found == [
        "SCAN ledger_deliveries USING COVERING INDEX ix_ledger_deliveries_pending",
        "SEARCH ledger_deliveries USING INDEX ix_ledger_deliveries_decided (decided_at>?)",
    ]


def test_errors_of_a_budget_say_when_there_is_one_less(ledger: Ledger, clock: Clock) -> None:
    """The oldest of the nine that count; those of other keys are none of it."""
    began = clock.at
    for number in range(3):
        for scope in ("key:1", "other:1"):
            with ledger.error_budget(scope).reserved("crm/Contacts") as note:
                note(404)
        clock.advance(60 if number < 2 else 0)
    hour = timedelta(hours=1)
    assert ledger.vitals.spent(["key:1", "key:2"]) == [Spent("key:1", "crm/contacts", 3, began + hour)]
    clock.advance(3600 - 60)
    assert ledger.vitals.spent(["key:1"]) == [
        Spent("key:1", "crm/contacts", 1, began + timedelta(seconds=120) + hour)
    ]


def test_a_limit_says_when_it_is_counted_anew_or_its_block_is_over(ledger: Ledger, clock: Clock) -> None:
    ledger.pacer.learn("exact:124132:day", remaining=7, reset_in=600)
    ledger.pacer.acquire("exact:124132:minute", limit=60, seconds=60)
    ledger.pacer.block("exact:124133:minute", 90)
    told = {one.bucket: one.until for one in ledger.vitals.paced()}
    seconds = {"exact:124132:day": 600, "exact:124133:minute": 90}
    assert told == {
        "exact:124132:minute": None,
        **{bucket: clock.at + timedelta(seconds=after) for bucket, after in seconds.items()},
    }

"""What is rejected: true figures, on both databases, from one index, however many deliveries there are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from include.records import Decision, StreamKey
from tests.include.ledger.conftest import source_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.ledger import Ledger
    from tests.include.ledger.conftest import Clock

Make = Any
STREAM = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
OTHER = StreamKey("dag_b", 9, "Accounts")
DAY = 86_400
FIRST = datetime(2026, 3, 1, tzinfo=UTC).date()


def decide(ledger: Ledger, *decisions: Decision, stream: StreamKey = STREAM) -> None:
    ledger.deliveries.decide(stream, "application", 1001, 4242, decisions, "run", fingerprint="m1")


def refused(number: int, code: str = "exact.Email.missing", field: str = "Email") -> Decision:
    return Decision(source_id(number), 1, "rejected", code, field)


def test_grouped_by_reason_field_and_lane(ledger: Ledger, ready: Make, clock: Clock) -> None:
    skipped = Decision(source_id(9), 1, "skipped_by_rule", "rule.Created.not_new", "Created")
    decide(ledger, refused(1), refused(2, "exact.Email.missing", "contact.Email"), ready(3), skipped)
    clock.advance(DAY)
    decide(ledger, refused(4), stream=STREAM.history())
    decide(ledger, refused(5), refused(6), refused(7, "exact.MainContact.missing", "MainContact"), stream=OTHER)
    found = ledger.rejections.groups()
    assert [(one.reason_code, one.field, one.lane, one.dag_id, one.division, one.count) for one in found] == [
        ("exact.Email.missing", "Email", "dag_b", "dag_b", 9, 2),
        ("exact.Email.missing", "Email", STREAM.dag_id, STREAM.dag_id, 124132, 1),
        ("exact.Email.missing", "Email", f"{STREAM.dag_id}/history", STREAM.dag_id, 124132, 1),
        ("exact.Email.missing", "contact.Email", STREAM.dag_id, STREAM.dag_id, 124132, 1),
        ("exact.MainContact.missing", "MainContact", "dag_b", "dag_b", 9, 1),
    ]
    assert [one.newest for one in found] == [
        *(clock.at, clock.at - timedelta(days=1), clock.at, clock.at - timedelta(days=1), clock.at)
    ]
    examples = ledger.rejections.examples(one.example for one in found)
    assert [examples[one.example] for one in found] == [source_id(number) for number in (6, 1, 4, 2, 7)]


def test_what_is_sent_or_decided_otherwise_is_rejected_no_more(ledger: Ledger, ready: Make) -> None:
    decide(ledger, refused(1), refused(2))
    decide(ledger, ready(1, version=2))
    assert [one.count for one in ledger.rejections.groups()] == [1]


def test_by_day_from_midnight_to_midnight(ledger: Ledger, clock: Clock) -> None:
    for number, at in enumerate(("02-28T23:59:59", "03-01T00:00:00", "03-01T23:59:59", "03-02T00:00:00")):
        clock.at = datetime.fromisoformat(f"2026-{at}").replace(tzinfo=UTC)
        decide(ledger, refused(number))
    decide(ledger, refused(9, "exact.Email.malformed"))
    groups = ledger.rejections.groups()
    assert [one.reason_code for one in groups] == ["exact.Email.malformed", "exact.Email.missing"]
    assert ledger.rejections.by_day(groups, FIRST, 3) == [[0, 1, 0], [2, 1, 0]]
    assert ledger.rejections.by_day(groups[1:], FIRST - timedelta(days=1), 2) == [[1, 2]]
    assert ledger.rejections.by_day([], FIRST, 3) == []


def test_no_question_walks_through_the_deliveries(
    sqlite_ledger: Ledger, plans: Callable[..., dict[str, list[str]]]
) -> None:
    """The index holds what is rejected, and all that is asked of it."""
    decide(sqlite_ledger, refused(1))

    def ask() -> None:
        groups = sqlite_ledger.rejections.groups()
        sqlite_ledger.rejections.by_day(groups, FIRST, 14)
        sqlite_ledger.rejections.examples([groups[0].example])

    found = [line for plan in plans(ask).values() for line in plan if "ledger_deliveries" in line]
    of_group = "reason_code=? AND field=? AND dag_id=? AND division=? AND entity=? AND destination=?"
    of_group += " AND updated_at>? AND updated_at<?"
    assert found == [
        "SCAN ledger_deliveries USING COVERING INDEX ix_ledger_deliveries_refused",
        f"SEARCH ledger_deliveries USING COVERING INDEX ix_ledger_deliveries_refused ({of_group})",
        "SEARCH ledger_deliveries USING INTEGER PRIMARY KEY (rowid=?)",
    ]


def test_what_one_run_rejected_comes_from_its_own_log(ledger: Ledger, ready: Make) -> None:
    decide(ledger, refused(1), refused(2), refused(3, "exact.Email.malformed"), ready(4))
    ledger.deliveries.decide(STREAM, "application", 1001, 4242, [refused(5)], "run2", fingerprint="m1")
    found = [("exact.Email.missing", "Email", 2), ("exact.Email.malformed", "Email", 1)]
    assert ledger.rejections.of_run("run") == (found, True)
    assert ledger.rejections.of_run("run2") == ([("exact.Email.missing", "Email", 1)], True)
    assert ledger.rejections.of_run("none") == ([], True)
    assert ledger.rejections.of_run("run", most=1) == ([("exact.Email.missing", "Email", 1)], False)

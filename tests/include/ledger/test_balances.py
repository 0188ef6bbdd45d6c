"""The counts of a reconciliation run on indexes: a ledger of a million records is counted, not read."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from include.ledger.balances import Target
from include.ledger.reading_ranges import Feed, Range

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.ledger import Ledger
    from include.records import StreamKey

TARGET = Target(124132, "Contacts", 4242, "application", 1001)


def fill(ledger: Ledger, stream: StreamKey, source: Callable[..., Any], ready: Callable[..., Any]) -> None:
    """Put in two lanes of records, decided and sent."""
    ledger.staging.stage(stream, "r1", [source(n) for n in range(4)], resume=None, page=1)
    ledger.staging.stage(stream.history(), "r2", [source(n) for n in range(2, 6)], resume=None, page=1)
    ledger.deliveries.decide(stream, "application", 1001, 4242, [ready(n) for n in range(5)], "r1", fingerprint="f")
    while claim := ledger.deliveries.claim(4242, "application", 1001, run_id="r1"):
        ledger.deliveries.settle(claim, "created")


def test_counts_each_record_once(
    ledger: Ledger, stream: StreamKey, source: Callable[..., Any], ready: Callable[..., Any], clock: Any
) -> None:
    fill(ledger, stream, source, ready)
    lanes = (stream.dag_id, stream.history().dag_id)
    assert ledger.balances.read(124132, "Contacts", lanes) == 6
    assert ledger.balances.states(TARGET) == {"created": 5}
    missing = ledger.balances.without_delivery(TARGET, lanes, clock() + timedelta(hours=1))
    assert {name: count for name, count in missing.items() if count} == {"not_asked_for": 1}
    assert ledger.balances.unread(TARGET, lanes[:1], 10)[0] == 1
    assert ledger.balances.removed(10) == (0, [])


def test_no_question_walks_through_what_is_sealed(  # noqa: PLR0917 - fixtures
    sqlite_ledger: Ledger,
    stream: StreamKey,
    source: Callable[..., Any],
    ready: Callable[..., Any],
    plans: Callable[..., dict[str, list[str]]],
    clock: Any,
) -> None:
    """Each step names an index; a table without one would be opened row by row, with all that is sealed in it."""
    fill(sqlite_ledger, stream, source, ready)
    lanes, later = (stream.dag_id, stream.history().dag_id), clock() + timedelta(hours=1)
    balances, remote, ranges = sqlite_ledger.balances, sqlite_ledger.remote, sqlite_ledger.ranges
    feed = Feed(stream.dag_id, 124132, "Contacts")

    def ask() -> None:
        balances.owned()
        balances.lanes()
        balances.states(TARGET)
        balances.read(124132, "Contacts", lanes)
        balances.without_delivery(TARGET, lanes, later)
        balances.unread(TARGET, lanes, 10)
        balances.removed(10)
        remote.of_page(4242, "application", ["1"], ["m"])
        list(remote.confirmed(TARGET, lanes))
        ranges.count(feed, Range(None, later))
        ranges.middle(feed, Range(None, later))

    steps = [step for told in plans(ask).values() for step in told]
    opened = [step for step in steps if step.startswith("SCAN ledger_") and "COVERING INDEX" not in step]
    assert opened == []
    assert any("SEARCH" in step for step in steps)

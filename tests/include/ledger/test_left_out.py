"""How many records a run passes over: sent for another position, or forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from include.records import StreamKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.ledger import Ledger
    from tests.include.ledger.conftest import Clock

Make = Any
STREAM = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
DAY = 86_400


def decide(ledger: Ledger, job: int, *decisions: Any) -> None:
    ledger.deliveries.decide(STREAM, "application", job, 4242, decisions, "run", fingerprint="m1")


def elsewhere(ledger: Ledger, job: int, company: int = 4242) -> int:
    return ledger.deliveries.sent_elsewhere(STREAM, "application", job, company, fingerprint="m1")


def forgotten(ledger: Ledger, job: int = 1001) -> int:
    return ledger.deliveries.forgotten(STREAM, "application", job, 4242, fingerprint="m1")


def test_only_what_was_sent_for_another_position_counts(
    ledger: Ledger, source: Make, ready: Make, rejected: Make
) -> None:
    """Created or in doubt: yes. Ready, rejected, undecided, of another company, or decided here: no."""
    ledger.staging.stage(STREAM, "run", [source(n) for n in range(1, 7)], resume=None, page=1)
    decide(ledger, 1001, ready(1), ready(2), ready(3))
    for state in ("created", "in_doubt"):
        claim = ledger.deliveries.claim(4242, "application", 1001, run_id="run")
        assert claim is not None
        ledger.deliveries.settle(claim, state)
    decide(ledger, 1001, rejected(4))
    ledger.deliveries.decide(STREAM, "employee", None, 4242, [ready(5)], "run")
    assert elsewhere(ledger, 1002) == 2
    assert elsewhere(ledger, 1002, company=1) == 0
    assert elsewhere(ledger, 1001) == 0
    left = [row.source_id for chunk in ledger.staging.undecided(STREAM, "application", 1002) for row in chunk]
    assert len(left) == 6 - elsewhere(ledger, 1002)
    decide(ledger, 1002, rejected(1))
    assert elsewhere(ledger, 1002) == 1


def test_forgotten_rows_are_counted_until_they_are_read_again(
    ledger: Ledger, source: Make, rejected: Make, clock: Clock
) -> None:
    """Only where a decision is wanted: a rejection that stands needs no row."""
    ledger.staging.stage(STREAM, "run", [source(1), source(2)], resume=None, page=1)
    decide(ledger, 1001, rejected(1), rejected(2))
    clock.advance(200 * DAY)
    assert ledger.retention.purge(clock.at)["staged"] == 2
    assert forgotten(ledger) == 0
    ledger.deliveries.replay(STREAM, "application", 1001, run_id="by-hand", source_ids=[source(1).source_id])
    assert forgotten(ledger) == 1
    ledger.staging.stage(STREAM, "again", [source(1), source(2)], resume=None, page=1)
    assert forgotten(ledger) == 0
    rows = [row for chunk in ledger.staging.undecided(STREAM, "application", 1001, fingerprint="m1") for row in chunk]
    assert [row.row for row in rows] == [source(1).row]


def test_counts_run_on_indexes(
    sqlite_ledger: Ledger, plans: Callable[..., dict[str, list[str]]], source: Make, ready: Make
) -> None:
    """With one position in use a look at the index is all it costs; sealed rows are opened by their id alone."""
    ledger = sqlite_ledger
    ledger.staging.stage(STREAM, "run", [source(1)], resume=None, page=1)
    decide(ledger, 1001, ready(1))
    claim = ledger.deliveries.claim(4242, "application", 1001, run_id="run")
    assert claim is not None
    ledger.deliveries.settle(claim, "created")
    looked = plans(lambda: elsewhere(ledger, 1001))
    assert len(looked) == 2
    assert all(
        "COVERING INDEX ix_ledger_deliveries_outbox" in line and ("job<?" in line or "job>?" in line)
        for lines in looked.values()
        for line in lines
    ), looked
    for work in (lambda: elsewhere(ledger, 1002), lambda: forgotten(ledger)):
        plan = [line for statement, lines in plans(work).items() if "count(" in statement for line in lines]
        assert any("COVERING INDEX ix_ledger_staged_stored" in line for line in plan), plan
        assert any("COVERING INDEX ix_ledger_deliveries_source" in line for line in plan), plan
        others = [line for line in plan if "ledger_staged" in line and "COVERING" not in line]
        assert all("INTEGER PRIMARY KEY" in line for line in others), plan

"""One record's copies in the ledger, found by index however much is there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import event

from include.records import SourceRow, StreamKey

if TYPE_CHECKING:
    from include.ledger import Ledger
    from tests.include.ledger.conftest import Clock

LIVE = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
OTHER = StreamKey("exact_contacts_to_personio_employees", 124133, "Contacts")
CREATED = datetime(2026, 3, 1, tzinfo=UTC)


def stage(ledger: Ledger, stream: StreamKey, source_id: str, version: int, **row: Any) -> None:
    ledger.staging.stage(stream, "r1", [SourceRow(source_id, version, CREATED, row)], resume=None, page=1)


def test_copies_are_those_of_this_record_the_newest_first(ledger: Ledger) -> None:
    stage(ledger, LIVE, "a", 5, City="Delft")
    stage(ledger, LIVE.history(), "a", 7, City="Leiden")
    stage(ledger, OTHER, "a", 6, City="Breda")
    stage(ledger, LIVE, "b", 9, City="Gouda")
    found = ledger.source_rows.of("a", "Contacts")
    assert [(copy.dag_id, copy.division, copy.row_version, copy.row) for copy in found] == [
        (LIVE.history().dag_id, 124132, 7, {"City": "Leiden"}),
        (OTHER.dag_id, 124133, 6, {"City": "Breda"}),
        (LIVE.dag_id, 124132, 5, {"City": "Delft"}),
    ]
    assert [copy.division for copy in ledger.source_rows.of("a", "Contacts", 124133)] == [124133]
    assert ledger.source_rows.of("a", "Accounts") == []
    assert "Leiden" not in repr(found)


def test_newest_is_of_these_dags_in_either_lane(ledger: Ledger, clock: Clock) -> None:
    assert ledger.source_rows.newest([LIVE.dag_id], "Contacts") is None
    stage(ledger, LIVE, "a", 5)
    clock.advance(1)
    stage(ledger, LIVE.history(), "b", 6)
    clock.advance(1)
    stage(ledger, OTHER, "c", 7)
    assert ledger.source_rows.newest([LIVE.dag_id], "Contacts") == "b"
    assert ledger.source_rows.newest([LIVE.dag_id, OTHER.dag_id], "Contacts") == "c"
    assert ledger.source_rows.newest([LIVE.dag_id], "Accounts") is None


def test_nothing_is_searched_row_by_row(ledger: Ledger) -> None:
    """Asked of the database itself; PostgreSQL scans small tables whatever their indexes are."""
    stage(ledger, LIVE, "a", 5)
    if not ledger._database.is_sqlite:
        return
    asked: list[tuple[str, Any]] = []
    event.listen(
        ledger._database.engine,
        "before_cursor_execute",
        lambda _c, _cursor, statement, values, *_: asked.append((statement, values)),
    )
    ledger.source_rows.newest([LIVE.dag_id], "Contacts")
    ledger.source_rows.of("a", "Contacts")
    queries = [(statement, values) for statement, values in asked if statement.startswith("SELECT")]
    assert len(queries) <= 8
    with ledger._database.read() as connection:
        for statement, values in queries:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
            assert not [row for row in plan if "SCAN" in str(row)], plan

"""What a page costs, and what is stored of its rows."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, select, text

from include.ledger.staged_rows import contents_of, whole
from include.ledger.tables import staged

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.ledger import Ledger
    from include.records import SourceRow, StreamKey

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
TIMES = [
    *(None, FIRST, FIRST + timedelta(microseconds=403_000), datetime(1899, 12, 31, 23, 59, 59, 1, tzinfo=UTC)),
    datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2))),
]


NAMES = st.sampled_from(["ID", "A", "z", "Timestamp"])


@given(st.dictionaries(NAMES, st.none() | st.integers() | st.text() | st.floats()))
def test_the_whole_row_is_made_of_its_content(row: dict[str, Any]) -> None:
    """The row comes back as it was; its content is the same whatever its row version."""
    content = contents_of([row])[0]
    assert sorted(map(repr, json.loads(whole(row, content)).items())) == sorted(map(repr, row.items()))
    assert contents_of([{**row, "Timestamp": "7"}]) == contents_of(
        [{k: v for k, v in row.items() if k != "Timestamp"}]
    )


def test_a_page_costs_as_many_statements_as_a_row(
    ledger: Ledger, stream: StreamKey, source: Callable[..., SourceRow]
) -> None:
    """New, read again and changed alike."""
    statements: list[str] = []

    def remember(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(ledger._database.engine, "before_cursor_execute", remember)
    counts = []
    for size, version in ((1, 1), (1000, 2), (1000, 2), (1000, 3)):
        statements.clear()
        rows = [source(number, version, f"v{version}") for number in range(size)]
        ledger.staging.stage(stream, "r1", rows, resume="more", page=1)
        counts.append(len([one for one in statements if not one.startswith("BEGIN")]))
    assert max(counts) <= 7
    assert counts[1] == counts[3] <= counts[0]


@pytest.mark.parametrize("created", TIMES, ids=str)
def test_times_are_stored_as_the_column_has_them(
    ledger: Ledger, stream: StreamKey, source: Callable[..., SourceRow], created: datetime | None
) -> None:
    """A time that was written otherwise would be on the wrong side of a window's border."""
    row = dataclasses.replace(source(1), created=created)
    ledger.staging.stage(stream, "r1", [row], resume=None, page=1)
    columns = text("SELECT created, staged_at FROM ledger_staged")
    with ledger._database.write() as connection:
        by_driver = connection.execute(columns).one()
        assert connection.execute(select(staged.c.created)).scalar_one() == created
        assert connection.execute(select(staged.c.staged_at)).scalar_one() == ledger._database.now()
        connection.execute(staged.update().values(created=created, staged_at=ledger._database.now()))
        assert connection.execute(columns).one() == by_driver


def test_a_naive_time_is_refused(ledger: Ledger, stream: StreamKey, source: Callable[..., SourceRow]) -> None:
    row = dataclasses.replace(source(1), created=datetime(2026, 1, 1))  # noqa: DTZ001 - what is refused
    with pytest.raises(TypeError, match="aware"):
        ledger.staging.stage(stream, "r1", [row], resume=None, page=1)


def test_an_id_is_looked_up_by_the_index(
    sqlite_ledger: Ledger, stream: StreamKey, source: Callable[..., SourceRow], plans: Any
) -> None:
    """A thousand ids are searched one by one, never the table from end to end."""
    rows = [source(number) for number in range(50)]
    sqlite_ledger.staging.stage(stream, "r1", rows, resume="more", page=1)
    told = plans(lambda: sqlite_ledger.staging.stage(stream, "r1", rows, resume="more", page=2))
    found = [plan for statement, plan in told.items() if "json_each" in statement]
    assert found
    assert all(any("source_id=?" in step for step in plan) for plan in found)

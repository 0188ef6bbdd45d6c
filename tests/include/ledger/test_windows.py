"""A window comes back as it was pinned, with its terms and what was counted for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from include.ledger.tables import windows
from include.records import RecordFilter, StreamKey, Window

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.ledger import Ledger
    from include.records import SourceRow

STREAM = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
FROM = datetime(2025, 10, 25, 22, tzinfo=UTC)
TO = datetime(2025, 10, 26, 1, 30, tzinfo=UTC)
FULL = Window(
    mode="backfill",
    after=7,
    created_from=FROM,
    created_to=TO,
    advances=False,
    reading="pages",
    where=RecordFilter(("C", "P"), ("NL",), only_main_contacts=True, account_role="customer", modified_from=FROM),
    max_records=3,
    preview=True,
)


@pytest.mark.parametrize(
    "window",
    [
        pytest.param(Window("live", 1), id="live"),
        pytest.param(FULL, id="everything"),
        pytest.param(Window("window", 1, None, TO, where=RecordFilter(modified_to=TO)), id="open start"),
        pytest.param(Window("replay", 0, advances=False, reading="nothing"), id="replay"),
        pytest.param(Window("live", 9, max_records=1, advances=False), id="canary"),
    ],
)
def test_a_window_comes_back_as_it_was_pinned(ledger: Ledger, window: Window) -> None:
    """The first writer wins, and every later reader gets the same."""
    assert ledger.windows.pin(STREAM, "r", window) == window
    assert ledger.windows.pin(STREAM, "r", Window("live", 99)) == window
    assert ledger.windows.get(STREAM, "r") == window
    assert ledger.windows.get(STREAM.history(), "r") is None


def test_a_window_pinned_anew_replaces_the_old_one(ledger: Ledger, source: Callable[..., SourceRow]) -> None:
    """What was read and counted for the old one counts no more; other runs are left alone."""
    for run in ("r", "s"):
        ledger.windows.pin(STREAM, run, Window("live", 1))
        ledger.windows.note(STREAM, run, total=5)
        ledger.staging.stage(STREAM, run, [source(1)], resume=None, page=1)
    assert ledger.windows.pin(STREAM, "r", FULL, anew=True) == FULL
    assert ledger.windows.get(STREAM, "r") == FULL
    assert (ledger.windows.counted(STREAM, "r"), ledger.windows.counted(STREAM, "s")) == ({}, {"total": 5})
    assert ledger.staging.resume_point(STREAM, "r") is None
    assert ledger.staging.resume_point(STREAM, "s") is not None
    assert ledger.windows.pin(STREAM, "new", FULL, anew=True) == FULL


def test_what_was_counted_adds_up_and_leaves_the_window_alone(ledger: Ledger) -> None:
    ledger.windows.pin(STREAM, "r", FULL)
    assert ledger.windows.counted(STREAM, "r") == {}
    ledger.windows.note(STREAM, "r", records=120, why="2 calls instead of 40")
    ledger.windows.note(STREAM, "r", records=121, calls=2)
    assert ledger.windows.counted(STREAM, "r") == {"records": 121, "why": "2 calls instead of 40", "calls": 2}
    assert ledger.windows.get(STREAM, "r") == FULL
    ledger.windows.note(STREAM, "never pinned", records=1)
    assert ledger.windows.counted(STREAM, "never pinned") == {}
    assert ledger.windows.get(STREAM, "never pinned") is None


def test_a_window_of_an_older_version_has_no_terms(ledger: Ledger) -> None:
    """It was pinned before there were any: a plain reading of the feed."""
    ledger.windows.pin(STREAM, "r", Window("live", 7, FROM))
    with ledger._database.write() as connection:
        connection.execute(windows.update().values(terms=None))
    assert ledger.windows.get(STREAM, "r") == Window("live", 7, FROM)
    ledger.windows.note(STREAM, "r", records=1)
    assert ledger.windows.counted(STREAM, "r") == {"records": 1}


def test_a_place_keeps_the_columns_it_was_read_with(ledger: Ledger) -> None:
    """Also when it is moved on or back without naming them."""
    lane = STREAM.history()
    marks = ledger.watermarks
    marks.advance(lane, expected=None, to=5, run_id="r1", created_from=None, columns="ID Email")
    marks.advance(lane, expected=5, to=6, run_id="r2", created_from=None)
    assert getattr(marks.get(lane), "columns", None) == "ID Email"
    marks.rewind(lane, 1, "r3")
    assert getattr(marks.get(lane), "columns", None) == "ID Email"
    marks.advance(lane, expected=1, to=9, run_id="r4", created_from=None, columns="ID")
    assert getattr(marks.get(lane), "columns", None) == "ID"
    assert marks.get(STREAM) is None

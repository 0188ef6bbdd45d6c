from __future__ import annotations

import dataclasses
import tracemalloc
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from include.ledger import StageResult
from include.records import Decision, SourceRow, StreamKey

if TYPE_CHECKING:
    from include.ledger import Ledger

Make = Any
STREAM = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")


def undecided(ledger: Ledger, **options: Any) -> list[int]:
    chunks = ledger.staging.undecided(STREAM, "application", 1001, **options)
    return [int(row.source_id[-12:]) for chunk in chunks for row in chunk]


def decide(ledger: Ledger, *decisions: Decision, fingerprint: str = "m1") -> None:
    ledger.deliveries.decide(STREAM, "application", 1001, 4242, decisions, "run", fingerprint=fingerprint)


def test_newest_row_version_wins_within_and_across_pages_and_runs(ledger: Ledger, source: Make) -> None:
    """An older version never replaces a newer one, wherever it comes from."""
    page = [source(1, 5, "new"), source(1, 3, "old"), source(2, 4)]
    assert ledger.staging.stage(STREAM, "a", page, resume="p2", page=1) == StageResult(3, 2, 0, 1)
    assert ledger.staging.stage(STREAM, "a", [source(1, 4, "old")], resume=None, page=2) == StageResult(1, 0, 0, 1)
    assert ledger.staging.stage(STREAM, "b", [source(2, 9, "newer")], resume=None, page=1) == StageResult(1, 0, 1, 0)
    rows = [row for chunk in ledger.staging.undecided(STREAM, "application", 1001) for row in chunk]
    assert [(row.row_version, row.row["FirstName"]) for row in rows] == [(5, "new"), (9, "newer")]
    assert rows[0].created == datetime(2026, 1, 1, 0, 1, tzinfo=UTC)


def test_the_resume_point_moves_with_its_page(ledger: Ledger, source: Make) -> None:
    """Page and resume point are one transaction; highest and totals go over all pages of the run."""
    assert ledger.staging.resume_point(STREAM, "a") is None
    assert ledger.staging.highest_seen(STREAM, "a") is None
    ledger.staging.stage(STREAM, "a", [source(1, 7)], resume="https://example.com/next", page=1)
    point = ledger.staging.resume_point(STREAM, "a")
    assert point is not None
    assert (point.next, point.page, point.done) == ("https://example.com/next", 1, False)
    ledger.staging.stage(STREAM, "a", [source(2, 6)], resume=None, page=2)
    point = ledger.staging.resume_point(STREAM, "a")
    assert point is not None
    assert (point.page, point.done) == (2, True)
    assert ledger.staging.highest_seen(STREAM, "a") == 7
    assert ledger.staging.totals(STREAM, "a") == StageResult(2, 2, 0, 0)
    assert ledger.staging.totals(STREAM, "other") == StageResult()


@pytest.mark.parametrize(("pages", "highest"), [([5, None, 3], 5), ([None, 3, 7], 7), ([None, None, None], None)])
def test_a_page_without_rows_changes_no_highest_version(
    ledger: Ledger, source: Make, pages: list[int | None], highest: int | None
) -> None:
    """And the pages of a run that begins at its first one again are added to those it has read."""
    for attempt in (1, 2):
        for number, version in enumerate(pages, 1):
            rows = [] if version is None else [source(number, version)]
            ledger.staging.stage(STREAM, "a", rows, resume="more", page=number)
        assert ledger.staging.highest_seen(STREAM, "a") == highest
        assert ledger.staging.totals(STREAM, "a").read == attempt * sum(one is not None for one in pages)


def test_of_a_record_that_comes_again_on_a_page_the_newest_is_kept(ledger: Ledger, source: Make) -> None:
    """Of equal versions the last: nothing tells them apart but where they stand."""
    rows = [source(1, 3, "old"), source(1, 3, "kept"), source(1, 2, "older"), source(2)]
    assert ledger.staging.stage(STREAM, "a", rows, resume=None, page=1) == StageResult(4, 2, 0, 2)
    (chunk,) = ledger.staging.undecided(STREAM, "application", 1)
    assert {row.row["FirstName"] for row in chunk} == {"kept", "Ada"}


def test_an_empty_last_page_ends_the_extract(ledger: Ledger) -> None:
    """A run that reads nothing is done all the same."""
    assert ledger.staging.stage(STREAM, "a", [], resume=None, page=1) == StageResult()
    point = ledger.staging.resume_point(STREAM, "a")
    assert point is not None
    assert point.done


def test_the_same_version_with_other_columns_is_stored(ledger: Ledger, source: Make) -> None:
    """A mapping that selects another column re-reads rows at the version they had."""
    ledger.staging.stage(STREAM, "a", [source(1, 5)], resume=None, page=1)
    wider = SourceRow(source(1).source_id, 5, None, {**source(1).row, "Email": "ada@example.org"})
    assert ledger.staging.stage(STREAM, "b", [wider], resume=None, page=1).changed == 1


def columns(ledger: Ledger, stream: StreamKey) -> dict[str, Any]:
    """Return the only row of a lane."""
    [chunk] = ledger.staging.undecided(stream, "application", 1001)
    [row] = chunk
    return row.row


@pytest.mark.parametrize("versioned", [True, False])
def test_a_lane_of_history_loses_no_column(ledger: Ledger, source: Make, versioned: bool) -> None:
    """Whoever reads on from its place gets a row as it was read before, by whichever mapping and way."""
    lane = STREAM.history()
    row = source(1, 5)
    state = {**row.row, "Modified": "/Date(1767225600000)/"}
    wide, narrow = {**state, "Email": "ada@example.org"}, {**state, "Phone": "1"}
    ledger.staging.stage(lane, "a", [dataclasses.replace(row, row=wide)], resume=None, page=1)
    read = [dataclasses.replace(row, row=narrow)]
    assert ledger.staging.stage(lane, "b", read, resume=None, page=1, versioned=versioned).changed == 1
    assert columns(ledger, lane) == {**wide, **narrow}
    assert ledger.staging.stage(lane, "c", read, resume=None, page=1, versioned=versioned).unchanged == 1
    assert columns(ledger, lane) == {**wide, **narrow}


def test_a_newer_version_and_a_live_lane_keep_nothing_of_the_old_row(ledger: Ledger, source: Make) -> None:
    """What a newer state says of a column that was not read, nobody knows; a live lane has its mapping's columns."""
    for stream, version in ((STREAM.history(), 6), (STREAM, 5)):
        old, new = source(1, 5), source(1, version)
        wide = dataclasses.replace(old, row={**old.row, "Email": "ada@example.org"})
        ledger.staging.stage(stream, "a", [wide], resume=None, page=1)
        ledger.staging.stage(stream, "b", [new], resume=None, page=1)
        assert columns(ledger, stream) == new.row


def test_undecided_rows_come_once_while_the_caller_decides(ledger: Ledger, source: Make, ready: Make) -> None:
    """Keyset paging: deciding a chunk does not shift the next one."""
    ledger.staging.stage(STREAM, "a", [source(n) for n in range(1, 8)], resume=None, page=1)
    seen: list[str] = []
    for chunk in ledger.staging.undecided(STREAM, "application", 1001, chunk=3):
        assert len(chunk) <= 3
        seen += [row.source_id for row in chunk]
        decide(ledger, *(ready(int(row.source_id[-12:])) for row in chunk))
    assert len(seen) == len(set(seen)) == 7
    assert undecided(ledger) == []
    ledger.staging.stage(STREAM, "b", [source(3, 2)], resume=None, page=1)
    assert undecided(ledger) == [3]


def test_another_mapping_brings_back_what_waits_and_nothing_else(
    ledger: Ledger, source: Make, ready: Make, rejected: Make
) -> None:
    """Rejected and skipped rows come again under another fingerprint; created and ready ones never."""
    ledger.staging.stage(STREAM, "a", [source(n) for n in range(1, 5)], resume=None, page=1)
    skipped = Decision(source(3).source_id, 1, "skipped_by_rule", "rule.Created.not_new")
    decide(ledger, ready(1), rejected(2), skipped, ready(4))
    claim = ledger.deliveries.claim(4242, "application", 1001, run_id="run")
    assert claim is not None
    ledger.deliveries.settle(claim, "created")
    assert undecided(ledger, fingerprint="m1") == []
    assert undecided(ledger, fingerprint="m2") == [2, 3]
    decide(ledger, rejected(2), skipped, fingerprint="m2")
    assert undecided(ledger, fingerprint="m2") == []


def test_replayed_rows_come_again(ledger: Ledger, source: Make, rejected: Make) -> None:
    """Somebody replays: the same version under the same mapping is decided anew, and the story says so."""
    ledger.staging.stage(STREAM, "a", [source(1), source(2)], resume=None, page=1)
    decide(ledger, rejected(1), rejected(2))
    ids = [source(2).source_id]
    assert ledger.deliveries.replay(STREAM, "application", 1001, run_id="cli", source_ids=ids) == 1
    assert undecided(ledger, fingerprint="m1") == [2]
    assert ledger.deliveries.history(ids[0])[-1].kind == "replayed"


def test_the_window_and_the_company_narrow(ledger: Ledger, source: Make, ready: Make) -> None:
    """Half-open on Created, where a window is meant; a decision for one company does not stand for another."""
    ledger.staging.stage(STREAM, "a", [source(n) for n in range(1, 5)], resume=None, page=1)
    start = datetime(2026, 1, 1, 0, 2, tzinfo=UTC)
    end = start + timedelta(minutes=2)
    assert undecided(ledger, created_from=start, created_to=end, which="history") == [2, 3]
    assert undecided(ledger, created_from=start, created_to=end) == [1, 2, 3, 4]
    decide(ledger, ready(1))
    assert undecided(ledger, company=4242) == [2, 3, 4]
    assert undecided(ledger, company=4243) == [1, 2, 3, 4]
    other = StreamKey("another_dag", 124132, "Contacts")
    assert list(ledger.staging.undecided(other, "application", 1001)) == []


def test_undecided_runs_on_indexes_alone(sqlite_ledger: Ledger, plans: Make, source: Make) -> None:
    """The search for undecided rows must not walk through the sealed rows."""
    staging = sqlite_ledger.staging
    staging.stage(STREAM, "a", [source(1)], resume=None, page=1)
    explained = plans(
        lambda: list(staging.undecided(STREAM, "application", 1001, fingerprint="m1", company=4242)),
    )
    plan = next(lines for statement, lines in explained.items() if "EXISTS" in statement)
    assert any("COVERING INDEX ix_ledger_staged_stored" in line for line in plan), plan
    assert any("COVERING INDEX ix_ledger_deliveries_source" in line for line in plan), plan
    assert not any("TEMP B-TREE" in line for line in plan), plan


def test_memory_does_not_grow_with_the_rows(ledger: Ledger) -> None:
    """Peak memory of reading chunks is the same for twice as many rows."""
    peaks = []
    for half in (0, 1):
        for page in range(3):
            first = (half * 3 + page) * 1000
            rows = [SourceRow(f"id-{n}", n + 1, None, {"FirstName": "x" * 500}) for n in range(first, first + 1000)]
            ledger.staging.stage(STREAM, "a", rows, resume="n", page=page)
        tracemalloc.start()
        total = sum(len(chunk) for chunk in ledger.staging.undecided(STREAM, "application", 1001))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert total == (half + 1) * 3000
    assert peaks[1] < peaks[0] * 1.2

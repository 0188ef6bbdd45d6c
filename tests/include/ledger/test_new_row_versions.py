"""Exact made all row versions anew: the ledger forgets them for one stream, at once, and keeps everything else."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from include.ledger.staging import StageResult
from include.ledger.states import NOT_NEW
from include.records import Decision, StreamKey, Window

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.ledger import Ledger

    Make = Callable[..., Any]

STREAM = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
OTHER = dataclasses.replace(STREAM, division=999)
ANOTHER = dataclasses.replace(STREAM, dag_id="exact_contacts_to_personio_employees")
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


def undecided(ledger: Ledger, stream: StreamKey) -> list[tuple[str, int]]:
    chunks = ledger.staging.undecided(stream, "application", 1001, fingerprint="f")
    return [(row.source_id, row.row_version) for chunk in chunks for row in chunk]


@pytest.fixture
def moved(ledger: Ledger, source: Make, ready: Make) -> Ledger:
    """Make two streams that were read up to 500, and begin the first one anew."""
    for stream in (STREAM, OTHER):
        ledger.watermarks.advance(stream, expected=None, to=500, run_id="r1", created_from=BEGUN, witness="w")
        ledger.windows.pin(stream, "r1", Window("live", 400, BEGUN))
        ledger.staging.stage(stream, "r1", [source(1, 450), source(2, 500)], resume=None, page=1)
        decisions = [ready(1, 450), ready(2, 500)]
        ledger.deliveries.decide(stream, "application", 1001, 4242, decisions, "r1", fingerprint="f")
    claim = ledger.deliveries.claim(4242, "application", 1001, run_id="r1", stream=STREAM)
    assert claim is not None
    assert ledger.deliveries.settle(claim, "created", remote_id="11")
    ledger.watermarks.restart(STREAM, 1, "r2", moved="/Date(1)/|")
    return ledger


def test_the_watermark_begins_anew_and_keeps_its_start(moved: Ledger) -> None:
    mark = moved.watermarks.get(STREAM)
    assert mark is not None
    assert (mark.value, mark.run_id, mark.created_from) == (1, "r2", BEGUN)
    assert (mark.witness, mark.moved) == (None, "/Date(1)/|")
    assert moved.windows.get(STREAM, "r1") == Window("live", 1, BEGUN)
    assert moved.staging.resume_point(STREAM, "r1") is None


def test_lower_row_versions_count_and_who_was_sent_stays_sent(moved: Ledger, source: Make, ready: Make) -> None:
    again = moved.staging.stage(STREAM, "r2", [source(1, 20), source(2, 30), source(3, 40)], resume=None, page=1)
    assert again == StageResult(read=3, new=1, changed=2, unchanged=0)
    assert [version for _, version in undecided(moved, STREAM)] == [20, 30, 40]
    decisions = [ready(1, 20), ready(2, 30, "Grace"), ready(3, 40)]
    counts = moved.deliveries.decide(STREAM, "application", 1001, 4242, decisions, "r2", fingerprint="f")
    assert {name: count for name, count in counts.items() if count} == {"unchanged": 1, "ready": 2}
    assert moved.deliveries.counts(STREAM, "application", 1001) == {"created": 1, "ready": 2}
    assert undecided(moved, STREAM) == []


def test_other_streams_are_left_alone(moved: Ledger, source: Make) -> None:
    mark = moved.watermarks.get(OTHER)
    assert mark is not None
    assert (mark.value, mark.run_id, mark.witness, mark.moved) == (500, "r1", "w", None)
    assert moved.windows.get(OTHER, "r1") == Window("live", 400, BEGUN)
    assert undecided(moved, OTHER) == []
    assert moved.staging.stage(OTHER, "r2", [source(1, 20)], resume=None, page=1).unchanged == 1


def test_beginning_anew_twice_is_the_same(moved: Ledger) -> None:
    before = undecided(moved, STREAM)
    moved.watermarks.restart(STREAM, 1, "r3", moved=None)
    assert undecided(moved, STREAM) == before
    mark = moved.watermarks.get(STREAM)
    assert mark is not None
    assert mark.moved == "/Date(1)/|"


def test_it_is_one_transaction(moved: Ledger, source: Make) -> None:
    """Dying at its last statement leaves everything as it was."""
    moved.staging.stage(STREAM, "r2", [source(1, 20)], resume=None, page=1)
    moved.watermarks.advance(STREAM, expected=1, to=20, run_id="r2", created_from=BEGUN, witness="w2")

    def dies(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("DELETE FROM ledger_extracts"):
            raise OSError("power cut")

    event.listen(moved._database.engine, "before_cursor_execute", dies)
    with pytest.raises(OSError, match="power cut"):
        moved.watermarks.restart(STREAM, 1, "r3", moved="/Date(2)/|")
    event.remove(moved._database.engine, "before_cursor_execute", dies)
    mark = moved.watermarks.get(STREAM)
    assert mark is not None
    assert (mark.value, mark.witness, mark.moved) == (20, "w2", "/Date(1)/|")
    assert moved.staging.source_at(STREAM, 20) is not None


def test_what_is_known_is_not_overwritten_by_what_is_learnt(moved: Ledger) -> None:
    moved.watermarks.note(OTHER, 499, moved="too late")
    moved.watermarks.note(OTHER, 500, witness="another", moved="")
    mark = moved.watermarks.get(OTHER)
    assert mark is not None
    assert (mark.witness, mark.moved) == ("w", "")


def test_the_witness_goes_with_the_row_version(moved: Ledger) -> None:
    moved.watermarks.advance(OTHER, expected=500, to=500, run_id="r2", created_from=BEGUN)
    assert getattr(moved.watermarks.get(OTHER), "witness", None) == "w"
    moved.watermarks.advance(OTHER, expected=500, to=600, run_id="r3", created_from=BEGUN)
    assert getattr(moved.watermarks.get(OTHER), "witness", "") is None


def test_what_was_decided_waits_until_it_is_read_again(moved: Ledger, source: Make) -> None:
    """Exact's deleted records are not decided once more; whatever the feed brings is."""
    assert undecided(moved, STREAM) == []
    moved.staging.stage(STREAM, "r2", [source(2, 2)], resume=None, page=1)
    assert [version for _, version in undecided(moved, STREAM)] == [2]


def test_what_waited_for_a_decision_still_does(moved: Ledger, source: Make) -> None:
    """A second DAG that notices the move later forgets nothing that the first has read and not decided on."""
    moved.staging.stage(STREAM, "r2", [source(2, 30), source(3, 40)], resume=None, page=1)
    moved.watermarks.restart(ANOTHER, 1, "r9", moved="/Date(1)/|")
    waiting = [row for chunk in moved.staging.undecided(STREAM, "application", 1001) for row in chunk]
    assert [(row.source_id, row.asked_for) for row in waiting] == [
        (source(2).source_id, True),
        (source(3).source_id, False),
    ]


def test_marks_for_replay_stay_and_no_others_are_made(moved: Ledger, source: Make, rejected: Make) -> None:
    """Who was marked is asked for; who was only forgotten is not."""
    aside = Decision(source(8).source_id, 9, "skipped_by_rule", NOT_NEW)
    moved.staging.stage(STREAM, "r2", [source(7, 9), source(8, 9), source(9, 9)], resume=None, page=1)
    decisions = [rejected(7, 9), aside, aside._replace(source_id=source(9).source_id)]
    moved.deliveries.decide(STREAM, "application", 1001, 4242, decisions, "r2", fingerprint="f")
    marked = [source(7).source_id, source(8).source_id]
    moved.deliveries.replay(STREAM, "application", 1001, run_id="cli", source_ids=marked)
    moved.watermarks.restart(STREAM, 1, "r3", moved=None)
    assert [source_id for source_id, _ in undecided(moved, STREAM)] == marked
    moved.staging.stage(STREAM, "r3", [source(9, 3)], resume=None, page=1)
    rows = [row for chunk in moved.staging.undecided(STREAM, "application", 1001, fingerprint="f") for row in chunk]
    assert {row.source_id: row.asked_for for row in rows} == {
        **dict.fromkeys(marked, True),
        source(9).source_id: False,
    }


def test_all_lanes_and_dags_of_the_division_forget(moved: Ledger, source: Make) -> None:
    """A history lane's place in the feed is gone, another DAG's live lane finds out by itself."""
    for stream in (STREAM.history(), ANOTHER, ANOTHER.history()):
        moved.watermarks.advance(stream, expected=None, to=700, run_id="r1", created_from=None, columns="ID Email")
        moved.windows.pin(stream, "r1", Window("live", 400))
        moved.staging.stage(stream, "r1", [source(4, 600)], resume="next", page=1)
    moved.watermarks.restart(STREAM, 1, "r3", moved="/Date(2)/|")
    kept = [moved.watermarks.get(stream) for stream in (STREAM.history(), ANOTHER, ANOTHER.history())]
    assert [mark and mark.value for mark in kept] == [None, 700, None]
    for stream, after in ((STREAM.history(), 1), (ANOTHER, 400), (ANOTHER.history(), 1)):
        assert getattr(moved.windows.get(stream, "r1"), "after", None) == after
        assert (moved.staging.resume_point(stream, "r1") is None) == stream.is_history
        assert moved.staging.stage(stream, "r4", [source(4, 20)], resume=None, page=1).changed == 1

"""How runs of the history lane are planned: which records, and that the live lane is not touched."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from line import Line
from moved import LONG_AGO, hire, mark_of, move
from planned import extracted, fill, plan, staged

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.sandbox.server import RunningSandbox

MARCH: dict[str, Any] = {"created_from": "2026-03-01", "created_to": "2026-04-01"}
IN_MARCH, IN_APRIL = datetime(2026, 3, 10, 12, tzinfo=UTC), datetime(2026, 4, 10, 12, tzinfo=UTC)
COUNT = "crm/Contacts/$count"


@pytest.fixture
def line(ledger: Ledger, sandbox: RunningSandbox) -> Line:
    made = Line(ledger, sandbox)
    made.log_in()
    return made


def test_the_plan_says_what_it_takes_and_why(line: Line, sandbox: RunningSandbox) -> None:
    fill(sandbox, *[IN_MARCH] * 300)
    fill(sandbox, *[IN_APRIL] * 1200)
    window, told, asked = plan(line.start("w", country=["NL"], max_records=3, **MARCH))
    assert asked == [COUNT, COUNT]
    assert (window.mode, window.reading, window.advances, window.max_records) == ("window", "feed", False, 3)
    assert told == {
        "mode": "window",
        "name": "window",
        "after": "1",
        "created_from": "2026-02-28T23:00:00+00:00",
        "created_to": "2026-03-31T22:00:00+00:00",
        "advances": False,
        "preview": False,
        "max_records": 3,
        "where": {"country": ["NL"]},
        "reading": {
            "method": "feed",
            "records": 300,
            "calls": 2,
            "instead_of": 5,
            "why": "The whole feed takes 2 calls, less than 300 records in 5 calls of 60.",
        },
    }


def test_a_retry_gets_the_same_window_without_a_call(line: Line, sandbox: RunningSandbox) -> None:
    fill(sandbox, *[IN_MARCH] * 200)
    run = line.start("w", **MARCH)
    window, told, _ = plan(run)
    fill(sandbox, *[IN_MARCH] * 100)
    assert plan(run) == (window, told, [])


def test_a_window_ends_now_at_the_latest_by_the_clock_of_exact(line: Line, sandbox: RunningSandbox) -> None:
    """What is created while it is read belongs to the live runs; a clock that goes wrong there leaves nothing out."""
    sandbox.sandbox.clock.advance(timedelta(minutes=10))
    hire(sandbox, 0)
    run = line.start("w", created_from="2026-03-01")
    window, _, _ = plan(run)
    extracted(run)
    assert len(staged(line.ledger, run.job.stream)) == 1
    assert window.created_to is not None
    assert abs(window.created_to - datetime.now(UTC) - timedelta(minutes=10)) < timedelta(minutes=5)
    hire(sandbox, 1)
    sandbox.sandbox.clock.advance(timedelta(minutes=1))
    assert plan(run)[0].created_to == window.created_to


def test_a_backfill_of_the_current_month_is_done_again_with_what_came_since(
    line: Line, sandbox: RunningSandbox
) -> None:
    """Its end was cut to the moment of its plan; reprocessed, it goes on to the moment of the next one."""
    now = datetime.now(UTC)
    run = line.start("b", run_type="backfill", interval=(now - timedelta(days=5), now + timedelta(days=5)))
    hire(sandbox, 0)
    first, _, _ = plan(run)
    extracted(run)
    sandbox.sandbox.clock.advance(timedelta(hours=1))
    hire(sandbox, 1)
    again, _, _ = plan(run, now + timedelta(hours=1))
    extracted(run)
    assert len(staged(line.ledger, run.job.stream)) == 2
    assert first.created_to is not None
    assert again.created_to is not None
    assert again.created_to > first.created_to


def test_a_scheduled_run_that_is_backfilled_is_planned_anew(line: Line, sandbox: RunningSandbox) -> None:
    """It keeps its id, and what it was as a live run stays what it was."""
    hire(sandbox, 0)
    line.run("r")
    mark = mark_of(line)
    live = line.ledger.windows.get(line.job.stream, "r")
    run = line.start("r", run_type="backfill", interval=(IN_MARCH, IN_APRIL))
    window, _, _ = plan(run)
    assert (window.mode, window.created_from, window.advances) == ("backfill", IN_MARCH, False)
    assert line.ledger.windows.get(line.job.stream, "r") == live
    assert mark_of(line) == mark


def test_a_manual_window_that_is_backfilled_is_planned_anew(line: Line) -> None:
    plan(line.start("r", **MARCH))
    window, _, _ = plan(line.start("r", run_type="backfill", interval=(IN_MARCH, IN_APRIL)))
    assert (window.mode, window.created_from, window.created_to) == ("backfill", IN_MARCH, IN_APRIL)


def test_a_replay_asks_nothing(line: Line) -> None:
    run = line.start("r", replay_only=True)
    window, _, asked = plan(run)
    assert (window.mode, window.reading, window.advances, asked) == ("replay", "nothing", False, [])
    assert extracted(run) == []


@pytest.mark.parametrize("asked", [{"preview": True}, {"max_records": 1}], ids=["preview", "canary"])
@pytest.mark.parametrize("begun", [True, False], ids=["begun", "first-run"])
def test_a_preview_of_a_live_run_reads_what_that_would_read(
    line: Line, sandbox: RunningSandbox, asked: dict[str, Any], begun: bool
) -> None:
    """Neither the live lane's watermark nor its rows nor the place of the lane of history are touched."""
    old = hire(sandbox, 0, 1, Created=LONG_AGO)
    if begun:
        line.run("r1")
    mark = line.ledger.watermarks.get(line.job.stream)
    known = staged(line.ledger, line.job.stream)
    new = hire(sandbox, 2)
    run = line.start("p", start_from="now" if begun else "beginning", **asked)
    window, _, _ = plan(run)
    extracted(run)
    assert (window.mode, window.advances, window.reading) == ("live", False, "feed")
    assert staged(line.ledger, run.job.stream) == set(new if begun else [*old, *new])
    assert line.ledger.watermarks.get(line.job.stream) == mark
    assert line.ledger.watermarks.get(run.job.stream) is None
    assert staged(line.ledger, line.job.stream) == known


def test_a_cleared_canary_means_the_same_records(line: Line, sandbox: RunningSandbox) -> None:
    """The live lane has passed them meanwhile."""
    hire(sandbox, 0)
    line.run("r1")
    hire(sandbox, 1, 2)
    run = line.start("c", max_records=1)
    window, _, _ = plan(run)
    extracted(run)
    held = staged(line.ledger, run.job.stream)
    line.run("r2")
    assert plan(run) == (window, plan(run)[1], [])
    assert line.ledger.staging.totals(run.job.stream, "c").read == len(held) == 2
    extracted(run)
    assert staged(line.ledger, run.job.stream) == held


def test_a_first_preview_with_now_shows_nothing_old(line: Line, sandbox: RunningSandbox) -> None:
    hire(sandbox, 0, 1)
    run = line.start("p", preview=True)
    plan(run)
    extracted(run)
    assert staged(line.ledger, run.job.stream) == set()
    assert line.ledger.watermarks.get(line.job.stream) is None


def test_a_move_found_by_a_preview_leaves_the_live_watermark(line: Line, sandbox: RunningSandbox) -> None:
    hire(sandbox, 0, 1)
    line.run("r1")
    mark = mark_of(line)
    move(sandbox)
    hire(sandbox, 2)
    run = line.start("p", preview=True)
    plan(run)
    extracted(run)
    assert len(staged(line.ledger, run.job.stream)) == 3
    assert mark_of(line) == mark
    line.run("r2")
    assert line.states() == {"created": 3}


def test_the_same_job_in_either_lane_is_pinned_in_the_lane_that_is_asked_for(line: Line) -> None:
    """Whoever calls with the plain job cannot pin a window where live runs look."""
    run = line.start("w", **MARCH)
    window, _, _ = plan(run)
    live = dataclasses.replace(run.job.stream, dag_id=run.job.stream.dag)
    assert line.ledger.windows.get(live, "w") is None
    assert line.ledger.windows.get(run.job.stream, "w") == window

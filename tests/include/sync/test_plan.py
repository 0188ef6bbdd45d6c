"""What a run's plan pins, and what of it everybody can see."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from include.records import RecordFilter, Window
from include.sync.plan import told
from line import Line
from moved import hire, mark_of
from planned import plan

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.sandbox.server import RunningSandbox

MARCH: dict[str, Any] = {"created_from": "2026-03-01", "created_to": "2026-04-01"}


@pytest.fixture
def line(ledger: Ledger, sandbox: RunningSandbox) -> Line:
    made = Line(ledger, sandbox)
    made.log_in()
    return made


def test_a_live_run_tells_its_window(line: Line, sandbox: RunningSandbox) -> None:
    hire(sandbox, 0)
    window, shown, _ = plan(line.start("r", start_from="2026-01-31"))
    assert line.ledger.windows.get(line.job.stream, "r") == window
    assert shown == {
        "mode": "live",
        "name": "live",
        "after": "1",
        "created_from": "2026-01-30T23:00:00+00:00",
        "created_to": None,
        "advances": True,
        "preview": False,
        "max_records": None,
        "where": {},
        "reading": {
            "method": "feed",
            "records": None,
            "calls": None,
            "instead_of": None,
            "why": "It reads what changed since the watermark.",
        },
    }


def test_a_confirmed_reset_reaches_the_watermark(line: Line, sandbox: RunningSandbox) -> None:
    """Everything is read once more, nobody is sent twice, and the stream goes on where it was."""
    hire(sandbox, 0, 1)
    line.run("r1")
    before = mark_of(line)
    run = line.start("r2", reset_watermark_to="beginning", confirm_reset="reset")
    window, _, asked = plan(run)
    assert (window.after, asked) == (1, [])
    assert run.go() == {}
    assert line.ledger.staging.totals(line.job.stream, "r2").read == 2
    assert (mark_of(line).value, line.states()) == (before.value, {"created": 2})


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({}, "window"),
        ({"preview": True}, "preview"),
        ({"max_records": 1}, "canary"),
        ({"max_records": 2}, "window"),
    ],
    ids=str,
)
def test_the_name_is_what_people_call_it(line: Line, asked: dict[str, Any], name: str) -> None:
    window, shown, _ = plan(line.start("r", **MARCH, **asked))
    assert (shown["name"], shown["mode"], window.advances) == (name, "window", False)


def test_row_versions_survive_a_browser() -> None:
    """They have 64 bits, a browser's numbers 53; and XCom takes no times."""
    where = RecordFilter(status=("C",), modified_from=datetime(2026, 1, 1, tzinfo=UTC))
    window = Window("window", 2**53 + 1, datetime(2026, 1, 1, tzinfo=UTC), advances=False, where=where)
    shown = json.loads(json.dumps(told(window, {})))
    assert shown["after"] == "9007199254740993"
    assert shown["where"] == {"status": ["C"], "modified_from": "2026-01-01T00:00:00+00:00"}


def test_the_run_that_moved_the_watermark_last_may_be_reprocessed(line: Line, sandbox: RunningSandbox) -> None:
    """What a backfill makes of it lies behind or ahead of the stream; the next live run starts where that stands."""
    hire(sandbox, 0, 1)
    line.run("r1")
    reached = mark_of(line)
    hire(sandbox, 2)
    now = datetime.now(UTC)
    line.backfill("r1", now - timedelta(days=2), now + timedelta(days=1))
    assert mark_of(line) == reached
    again = line.start("r2")
    assert plan(again)[0].after == reached.value
    assert again.extract()["read"] == 1

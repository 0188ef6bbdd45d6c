"""Where a run starts, and that the answer never changes once it was given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from include.errors import ConfigurationError
from include.sync.planning_live import next_start, plan_live
from include.sync.planning_starts import Newest, Start, first_start

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.records import StreamKey, Window

ZONE = ZoneInfo("Europe/Amsterdam")


def never() -> Newest:
    raise AssertionError("Exact was asked although the stream has a watermark")


def plan(ledger: Ledger, stream: StreamKey, run_id: str, pushed: dict[str, Any], **kwargs: Any) -> Window:
    options = {"start_from": "beginning", "zone": ZONE, "newest": never, **kwargs}
    return plan_live(ledger, stream, run_id, pushed=pushed.get, **options)


def test_retry_of_plan_gets_the_same_window(ledger: Ledger, stream: StreamKey) -> None:
    """A cleared plan must not read another window than its first attempt did."""
    first = plan(ledger, stream, "r1", {}, start_from="now", newest=lambda: Newest(500))
    again = plan(ledger, stream, "r1", {}, start_from="now", newest=lambda: Newest(900))
    assert first == again
    assert first.after == 500


def test_first_run_that_fails_does_not_move_the_start(ledger: Ledger, stream: StreamKey) -> None:
    """With start_from=now the second run reads from where the failed first one stood."""
    plan(ledger, stream, "r1", {}, start_from="now", newest=lambda: Newest(500))
    assert plan(ledger, stream, "r2", {}, start_from="now").after == 500


def test_purged_xcom_is_replaced_by_the_ledgers_copy(ledger: Ledger, stream: StreamKey) -> None:
    ledger.watermarks.advance(stream, expected=None, to=700, run_id="r1", created_from=None)
    assert plan(ledger, stream, "r2", {}).after == 700


def test_lowered_xcom_is_obeyed(ledger: Ledger, stream: StreamKey) -> None:
    ledger.watermarks.advance(stream, expected=None, to=700, run_id="r1", created_from=None)
    assert plan(ledger, stream, "r2", {"r1": {"to": "300"}}).after == 300


def test_raised_xcom_stops_the_run(ledger: Ledger, stream: StreamKey) -> None:
    ledger.watermarks.advance(stream, expected=None, to=700, run_id="r1", created_from=None)
    with pytest.raises(ConfigurationError, match="would be lost"):
        plan(ledger, stream, "r2", {"r1": {"to": "701"}})


@pytest.mark.parametrize("told", ["300", "701", "no number"])
def test_what_a_run_reports_that_moved_nothing_does_not_count(ledger: Ledger, stream: StreamKey, told: str) -> None:
    """A backfill may have reprocessed the very run that committed the watermark."""
    ledger.watermarks.advance(stream, expected=None, to=700, run_id="r1", created_from=None)
    pushed = {"r1": {"to": told, "advanced": False}}
    assert plan(ledger, stream, "r2", pushed).after == 700
    start = next_start(ledger, stream, start_from="now", zone=ZONE, newest=never, pushed=pushed.get)
    assert start == Start(700, None)


def test_xcom_without_a_number_stops_the_run(ledger: Ledger, stream: StreamKey) -> None:
    ledger.watermarks.advance(stream, expected=None, to=700, run_id="r1", created_from=None)
    with pytest.raises(ConfigurationError, match="no number"):
        plan(ledger, stream, "r2", {"r1": {"to": None}})


def test_date_begins_at_the_sites_midnight() -> None:
    """1 July 2026 begins in Amsterdam at 22:00 UTC of the day before."""
    start = first_start("2026-07-01", ZONE, never)
    assert start.created_from == datetime(2026, 6, 30, 22, tzinfo=UTC)
    assert start.after == 1


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", ""], ids=["word", "no month", "empty"])
def test_other_starts_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="start_from"):
        first_start(text, ZONE, never)


def test_earlier_start_brings_the_history_once(ledger: Ledger, stream: StreamKey) -> None:
    """A stream that began with now reads from the beginning when a later run asks for it, and then goes on."""
    plan(ledger, stream, "r1", {}, start_from="now", newest=lambda: Newest(500))
    window = plan(ledger, stream, "r2", {}, start_from="2026-01-31")
    assert (window.after, window.created_from) == (1, datetime(2026, 1, 30, 23, tzinfo=UTC))
    assert plan(ledger, stream, "r2", {}, start_from="2026-01-31") == window
    ledger.watermarks.advance(stream, expected=1, to=700, run_id="r2", created_from=window.created_from)
    assert plan(ledger, stream, "r3", {}, start_from="2026-01-31").after == 700
    everything = plan(ledger, stream, "r4", {}, start_from="beginning")
    assert (everything.after, everything.created_from) == (1, None)


def test_later_start_changes_nothing(ledger: Ledger, stream: StreamKey) -> None:
    ledger.watermarks.advance(stream, expected=None, to=700, run_id="r1", created_from=None)
    for start in ("now", "2026-01-31", "beginning"):
        assert plan(ledger, stream, f"r-{start}", {}, start_from=start).after == 700


def test_now_is_told_by_the_clock_of_exact() -> None:
    """With a clock there that is ten minutes behind ours, what is created there now is new all the same."""
    start = first_start("now", ZONE, lambda: Newest(500, timedelta(minutes=-10)))
    assert start.created_from is not None
    assert start.created_from < datetime.now(UTC) - timedelta(minutes=10)


def test_the_watermark_is_set_back_once(ledger: Ledger, stream: StreamKey) -> None:
    """The run that asks for it reads from there; what is new stays what it was, and the next run goes on."""
    since = datetime(2026, 1, 30, 23, tzinfo=UTC)
    ledger.watermarks.advance(stream, expected=None, to=700, run_id="r1", created_from=since)
    pushed = {"r1": {"to": "700"}}
    window = plan(ledger, stream, "r2", pushed, start_from="now", reset_to=300)
    assert (window.after, window.created_from, window.advances) == (300, since, True)
    assert plan(ledger, stream, "r2", pushed, start_from="now", reset_to=300) == window
    ledger.watermarks.advance(stream, expected=300, to=800, run_id="r2", created_from=since)
    assert plan(ledger, stream, "r2", pushed, start_from="now", reset_to=300) == window
    assert plan(ledger, stream, "r3", {"r2": {"to": "800"}}, start_from="now").after == 800


def test_a_reset_that_was_interrupted_goes_on(ledger: Ledger, stream: StreamKey) -> None:
    """The watermark was set back, and the worker was gone before the window was pinned."""
    ledger.watermarks.advance(stream, expected=None, to=700, run_id="r1", created_from=None)
    ledger.watermarks.rewind(stream, 300, "r2")
    assert plan(ledger, stream, "r2", {"r1": {"to": "700"}}, reset_to=300).after == 300


@pytest.mark.parametrize(
    ("value", "reset_to", "problem"),
    [(None, 300, "no_watermark"), (700, 701, "too_high")],
    ids=["nothing-to-set-back", "forward"],
)
def test_a_reset_that_would_lose_something_is_refused(
    ledger: Ledger, stream: StreamKey, value: int | None, reset_to: int, problem: str
) -> None:
    if value is not None:
        ledger.watermarks.advance(stream, expected=None, to=value, run_id="r1", created_from=None)
    before = ledger.watermarks.get(stream)
    with pytest.raises(ConfigurationError) as caught:
        plan(ledger, stream, "r2", {}, reset_to=reset_to)
    assert caught.value.reason_code == f"params.reset_watermark_to.{problem}"
    assert "trigger" in caught.value.way_out
    assert ledger.watermarks.get(stream) == before


def test_looking_ahead_writes_nothing(ledger: Ledger, stream: StreamKey) -> None:
    """What a live run would start with, before there is a watermark and after, with all that can shift it."""
    options: dict[str, Any] = {"zone": ZONE, "newest": lambda: Newest(500), "pushed": {"r1": {"to": "300"}}.get}
    assert next_start(ledger, stream, start_from="beginning", **options) == Start(1, None)
    assert next_start(ledger, stream, start_from="now", **options).after == 500
    assert ledger.watermarks.get(stream) is None
    since = datetime(2026, 3, 1, tzinfo=UTC)
    ledger.watermarks.advance(stream, expected=None, to=700, run_id="r1", created_from=since)
    mark = ledger.watermarks.get(stream)
    assert next_start(ledger, stream, start_from="now", **options) == Start(300, since)
    assert next_start(ledger, stream, start_from="2026-01-31", **options).after == 1
    assert ledger.watermarks.get(stream) == mark

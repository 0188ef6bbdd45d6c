"""Where a run starts, and that the answer never changes once it was given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from include.errors import ConfigurationError
from include.sync.plan import Newest, first_start, plan_live

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

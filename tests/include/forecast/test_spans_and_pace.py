"""Windows without gaps in the site's months, and time at the limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from foretold import day
from include.clients.personio_limits import PersonioConfig
from include.errors import ConfigurationError
from include.forecast.pace import Pace, Quota, finish, personio_pace
from include.forecast.spans import Span, found_in, spans_of

ZONE = ZoneInfo("Europe/Amsterdam")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_months_are_the_sites_without_gaps() -> None:
    spans = spans_of(day("2025-01-15"), day("2026-01-01"), "month", ZONE, NOW)
    assert len(spans) == 12
    assert [span.end for span in spans[:-1]] == [span.start for span in spans[1:]]
    local = [span.start.astimezone(ZONE) for span in spans if span.start]
    assert [(at.day, at.hour) for at in local] == [(15, 0)] + [(1, 0)] * 11
    # March and October have an hour less and an hour more.
    lengths = {
        at.month: span.end - span.start for at, span in zip(local, spans, strict=True) if span.start and span.end
    }
    assert lengths[3] == timedelta(days=31, hours=-1)
    assert lengths[10] == timedelta(days=31, hours=1)


def test_what_lies_ahead_is_cut_off() -> None:
    assert spans_of(day("2026-11-01"), day("2027-03-01"), "month", ZONE, NOW) == [Span(day("2026-11-01"), NOW)]
    assert spans_of(None, None, "none", ZONE, NOW) == [Span(None, NOW)]


def test_all_history_by_the_month_begins_where_the_history_dags_do() -> None:
    spans = spans_of(None, None, "month", ZONE, NOW)
    assert (spans[0].start, len(spans)) == (day("2010-01-01"), 16 * 12 + 11)


@pytest.mark.parametrize(
    ("first", "every", "code"),
    [("2026-12-01", "month", "forecast.to.not_after_from"), ("2026-01-01", "week", "forecast.every.unknown")],
)
def test_a_mistake_is_named(first: str, every: str, code: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        spans_of(day(first), None, every, ZONE, NOW)
    assert caught.value.reason_code == code


@pytest.mark.parametrize(
    ("created", "number"),
    [
        (day("2025-01-01"), 0),
        (day("2025-02-01") - timedelta(milliseconds=1), 0),
        (day("2025-02-01"), 1),
        (day("2025-04-01") - timedelta(milliseconds=1), 2),
        (day("2025-04-01"), None),
        (day("2025-01-01") - timedelta(milliseconds=1), None),
        (None, None),
    ],
)
def test_every_record_is_in_one_window(created: datetime | None, number: int | None) -> None:
    assert found_in(spans_of(day("2025-01-01"), day("2025-04-01"), "month", ZONE, NOW), created) == number


@pytest.mark.parametrize(
    ("calls", "seconds"), [(0, 0), (1, 0), (20, 0), (21, 60), (40, 60), (41, 120), (10_000, 29_940)]
)
def test_twenty_a_minute(calls: int, seconds: float) -> None:
    """Ten thousand people take eight hours and a bit."""
    assert Pace(20, 60).duration(calls) == seconds


@pytest.mark.parametrize(
    ("calls", "hours"),
    [(0, 0), (900, 0), (901, 12), (5900, 12), (5901, 36)],
    ids=["none", "fits", "1", "all", "2 days"],
)
def test_calls_beyond_the_day_wait_for_the_next_ones(calls: int, hours: float) -> None:
    quota = Quota(5000, 900, datetime(2026, 11, 21, tzinfo=UTC))
    assert quota.wait(calls, NOW) == hours * 3600


def test_personios_pace_is_the_clients() -> None:
    """Its window is a little longer than Personio's, so that no request meets twenty others in it."""
    usual = personio_pace("application", None)
    assert usual.limit == 20
    assert usual.seconds == pytest.approx(60.5)
    config = PersonioConfig(recruiting_limit=5, recruiting_window_seconds=10)
    assert personio_pace("application", config).limit == 5
    assert personio_pace("employee", config).limit == 300


def test_the_finish_is_told_to_the_minute_above() -> None:
    assert finish(NOW, 61) == NOW + timedelta(minutes=2)
    assert finish(NOW, 60) == NOW + timedelta(minutes=1)

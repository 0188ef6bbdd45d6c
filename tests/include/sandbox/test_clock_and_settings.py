from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from include.sandbox.clock import Clock
from include.sandbox.settings import SandboxSettings


def test_clock_stands_moves_and_runs() -> None:
    """A scale of 0 stops the clock, advancing moves it, and a scale above 1 makes it run."""
    clock = Clock(scale=0.0)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    clock.set(start)
    clock.advance(timedelta(days=-1))
    assert clock.now() == datetime(2025, 12, 31, tzinfo=UTC)
    clock.scale = 3600.0
    time.sleep(0.01)
    assert clock.now() - datetime(2025, 12, 31, tzinfo=UTC) >= timedelta(seconds=36)


def test_clock_needs_a_zone() -> None:
    """A moment without a zone is refused."""
    with pytest.raises(ValueError, match="zone"):
        Clock().set(datetime(2026, 1, 1))  # noqa: DTZ001 - what is refused here


def test_settings_change_in_place() -> None:
    """Nested changes keep the rest; unknown names and other types are refused."""
    settings = SandboxSettings()
    settings.update({"limit_seconds": 1, "exact": {"minutely_limit": 5, "token_calls_per_day": 200}})
    assert settings.exact.minutely_limit == 5
    assert settings.to_json()["exact"]["daily_limit"] == 5000
    for wrong in ({"nope": 1}, {"exact": 1}, {"exact": {"zone": 5}}, {"exact": {"mandatory_filter": 1}}):
        with pytest.raises(ValueError, match="etting"):
            settings.update(wrong)

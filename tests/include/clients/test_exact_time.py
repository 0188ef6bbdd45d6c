from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from include.clients.exact_time import local_to_utc, utc_to_literal
from include.errors import ProtocolError

PARIS = ZoneInfo("Europe/Paris")


def test_created_is_the_sites_wall_clock() -> None:
    """Recorded: the answer of 14:14:13 GMT held a record created at /Date(1782404052403)/."""
    moment = local_to_utc("/Date(1782404052403)/", PARIS)
    assert moment == datetime(2026, 6, 25, 14, 14, 12, 403000, tzinfo=UTC)
    assert local_to_utc(1782404052403, PARIS) == moment


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("/Date(-3600000)/", datetime(1969, 12, 31, 22, tzinfo=UTC)),
        ("2026-06-25T16:14:12", datetime(2026, 6, 25, 14, 14, 12, tzinfo=UTC)),
        ("/Date(1782345600000)/", datetime(2026, 6, 24, 22, tzinfo=UTC)),
    ],
    ids=["before-1970", "server-time", "date-only"],
)
def test_readable_forms(value: str, expected: datetime) -> None:
    assert local_to_utc(value, PARIS) == expected


def test_october_hour_happens_twice() -> None:
    """2026-10-25 02:30 is 00:30 UTC in summer time and 01:30 UTC after the change."""
    assert local_to_utc("2026-10-25T02:30:00", PARIS, fold=0) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert local_to_utc("2026-10-25T02:30:00", PARIS) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("value", ["", "/Date()/", "/Date(9999999999999999)/", "2026-06-25T16:14:12Z", "x"])
def test_unreadable_times(value: str) -> None:
    with pytest.raises(ProtocolError):
        local_to_utc(value, PARIS)


@given(
    st.integers(min_value=-62_135_596_800_000, max_value=253_402_300_799_999),
    st.sampled_from(["Europe/Paris", "Europe/Amsterdam", "Atlantic/Azores", "Africa/Casablanca", "America/Caracas"]),
    st.sampled_from([0, 1]),
)
@example(1793500200000, "Europe/Paris", 0)  # 2026-11-01T02:30
@example(1792895400000, "Europe/Paris", 0)  # 2026-10-25T02:30, which comes twice
@example(1792895400000, "Europe/Paris", 1)
@example(1774751400000, "Europe/Paris", 1)  # 2026-03-29T02:30, which there is not
@example(-62_135_596_800_000, "America/Caracas", 1)
@example(253_402_300_799_999, "Europe/Paris", 1)
def test_a_day_without_a_change_gives_what_the_zone_itself_gives(milliseconds: int, name: str, fold: int) -> None:
    """The offset of a day is remembered; it must be that of each moment in it."""
    zone = ZoneInfo(name)
    local = datetime(1970, 1, 1) + timedelta(milliseconds=milliseconds)  # noqa: DTZ001 - a wall clock
    try:
        expected = local.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    except OverflowError:
        with pytest.raises(ProtocolError):
            local_to_utc(f"/Date({milliseconds})/", zone, fold=fold)
    else:
        found = local_to_utc(f"/Date({milliseconds})/", zone, fold=fold)
        assert (found, found.tzinfo) == (expected, UTC)


def test_literal() -> None:
    literal = utc_to_literal(datetime(2026, 1, 31, 23, 30, tzinfo=UTC), PARIS)
    assert literal == "datetime'2026-02-01T00:30:00.000'"
    with pytest.raises(ValueError, match="aware"):
        utc_to_literal(datetime(2026, 1, 31), PARIS)  # noqa: DTZ001

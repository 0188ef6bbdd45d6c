from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

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


def test_literal() -> None:
    literal = utc_to_literal(datetime(2026, 1, 31, 23, 30, tzinfo=UTC), PARIS)
    assert literal == "datetime'2026-02-01T00:30:00.000'"
    with pytest.raises(ValueError, match="aware"):
        utc_to_literal(datetime(2026, 1, 31), PARIS)  # noqa: DTZ001

"""Intervals and sets of numbers, for themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.ledger.reading_ranges import Range, merged
from include.reconcile.bits import Bits
from include.reconcile.intervals import near_change, quietened, within

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def day(number: int) -> datetime:
    return datetime(2026, 1, number, tzinfo=UTC)


@given(st.sets(st.integers(0, 50_000)), st.integers(0, 60_000))
def test_bits_are_a_set(numbers: set[int], other: int) -> None:
    bits = Bits()
    for number in numbers:
        bits.add(number)
    assert all(number in bits for number in numbers)
    assert (other in bits) == (other in numbers)


def test_a_million_deliveries_take_little() -> None:
    bits = Bits()
    for number in range(0, 1_000_000, 1000):
        bits.add(number)
    assert len(bits._bytes) < 250_000


@pytest.mark.parametrize(
    ("given_ranges", "expected"),
    [
        ([], []),
        ([(1, 2), (2, 3)], [(1, 3)]),
        ([(3, 4), (1, 2)], [(1, 2), (3, 4)]),
        ([(1, 9), (2, 3)], [(1, 9)]),
        ([(5, 6), (None, 3), (2, 4)], [(None, 4), (5, 6)]),
        ([(None, 3), (None, 5)], [(None, 5)]),
    ],
)
def test_touching_intervals_are_joined(
    given_ranges: list[tuple[int | None, int]], expected: list[tuple[int | None, int]]
) -> None:
    ranges = [Range(None if start is None else day(start), day(end)) for start, end in given_ranges]
    assert merged(ranges) == [Range(None if start is None else day(start), day(end)) for start, end in expected]


@given(st.lists(st.integers(1, 28)), st.integers(1, 27), st.integers(1, 5))
def test_within_counts_what_lies_in_the_half_open_interval(days: list[int], start: int, length: int) -> None:
    moments = sorted(day(number) for number in days)
    one = Range(day(start), day(min(start + length, 28)))
    assert within(moments, one) == sum(day(start) <= moment < one.end for moment in moments)


@given(st.datetimes(datetime(2025, 10, 25, 12), datetime(2025, 10, 27)), st.integers(1, 40))  # noqa: DTZ001
def test_no_end_stays_near_a_change_of_the_clocks(start: datetime, hours: int) -> None:
    begin = start.replace(tzinfo=UTC)
    one = Range(begin, datetime.fromtimestamp(begin.timestamp() + hours * 3600, UTC))
    quiet = quietened(one, AMSTERDAM)
    if quiet is not None:
        assert quiet.start is not None
        assert one.start is not None
        assert one.start <= quiet.start < quiet.end <= one.end
        assert not near_change(quiet.start, AMSTERDAM)
        assert not near_change(quiet.end, AMSTERDAM)

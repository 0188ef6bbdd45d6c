"""The choice between pages and the feed: never dearer than it has to be, whatever windows come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.sync.reading import Lane, choose, feed_calls, page_calls

if TYPE_CHECKING:
    from include.sync.reading import Choice

COMPANIES = st.lists(st.integers(0, 40_000), min_size=1, max_size=40).flatmap(
    lambda windows: st.tuples(st.just(windows), st.integers(sum(windows), sum(windows) + 200_000))
)


class Exact:
    """Counts, and is counted."""

    def __init__(self, records: int, total: int) -> None:
        self.records = records
        self.total = total
        self.asked: list[str] = []

    def count(self) -> int:
        self.asked.append("window")
        return self.records

    def count_all(self) -> int:
        self.asked.append("all")
        return self.total


def chosen(lane: Lane, records: int, total: int) -> tuple[Choice, list[str]]:
    exact = Exact(records, total)
    return choose(lane, exact.count, exact.count_all), exact.asked


@pytest.mark.parametrize(
    ("records", "total", "reading", "calls", "asked"),
    [
        (0, 5_000, "nothing", 0, ["window"]),
        (1, 5_000, "pages", 1, ["window"]),
        (60, 5_000, "pages", 1, ["window"]),
        (61, 5_000, "pages", 2, ["window"]),
        (180, 180, "feed", 1, ["window", "all"]),
        (180, 2_999, "pages", 3, ["window", "all"]),
        (180, 2_001, "pages", 3, ["window", "all"]),
        (181, 3_000, "feed", 3, ["window", "all"]),
        (10_000, 10_000, "feed", 10, ["window", "all"]),
        (10_000, 1_000_000, "pages", 167, ["window", "all"]),
    ],
)
def test_a_first_window(records: int, total: int, reading: str, calls: int, asked: list[str]) -> None:
    """Sixty to a page, a thousand to the feed; everything is counted only where that can save more than a call."""
    choice, questions = chosen(Lane(), records, total)
    assert (choice.reading, choice.calls, choice.records) == (reading, calls, records)
    assert (questions, choice.counted) == (asked, len(asked))


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**5))
def test_a_lane_that_has_a_place_pays_one_call(records: int, more: int, spent: int) -> None:
    choice, asked = chosen(Lane(place=True, spent=spent), records, records + more)
    assert (choice.reading, choice.calls, asked) == ("feed", 1, [])


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.integers(0, 10**5))
def test_beside_a_run_that_reads_everything_pages_are_read(records: int, more: int, spent: int) -> None:
    choice, asked = chosen(Lane(spent=spent, busy=True), records, records + more)
    assert (choice.reading, choice.calls, asked) == ("pages", page_calls(records), ["window"])


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 1000), st.booleans())
def test_the_choice_says_what_it_costs(records: int, more: int, spent: int, known: bool) -> None:
    total = records + more
    choice, asked = chosen(Lane(spent=spent, total=total if known else None), records, total)
    ways = {"pages": page_calls(records), "feed": feed_calls(total), "nothing": 0}
    assert choice.calls == ways[choice.reading]
    assert (choice.reading == "nothing") == (records == 0)
    assert choice.counted == len(asked) == asked.count("window") + asked.count("all") <= 2 - known
    if choice.instead is not None:
        assert choice.instead == ways["feed" if choice.reading == "pages" else "pages"]
    if choice.reading == "feed":
        assert ways["feed"] < spent + ways["pages"]
    elif records:
        # What was not counted could not have saved more than the call that counts it.
        assert spent + ways["pages"] <= ways["feed"] + ("all" not in asked and not known)


@given(COMPANIES)
def test_however_many_windows_come_it_costs_at_most_twice_the_best(company: tuple[list[int], int]) -> None:
    """Against a planner that knows all windows beforehand: pages for all, or the whole feed at once."""
    windows, total = company
    lane, calls = Lane(), 0
    for records in windows:
        choice, _ = chosen(lane, records, total)
        calls += choice.calls + choice.counted
        lane = lane.then(choice)
    all_pages = sum(1 + page_calls(records) for records in windows)
    one_feed = feed_calls(total) + len(windows) - 1
    assert calls <= 2 * min(all_pages, one_feed) + 2


def test_many_small_windows_become_one_full_read() -> None:
    """Two hundred months of fifty records: pages at first, then the whole feed once, then a call each."""
    lane, readings = Lane(), []
    for _ in range(200):
        choice, _ = chosen(lane, 50, 10_000)
        readings.append(choice.reading)
        lane = lane.then(choice)
    assert readings == ["pages"] * 10 + ["feed"] * 190


def test_everything_is_counted_once_for_all_windows() -> None:
    lane, asked = Lane(), []
    for _ in range(100):
        choice, questions = chosen(lane, 300, 100_000)
        asked += questions
        lane = lane.then(choice)
    assert asked.count("all") == 1

"""Handing out news: at least once, in batches, whoever is killed in between."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from include.ledger.news import Cursor
from include.sync.news import Polled, Reading, hand_out, poll, source_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from include.ledger import Ledger

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Readings:
    """A source that finds what the test says; ``meanwhile`` happens before the second reading is kept."""

    key = "test/source"

    def __init__(self, *readings: Sequence[str], news: bool = True, ledger: Ledger | None = None) -> None:
        self._readings = readings
        self._news = news
        self._rival = ledger

    def readings(self, cursor: Cursor | None, *, start_from: str, now: datetime) -> Iterator[Reading]:  # noqa: ARG002
        for number, ids in enumerate(self._readings):
            if number == 1 and self._rival is not None:
                current = self._rival.news.cursor(self.key)
                self._rival.news.add(self.key, [("rival", None)], Cursor("rival", None), expected=current)
            yield Reading([(name, None) for name in ids], Cursor(f"{start_from} {number}", None), news=self._news)

    def position(self, cursor: Cursor | None) -> str | None:
        return cursor.value if cursor else None


def test_records_wait_until_they_are_handed_out_and_confirmed(ledger: Ledger) -> None:
    assert poll(ledger, Readings("ab", "bc"), start_from="s", now=NOW) == Polled(3, 3, None, "s 1")
    handed = hand_out(ledger, Readings.key, "b1")
    assert handed == {"source": "test/source", "batch": "b1", "count": 3, "ids": ["a", "b", "c"]}
    assert hand_out(ledger, Readings.key, "b1") == handed
    assert hand_out(ledger, Readings.key, "b2") is None
    ledger.news.confirm(Readings.key, "b1")
    assert poll(ledger, Readings("abc"), start_from="s", now=NOW) == Polled(0, 0, "s 1", "s 0")
    assert hand_out(ledger, Readings.key, "b1") is None


def test_a_baseline_is_known_and_no_news(ledger: Ledger) -> None:
    assert poll(ledger, Readings("ab", news=False), start_from="s", now=NOW).new == 0
    assert poll(ledger, Readings("abc"), start_from="s", now=NOW).new == 1
    assert hand_out(ledger, Readings.key, "b") == {"source": Readings.key, "batch": "b", "count": 1, "ids": ["c"]}


def test_a_batch_nobody_confirmed_is_taken_over_and_nothing_else(ledger: Ledger) -> None:
    poll(ledger, Readings(["1", "2", "3"]), start_from="s", now=NOW)
    killed = hand_out(ledger, Readings.key, "killed", limit=2)
    assert killed is not None
    assert killed["ids"] == ["1", "2"]
    taken = hand_out(ledger, Readings.key, "next", take_over=True)
    assert taken is not None
    assert taken["ids"] == ["1", "2", "3"]
    assert ledger.news.batches(Readings.key) == ["next"]


def test_a_batch_is_never_larger_than_an_xcom_should_be(ledger: Ledger) -> None:
    poll(ledger, Readings([str(n) for n in range(1500)]), start_from="s", now=NOW)
    seen: list[str] = []
    for batch in ("b1", "b2", "b3"):
        handed = hand_out(ledger, Readings.key, batch, limit=1_000_000)
        seen += handed["ids"] if handed else []
        ledger.news.confirm(Readings.key, batch)
    assert seen == [str(n) for n in range(1500)]


def test_two_readers_at_once_lose_nothing(ledger: Ledger) -> None:
    """The one whose cursor was moved by the other stops; what it had kept stays."""
    polled = poll(ledger, Readings("a", "b", ledger=ledger), start_from="s", now=NOW)
    assert (polled.new, polled.waiting) == (1, 2)
    assert poll(ledger, Readings("b"), start_from="s", now=NOW).new == 1
    handed = hand_out(ledger, Readings.key, "x")
    assert handed is not None
    assert handed["ids"] == ["a", "rival", "b"]


@pytest.mark.parametrize("length", [10, 250, 251, 900])
def test_source_names_fit_the_ledger_and_stay_apart(length: int) -> None:
    names = {source_key("d" * length, end) for end in ("x", "y")}
    assert len(names) == 2
    assert all(len(name) <= 250 for name in names)

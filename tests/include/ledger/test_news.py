"""Each new record is handed out once, whatever happens in between."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from include.ledger import Cursor
from include.ledger.news import SLICE

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.ledger.news import News

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
START = Cursor("0", None)
SOURCE = "personio:4242:employees"


def records(*numbers: int) -> list[tuple[str, datetime | None]]:
    return [(str(number), AT + timedelta(minutes=number)) for number in numbers]


def add(store: News, *numbers: int, source: str = SOURCE, **options: Any) -> int | None:
    """Add from wherever the cursor is."""
    held = store.cursor(source)
    after = Cursor(str(int(held.value) + 1) if held else "1", AT)
    return store.add(source, records(*numbers), after, expected=held, **options)


def test_a_source_begins_without_a_cursor(ledger: Ledger) -> None:
    news = ledger.news
    assert news.cursor(SOURCE) is None
    assert news.claim(SOURCE, "a") == []
    assert news.confirm(SOURCE, "a") == 0
    assert news.batches(SOURCE) == []
    assert news.waiting(SOURCE) == 0


def test_the_cursor_moves_by_compare_and_set(ledger: Ledger) -> None:
    """Who began elsewhere stores nothing at all; ``created_from`` is part of the place."""
    news = ledger.news
    first = Cursor("10", datetime(2026, 1, 1, tzinfo=UTC))
    assert news.add(SOURCE, records(9), first, expected=START) is None
    assert news.cursor(SOURCE) is None
    assert news.add(SOURCE, records(1, 2), first, expected=None) == 2
    assert news.add(SOURCE, records(3), Cursor("11", None), expected=None) is None
    assert news.add(SOURCE, records(3), Cursor("11", None), expected=Cursor("10", None)) is None
    assert news.add(SOURCE, records(3), Cursor("11", None), expected=Cursor("9", first.created_from)) is None
    assert news.cursor(SOURCE) == first
    assert news.waiting(SOURCE) == 2
    assert news.add(SOURCE, records(2, 3, 3), Cursor("11", None), expected=first) == 1
    assert news.cursor(SOURCE) == Cursor("11", None)
    assert news.claim(SOURCE, "a") == ["1", "2", "3"]


def test_a_baseline_is_known_and_no_news(ledger: Ledger) -> None:
    """What was there before the first look is never handed out, not even when it is listed again."""
    news = ledger.news
    assert add(news, 1, 2, news=False) == 2
    assert news.waiting(SOURCE) == 0
    assert add(news, 1, 2, 3) == 1
    assert news.claim(SOURCE, "a", take_over=True) == ["3"]


def test_a_batch_gets_the_same_again_until_it_is_confirmed(ledger: Ledger) -> None:
    """A retried task, under whatever limit, delivers what it claimed before and nothing else."""
    news = ledger.news
    add(news, *range(1, 6))
    assert news.claim(SOURCE, "a", limit=2) == ["1", "2"]
    assert news.claim(SOURCE, "a", limit=5) == ["1", "2"]
    assert news.claim(SOURCE, "b", limit=2) == ["3", "4"]
    assert news.batches(SOURCE) == ["a", "b"]
    assert news.waiting(SOURCE) == 1
    assert news.confirm(SOURCE, "a") == 2
    assert news.confirm(SOURCE, "a") == 0
    assert news.batches(SOURCE) == ["b"]
    assert news.claim(SOURCE, "a", limit=5) == ["5"]
    assert news.claim(SOURCE, "b", take_over=True) == ["3", "4"]


def test_what_another_batch_left_can_be_taken_over(ledger: Ledger) -> None:
    """Oldest first; who was taken over confirms nothing, and what is confirmed stays so."""
    news = ledger.news
    add(news, *range(1, 5))
    news.claim(SOURCE, "done", limit=1)
    news.confirm(SOURCE, "done")
    news.claim(SOURCE, "dead", limit=2)
    assert news.claim(SOURCE, "next") == ["4"]
    assert news.claim(SOURCE, "heir", take_over=True, limit=2) == ["2", "3"]
    assert news.confirm(SOURCE, "dead") == 0
    assert news.claim(SOURCE, "dead") == []
    assert news.batches(SOURCE) == ["heir", "next"]


def test_sources_are_apart(ledger: Ledger) -> None:
    news = ledger.news
    add(news, 1, source="one")
    add(news, 1, source="two")
    assert news.claim("one", "a") == ["1"]
    assert news.confirm("two", "a") == 0
    assert news.claim("two", "a") == ["1"]


def test_a_batch_has_a_name_and_holds_something(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="name"):
        ledger.news.claim(SOURCE, "")
    with pytest.raises(ValueError, match="one record"):
        ledger.news.claim(SOURCE, "a", limit=0)


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_handed_out_twice_and_nothing_is_lost(ledger: Ledger, seed: int) -> None:
    """Readers, retried readers, deliverers that die and come back, in any order, checked against sets."""
    chance, news = random.Random(seed), ledger.news  # noqa: S311
    added: set[str] = set()
    holder: dict[str, str] = {}
    confirmed: set[str] = set()
    for _ in range(40):
        batch, limit = f"b{chance.randrange(5)}", chance.randrange(1, 9)
        match chance.choice(["add", "claim", "claim", "confirm", "stale"]):
            case "add":
                numbers = [chance.randrange(60) for _ in range(chance.randrange(12))]
                fresh = {str(number) for number in numbers} - added
                assert add(news, *numbers) == len(fresh)
                added |= fresh
            case "stale":
                before = news.cursor(SOURCE)
                assert news.add(SOURCE, records(99), START, expected=Cursor("-1", None)) is None
                assert news.cursor(SOURCE) == before
            case "claim":
                held = {record for record, by in holder.items() if by == batch} - confirmed
                got = news.claim(SOURCE, batch, limit=limit)
                assert len(got) == len(set(got))
                assert set(got) == held if held else len(got) == min(limit, len(added - holder.keys()))
                assert all(holder.get(record, batch) == batch for record in got)
                assert not confirmed & set(got)
                holder |= dict.fromkeys(got, batch)
            case _:
                held = {record for record, by in holder.items() if by == batch} - confirmed
                assert news.confirm(SOURCE, batch) == len(held)
                confirmed |= held
        assert news.waiting(SOURCE) == len(added - holder.keys())
        assert set(news.batches(SOURCE)) == {holder[record] for record in holder.keys() - confirmed}
    rest = added - confirmed
    for turn in range(len(rest) + 1):
        last = set(news.claim(SOURCE, f"last{turn}", limit=7, take_over=True))
        assert last <= rest
        rest -= last
        news.confirm(SOURCE, f"last{turn}")
    assert not rest


def test_more_than_a_slice_is_one_step(ledger: Ledger) -> None:
    """A first read may bring everything there is; the order stays."""
    count = SLICE + 10
    assert add(ledger.news, *range(count)) == count
    assert ledger.news.claim(SOURCE, "a", limit=count) == [str(number) for number in range(count)]
    assert ledger.news.confirm(SOURCE, "a") == count


def test_a_million_known_records_cost_nothing(sqlite_ledger: Ledger, plans: Any) -> None:
    """What is asked on every poll looks at what is open, through the index that holds nothing else."""
    news = sqlite_ledger.news
    add(news, 1, 2, 3)

    def poll() -> None:
        news.claim(SOURCE, "a", limit=1)
        news.claim(SOURCE, "b", take_over=True)
        news.waiting(SOURCE)
        news.batches(SOURCE)
        news.confirm(SOURCE, "a")

    for statement, plan in plans(poll).items():
        lines = [line for line in plan if "ledger_news" in line and "cursors" not in line]
        assert all("ix_ledger_news_open" in line or "PRIMARY KEY" in line for line in lines), (statement, plan)
    for statement, plan in plans(lambda: add(news, 4)).items():
        assert not any(line.startswith("SCAN") for line in plan), (statement, plan)

"""Alerts: each difference once, its end once, and none lost when a worker dies between telling and noting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from include.ledger.reconciliations import KEPT, Check
from include.reconcile.alerts import alerts, told

if TYPE_CHECKING:
    from include.ledger import Ledger
    from reconciled import Town

PART, KIND = "124132/Contacts/application/4242/1001", "personio.application.missing"


class Diary:
    """What reconciliations found, one after the other, and what was told of it."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.runs = 0

    def note(self, *subjects: str, count: int | None = None, kind: str = KIND) -> None:
        self.runs += 1
        report: dict[str, Any] = {"run": f"run/{self.runs}", "depth": "personio", "verdict": "ok", "parts": []}
        check = Check(PART, kind, len(subjects) if count is None else count, subjects, "exact-personio trace x")
        self.ledger.reconciliations.keep(report, self.ledger.balances.now(), [check])

    def hear(self) -> list[tuple[str, str]]:
        """Be told, and have it noted."""
        news = alerts(self.ledger)
        told(self.ledger, news)
        return [(alert.verdict, alert.message) for alert in news]


@pytest.fixture
def diary(either_town: Town) -> Diary:
    return Diary(either_town.ledger)


def test_difference_is_told_once_and_its_end_once(diary: Diary) -> None:
    diary.note()
    assert diary.hear() == []
    diary.note("a", "b")
    [(verdict, message)] = diary.hear()
    assert verdict == "difference"
    assert message.startswith(f"Reconciliation of {PART}: 2 of {KIND} (a, b). exact-personio trace x")
    for _ in range(3):
        diary.note("a", "b")
        assert diary.hear() == []
    diary.note()
    [(verdict, message)] = diary.hear()
    assert verdict == "ok"
    assert f"No difference any more: {KIND}, which began on " in message
    diary.note()
    assert diary.hear() == []


def test_another_record_is_news_even_if_the_number_is_the_same(diary: Diary) -> None:
    diary.note("a", "b")
    diary.hear()
    diary.note("b", "c")
    [(_, message)] = diary.hear()
    assert "2 of personio.application.missing (new: c)" in message
    diary.note("b")
    assert diary.hear() == []
    diary.note("a", "b")
    assert "(new: a)" in diary.hear()[0][1]


def test_more_than_can_be_named_are_news(diary: Diary) -> None:
    diary.note("a", count=300)
    diary.hear()
    diary.note("a", count=300)
    assert diary.hear() == []
    diary.note("a", count=301)
    assert "301 of" in diary.hear()[0][1]


def test_next_ones_that_come_into_sight_are_no_news(diary: Diary) -> None:
    """They were told as part of the number, until all of them can be named."""
    ids = [f"id{number:03}" for number in range(300)]
    diary.note(*ids)
    assert "300 of" in diary.hear()[0][1]
    diary.note(*ids[50:])
    assert diary.hear() == []
    diary.note(*ids[150:])
    assert diary.hear() == []
    diary.note(*ids[151:], "new")
    [(_, message)] = diary.hear()
    assert f"150 of {KIND} (new: new)." in message
    diary.note()
    assert [verdict for verdict, _ in diary.hear()] == ["ok"]


def test_new_ones_behind_those_in_sight_are_news_even_if_the_number_is_the_same(diary: Diary) -> None:
    ids = [f"id{number:03}" for number in range(350)]
    diary.note(*ids[:300])
    diary.hear()
    diary.note(*ids[50:])
    assert "300 of" in diary.hear()[0][1]


def test_other_ones_after_the_end_are_news_though_nobody_was_told_of_it(diary: Diary) -> None:
    """Those that were never in sight are gone with the rest."""
    diary.note(*(f"id{number:03}" for number in range(300)))
    diary.hear()
    diary.note()
    diary.note("new")
    assert "1 of personio.application.missing (new)" in diary.hear()[0][1]


def test_those_that_came_into_sight_while_it_was_told_are_no_news(diary: Diary) -> None:
    ids = [f"id{number:03}" for number in range(300)]
    diary.note(*ids)
    news = alerts(diary.ledger)
    diary.note(*ids[50:])
    told(diary.ledger, news)
    assert diary.hear() == []


def test_whoever_dies_before_noting_tells_it_again(diary: Diary) -> None:
    diary.note("a")
    first = alerts(diary.ledger)
    assert [one.message for one in alerts(diary.ledger)] == [one.message for one in first]
    told(diary.ledger, first)
    assert alerts(diary.ledger) == []


def test_what_came_up_while_it_was_told_is_told_next(diary: Diary) -> None:
    """Noted is what was said, not what is there by then."""
    diary.note("a")
    news = alerts(diary.ledger)
    diary.note("a", "b")
    told(diary.ledger, news)
    assert "(new: b)" in diary.hear()[0][1]


def test_what_began_and_ended_untold_is_no_news(diary: Diary) -> None:
    diary.note("a")
    diary.note()
    assert diary.hear() == []


def test_two_kinds_of_one_part_are_one_message(diary: Diary) -> None:
    diary.note("a")
    diary.note("b", kind="personio.application.double")
    [(_, message)] = diary.hear()
    assert "1 of personio.application.double (b)" in message
    assert f"1 of {KIND} (a)" in message


def test_begins_anew_after_its_end(diary: Diary, either_town: Town) -> None:
    diary.note("a")
    diary.hear()
    diary.note()
    diary.hear()
    either_town.later()
    diary.note("a")
    assert len(diary.hear()) == 1
    [(_, since)] = diary.ledger.reconciliations.standing()
    assert since == diary.ledger.reconciliations.runs(1)[0].ended_at


def test_only_so_many_reports_are_kept(diary: Diary) -> None:
    for _ in range(KEPT + 3):
        diary.note()
    runs = [one.run for one in diary.ledger.reconciliations.runs(KEPT + 10)]
    assert runs == [f"run/{number}" for number in range(KEPT + 3, 3, -1)]


def test_repeated_task_replaces_its_report(diary: Diary) -> None:
    diary.note("a")
    diary.runs -= 1
    diary.note()
    assert [one.run for one in diary.ledger.reconciliations.runs()] == ["run/1"]
    assert diary.ledger.reconciliations.standing() == []

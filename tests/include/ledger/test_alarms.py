"""What is noted of a stream that does not go on: each beginning and each end is handed out once, to one teller."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from include.ledger.alarms import WAITING, Trouble

if TYPE_CHECKING:
    from include.ledger import Ledger
    from tests.include.ledger.conftest import Clock

DAG = "exact_contacts_to_personio_applications"
STALE = Trouble("stream.watermark.stale", "Nothing was committed.", "exact-personio status")
WAITS = Trouble(WAITING, "2 records wait.", "exact-personio status")
FAILED = Trouble("exact.refresh_token.old", "The login is dead.", "exact-personio login")


def tell(ledger: Ledger) -> list[tuple[str, bool]]:
    with ledger.alarms.telling() as news:
        for alarm in news:
            ledger.alarms.told(alarm)
        return [(alarm.trouble.reason_code, alarm.ended_at is None) for alarm in news]


def fails_while_told(ledger: Ledger) -> None:
    """Let the stream fail while somebody is told what was noted before."""
    with ledger.alarms.telling() as news:
        ledger.alarms.note(DAG, FAILED)
        ledger.alarms.told(news[0])


def test_beginning_and_end_are_told_once(ledger: Ledger, clock: Clock) -> None:
    began = clock.at
    ledger.alarms.note(DAG, STALE)
    clock.advance(60)
    ledger.alarms.note(DAG, FAILED)
    assert [(one.since, one.noted_at, one.trouble) for one in ledger.alarms.standing()] == [(began, clock.at, FAILED)]
    assert tell(ledger) == [(FAILED.reason_code, True)]
    ledger.alarms.note(DAG, STALE)
    assert tell(ledger) == [], "who knows already is told nothing new"
    ledger.alarms.end(DAG)
    assert ledger.alarms.standing() == []
    assert tell(ledger) == [(STALE.reason_code, False)]
    assert tell(ledger) == []


def test_trouble_that_nobody_heard_of_ends_in_silence(ledger: Ledger) -> None:
    ledger.alarms.note(DAG, STALE)
    ledger.alarms.end(DAG)
    assert tell(ledger) == []


def test_end_that_was_none_is_not_told(ledger: Ledger) -> None:
    ledger.alarms.note(DAG, STALE)
    tell(ledger)
    ledger.alarms.end(DAG)
    ledger.alarms.note(DAG, FAILED)
    assert tell(ledger) == []
    assert len(ledger.alarms.standing()) == 1


def test_trouble_that_comes_back_while_its_end_is_told_is_news(ledger: Ledger) -> None:
    ledger.alarms.note(DAG, STALE)
    tell(ledger)
    ledger.alarms.end(DAG)
    fails_while_told(ledger)
    assert tell(ledger) == [(FAILED.reason_code, True)]


def test_tellers_at_once_tell_it_once(ledger: Ledger) -> None:
    ledger.alarms.note(DAG, STALE)
    heard: list[tuple[str, bool]] = []
    threads = [threading.Thread(target=lambda: heard.extend(tell(ledger))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == [(STALE.reason_code, True)]


def test_failure_is_news_to_who_only_knows_that_records_wait(ledger: Ledger, clock: Clock) -> None:
    ledger.alarms.note(DAG, WAITS)
    assert tell(ledger) == [(WAITING, True)]
    ledger.alarms.note(DAG, WAITS)
    assert tell(ledger) == []
    clock.advance(60)
    ledger.alarms.note(DAG, FAILED)
    assert [one.since for one in ledger.alarms.standing()] == [clock.at], "what waits stops nothing"
    assert tell(ledger) == [(FAILED.reason_code, True)]


def test_failure_while_the_waiting_is_told_is_still_news(ledger: Ledger) -> None:
    ledger.alarms.note(DAG, WAITS)
    fails_while_told(ledger)
    assert tell(ledger) == [(FAILED.reason_code, True)]


def test_trouble_that_ends_while_it_is_told_has_an_end_that_is_told(ledger: Ledger) -> None:
    ledger.alarms.note(DAG, STALE)
    with ledger.alarms.telling() as news:
        ledger.alarms.end(DAG)
        ledger.alarms.told(news[0])
    assert ledger.alarms.standing() == []
    assert tell(ledger) == [(STALE.reason_code, False)]
    assert tell(ledger) == []

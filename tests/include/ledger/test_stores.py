"""The small stores: windows, watermarks, pacing, budget, calls, tokens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from include.errors import ErrorBudgetSpentError
from include.records import StreamKey, Window

if TYPE_CHECKING:
    from include.ledger import Ledger
    from tests.include.ledger.conftest import Clock

STREAM = StreamKey("exact_accounts_to_personio_applications", 124132, "Accounts")


def test_the_first_window_of_a_run_stays(ledger: Ledger) -> None:
    """A cleared task gets the window that was pinned, with aware times in UTC."""
    amsterdam_summer = timezone(timedelta(hours=2))
    first = Window("window", 17, datetime(2026, 7, 1, 2, tzinfo=amsterdam_summer), None, advances=False)
    assert ledger.windows.get(STREAM, "run-1") is None
    assert ledger.windows.pin(STREAM, "run-1", first) == first
    assert ledger.windows.pin(STREAM, "run-1", Window("live", 99)) == first
    pinned = ledger.windows.get(STREAM, "run-1")
    assert pinned is not None
    assert pinned.created_from == datetime(2026, 7, 1, tzinfo=UTC)
    assert pinned.created_from.tzinfo is UTC
    assert ledger.windows.pin(STREAM, "run-2", Window("live", 99)) == Window("live", 99)


def test_naive_times_are_refused(ledger: Ledger) -> None:
    """Nobody could say later what a naive time meant."""
    naive = datetime(2026, 7, 1)  # noqa: DTZ001
    with pytest.raises(Exception, match="aware"):
        ledger.windows.pin(STREAM, "run-1", Window("window", 1, naive))


def test_watermarks_move_forward_by_compare_and_set(ledger: Ledger) -> None:
    """A run advances what it started from, once; a repeated commit of the same run is no error."""
    advance = ledger.watermarks.advance
    big = 9_007_199_254_740_993  # beyond what a float holds exactly
    assert not advance(STREAM, expected=5, to=6, run_id="a", created_from=None)
    assert advance(STREAM, expected=None, to=10, run_id="a", created_from=None)
    assert advance(STREAM, expected=None, to=10, run_id="a", created_from=None)
    assert not advance(STREAM, expected=None, to=10, run_id="b", created_from=None)
    assert not advance(STREAM, expected=10, to=9, run_id="b", created_from=None)
    assert advance(STREAM, expected=10, to=10, run_id="b", created_from=None)
    assert advance(STREAM, expected=10, to=big, run_id="c", created_from=datetime(2026, 1, 1, tzinfo=UTC))
    mark = ledger.watermarks.get(STREAM)
    assert mark is not None
    assert (mark.value, mark.run_id) == (big, "c")
    ledger.watermarks.rewind(STREAM, 3, "d")
    mark = ledger.watermarks.get(STREAM)
    assert mark is not None
    assert (mark.value, mark.run_id, mark.created_from) == (3, "d", datetime(2026, 1, 1, tzinfo=UTC))
    ledger.watermarks.rewind(STREAM, 1, "e", created_from=None)
    mark = ledger.watermarks.get(STREAM)
    assert mark is not None
    assert (mark.value, mark.created_from) == (1, None)


def test_no_window_ever_holds_more_slots_than_the_limit(ledger: Ledger, clock: Clock) -> None:
    """Twenty in sixty seconds: the 21st waits until the first is more than sixty seconds old."""
    for _ in range(20):
        assert ledger.pacer.acquire("b", limit=20, seconds=60) == 0.0
        clock.advance(1)
    wait = ledger.pacer.acquire("b", limit=20, seconds=60)
    assert wait == pytest.approx(40, abs=0.01)
    clock.advance(40)
    assert ledger.pacer.acquire("b", limit=20, seconds=60) > 0
    clock.advance(0.001)
    assert ledger.pacer.acquire("b", limit=20, seconds=60) == 0.0
    assert ledger.pacer.acquire("b", limit=20, seconds=60) == pytest.approx(1, abs=0.01)
    assert ledger.pacer.acquire("other", limit=20, seconds=60) == 0.0


def test_the_pacer_believes_the_service(ledger: Ledger, clock: Clock) -> None:
    """What the service says is left counts until its reset, less what was given since."""
    ledger.pacer.learn("b", remaining=2, reset_in=10)
    ledger.pacer.learn("b", remaining=50, reset_in=9)  # an answer that was overtaken
    assert ledger.pacer.acquire("b", limit=60, seconds=60) == 0.0
    assert ledger.pacer.acquire("b", limit=60, seconds=60) == 0.0
    assert ledger.pacer.acquire("b", limit=60, seconds=60) == pytest.approx(10)
    clock.advance(10)
    assert ledger.pacer.acquire("b", limit=60, seconds=60) == 0.0


def test_a_blocked_bucket_gives_nothing(ledger: Ledger, clock: Clock) -> None:
    """A 429 blocks everybody; a shorter block does not end a longer one."""
    ledger.pacer.block("b", 30)
    ledger.pacer.block("b", 5)
    assert ledger.pacer.acquire("b", limit=60, seconds=60) == pytest.approx(30)
    clock.advance(30)
    assert ledger.pacer.acquire("b", limit=60, seconds=60) == 0.0


def test_a_clock_set_back_does_not_block_for_its_distance(ledger: Ledger, clock: Clock) -> None:
    """Slots dated far ahead come from a clock that was wrong."""
    ledger.pacer.acquire("b", limit=1, seconds=60)
    clock.advance(-86_400)
    assert ledger.pacer.acquire("b", limit=1, seconds=60) == 0.0


def test_the_tenth_error_is_never_made(ledger: Ledger, clock: Clock) -> None:
    """Exact blocks at ten errors per endpoint and hour: after nine nothing is sent until one is an hour old."""
    budget = ledger.error_budget("key-1")
    start = clock.at
    for _ in range(9):
        with budget.reserved("crm/Contacts") as record:
            record(400)
        clock.advance(60)
    with pytest.raises(ErrorBudgetSpentError) as caught, budget.reserved("crm/Contacts"):
        pass
    assert caught.value.retry_at == start + timedelta(hours=1)
    with budget.reserved("crm/Accounts"), ledger.error_budget("key-2").reserved("crm/Contacts"):
        pass
    clock.at = start + timedelta(hours=1)
    with budget.reserved("crm/Contacts") as record:
        record(404)
    with pytest.raises(ErrorBudgetSpentError), budget.reserved("crm/Contacts"):
        pass


def test_calls_are_counted_per_run(ledger: Ledger) -> None:
    """Service, endpoint and status, 0 where no answer came."""
    meter = ledger.meter("run-1")
    meter.count("exact", "sync/CRM/Contacts", 200)
    meter.count("exact", "sync/CRM/Contacts", 200)
    meter.count("personio", "v1/recruiting/applications", 0)
    ledger.meter("run-2").count("exact", "current/Me", 200)
    assert ledger.calls("run-1") == {
        ("exact", "sync/CRM/Contacts", 200): 2,
        ("personio", "v1/recruiting/applications", 0): 1,
    }


def test_tokens_are_durable_before_the_lock_is_released(ledger: Ledger, clock: Clock) -> None:
    """Each link has its generation; another reader sees it at once, the text never shows it."""
    vault = ledger.vault("exact_online_default")
    assert vault.read() is None
    expires = clock.at + timedelta(seconds=600)
    with vault.locked() as held:
        assert held.current is None
        first = held.replace("access-1", "refresh-1", clock.at, expires)
        assert ledger.vault("exact_online_default").read() == first
        second = held.replace("access-2", "refresh-2", clock.at, expires)
        assert held.current == second
    assert (first.generation, second.generation) == (1, 2)
    assert vault.read() == second
    assert ledger.vault("another").read() is None


def test_chains_are_found_by_their_app(ledger: Ledger, clock: Clock) -> None:
    """Whatever the connection is called; the app is not readable, and saving without it does not lose it."""
    expires = clock.at + timedelta(seconds=600)
    app = "start.exactonline.nl|client-1"
    assert ledger.chains(app) == []
    ledger.vault("one", app).save("a", "r", clock.at, expires)
    ledger.vault("no_app").save("a", "r", clock.at, expires)
    ledger.vault("other", "start.exactonline.nl|client-2").save("a", "r", clock.at, expires)
    clock.advance(60)
    ledger.vault("two", app).save("a", "r", clock.at, expires)
    assert [chain.connection_id for chain in ledger.chains(app)] == ["two", "one"]
    clock.advance(60)
    ledger.vault("one").save("a2", "r2", clock.at, expires)
    newest = ledger.chains(app)[0]
    assert (newest.connection_id, newest.obtained_at, newest.generation) == ("one", clock.at, 2)
    assert ledger.chains("") == []
    with ledger._database.read() as connection:
        assert "client-1" not in repr(connection.exec_driver_sql("SELECT * FROM ledger_tokens").all())
    token = ledger.vault("no_app").read()
    assert token is not None
    assert token.refresh_token == "r"

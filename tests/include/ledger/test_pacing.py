"""The shared pacer: never more than the limit, and two lanes of which the live one passes."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forks import FORKS
from include.ledger import open_ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.ledger import Ledger
    from include.ledger.pacing import Lane

WINDOW = 60.0
BUCKETS = (f"bucket-{number}" for number in itertools.count())


class Slot(NamedTuple):
    at: int
    lane: str


@dataclass
class Log:
    """Everything that was asked and given, kept for as long as the test."""

    window: int
    given: list[Slot] = field(default_factory=list)
    live_asks: list[int] = field(default_factory=list)

    def within(self, at: int, lane: str = "") -> int:
        """Count the slots of the window that ends at ``at``, both ends included."""
        return sum(at - self.window <= slot.at <= at and lane in ("", slot.lane) for slot in self.given)

    def wanted(self, at: int) -> bool:
        return any(at - self.window <= asked <= at for asked in self.live_asks)


@dataclass
class Bucket:
    """One limit, asked by both lanes at times that the test decides."""

    ledger: Ledger
    clock: Any
    limit: int
    share: float
    name: str = field(default_factory=lambda: next(BUCKETS))
    log: Log = field(default_factory=lambda: Log(round(WINDOW * 1e6)))

    @property
    def now(self) -> int:
        return round(float(self.clock.at.timestamp()) * 1e6)

    @property
    def own(self) -> int:
        """How many slots the history lane has while a live run wants some."""
        return max(1, int(self.limit * self.share)) if self.share else 0

    def wait(self, lane: Lane) -> float:
        return self.ledger.pacer.lane(lane, self.share).wait(self.name, limit=self.limit, seconds=WINDOW)

    def ask(self, lane: Lane) -> float:
        wait = self.ledger.pacer.lane(lane, self.share).acquire(self.name, limit=self.limit, seconds=WINDOW)
        if lane == "live":
            self.log.live_asks.append(self.now)
        if not wait:
            self.log.given.append(Slot(self.now, lane))
        return wait


LANES = st.sampled_from(("live", "history"))
STEPS = st.lists(st.tuples(LANES, st.sampled_from([0, 0.5, 3, 10, 31, 60, 61, 150])), max_size=25)


def test_every_order_of_asks_keeps_to_limit_and_share(ledger: Ledger, clock: Any) -> None:
    """No window holds more than the limit, nor more of history than its share while a live run wants a slot.

    And no slot is wasted: who is refused is refused because the window is full, or its share of it is.
    """

    @settings(max_examples=25)
    @given(limit=st.integers(1, 6), share=st.sampled_from([0.0, 0.2, 0.5, 1.0]), steps=STEPS)
    def check(limit: int, share: float, steps: list[tuple[Lane, float]]) -> None:
        bucket = Bucket(ledger, clock, limit, share)
        log = bucket.log
        for lane, gap in steps:
            clock.advance(gap)
            wanted, now = log.wanted(bucket.now), bucket.now
            told = bucket.wait(lane)
            assert bucket.ask(lane) == told
            assert log.within(now) <= limit
            if told:
                spent = lane == "history" and wanted and log.within(now, "history") >= bucket.own
                assert spent or log.within(now) == limit
            elif lane == "history" and wanted:
                assert log.within(now, "history") <= bucket.own

    check()


@pytest.mark.parametrize("lane", ["live", "history"])
def test_wait_is_over_when_it_was_told_to_be(ledger: Ledger, clock: Any, lane: Lane) -> None:
    """Who comes back at the time gets a slot if nobody else asked; who comes a moment earlier does not."""

    @settings(max_examples=10)
    @given(limit=st.integers(1, 4), steps=STEPS)
    def check(limit: int, steps: list[tuple[Lane, float]]) -> None:
        bucket = Bucket(ledger, clock, limit, 0.5)
        for asking, gap in steps:
            clock.advance(gap)
            bucket.ask(asking)
        while not (wait := bucket.wait(lane)):
            bucket.ask(lane)
        clock.advance(wait - 0.001)
        # A live run that looks wants a slot; so does this one, and its own look must not delay it.
        assert bucket.wait(lane) > 0
        clock.advance(0.001)
        assert bucket.ask(lane) == 0

    check()


def test_live_run_passes_a_backfill_that_used_the_limit_up(ledger: Ledger, clock: Any) -> None:
    """Whatever a backfill took, a live run has half of every window from the second one on; alone, each has all."""
    bucket = Bucket(ledger, clock, limit=6, share=0.5)
    given: Counter[tuple[int, Lane]] = Counter()
    for second in range(7 * 61):
        clock.advance(1)
        lanes: tuple[Lane, ...] = ("history", "live") if 2 * 61 <= second < 5 * 61 else ("history",)
        for lane in lanes:
            given[second // 61, lane] += bucket.ask(lane) == 0
    assert [given[window, "history"] for window in range(2)] == [6, 6]
    assert [given[window, "live"] for window in (3, 4)] == [3, 3]
    assert [given[window, "history"] for window in (3, 4)] == [3, 3]
    assert given[6, "history"] == 6


def test_share_of_nothing_is_none_and_any_other_at_least_one(ledger: Ledger, clock: Any) -> None:
    """With 0 % a backfill waits until no live run wants anything; with 1 % of three it has one slot."""
    for share, had in ((0.0, 0), (0.01, 1), (1.0, 2)):
        bucket = Bucket(ledger, clock, limit=3, share=share)
        bucket.ask("live")
        assert sum(bucket.ask("history") == 0 for _ in range(3)) == had
        clock.advance(WINDOW + 0.001)
        assert bucket.ask("history") == 0


def test_looking_takes_nothing(ledger: Ledger, clock: Any) -> None:
    bucket = Bucket(ledger, clock, limit=1, share=0.5)
    assert [bucket.wait("live") for _ in range(5)] == [0.0] * 5
    assert bucket.ask("history") == 0
    assert bucket.wait("history") == pytest.approx(60)


def test_live_run_that_only_looked_is_waited_for(ledger: Ledger, clock: Any) -> None:
    """It pauses until a slot is free; meanwhile the backfill keeps to its share."""
    bucket = Bucket(ledger, clock, limit=4, share=0.5)
    for _ in range(4):
        bucket.ask("history")
        clock.advance(10)
    assert bucket.wait("live") == pytest.approx(20)
    clock.advance(20.001)
    assert bucket.ask("history") > 0
    assert bucket.ask("live") == 0


def test_clock_set_back_does_not_hold_up_the_backfill(ledger: Ledger, clock: Any) -> None:
    """A live ask dated a day ahead comes from a clock that was wrong."""
    bucket = Bucket(ledger, clock, limit=2, share=0.5)
    bucket.ask("live")
    clock.advance(-86_400)
    assert [bucket.ask("history"), bucket.ask("history")] == [0, 0]


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_share_is_a_share(ledger: Ledger, share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        ledger.pacer.acquire("b", limit=1, seconds=1, lane="history", share=share)


LIMIT, SECONDS, SHARE = 6, 0.6, 0.5


def meet(barrier: Any) -> None:
    """Have the processes of the pool begin together, however long each took to start."""
    global together  # noqa: PLW0603 - a process of its own
    together = barrier


together: Any = None


def ask_for_a_while(url: str, key: str, lane: Lane, after: float, seconds: float) -> list[tuple[float, float]]:
    """Take every slot that is to be had; return when each ask began and ended."""
    asks = []
    with open_ledger(url, key) as ledger:
        pacer = ledger.pacer.lane(lane, SHARE)
        together.wait(120)
        time.sleep(after)
        end = time.time() + seconds
        while time.time() < end:
            started = time.time()
            wait = pacer.acquire("shared", limit=LIMIT, seconds=SECONDS)
            asks.append((started, time.time()))
            time.sleep(min(wait, 0.05))
    return asks


def test_processes_share_the_limit_and_its_lanes(
    url: str, key: str, spawned: Callable[..., tuple[list[Any], list[Slot]]]
) -> None:
    """Three backfills and a live run that comes in between, each a process: the same holds for all of them."""
    asks, given = spawned(url, key)
    window = round(SECONDS * 1e6)
    log = Log(window, given)
    live = [(round(began * 1e6), round(ended * 1e6)) for began, ended in asks]
    assert {slot.lane for slot in given} == {"live", "history"}
    for slot in given:
        assert log.within(slot.at) <= LIMIT
        # Whenever exactly the ask was noted, it was between its two ends.
        wanted = any(slot.at - window <= began and ended <= slot.at for began, ended in live)
        if slot.lane == "history" and wanted:
            assert log.within(slot.at, "history") <= LIMIT * SHARE


@pytest.fixture
def spawned() -> Callable[..., tuple[list[Any], list[Slot]]]:
    """Return a function that runs the processes and returns the live asks, and every slot that was given."""

    def run(url: str, key: str) -> tuple[list[Any], list[Slot]]:
        seen: dict[int, Slot] = {}
        with open_ledger(url, key) as ledger, FORKS.Pool(4, meet, (FORKS.Barrier(4),)) as pool:
            backfills = [pool.apply_async(ask_for_a_while, (url, key, "history", 0, 3)) for _ in range(3)]
            asking = [*backfills, pool.apply_async(ask_for_a_while, (url, key, "live", 1, 1))]
            while not all(process.ready() for process in asking):
                with ledger._database.read() as connection:
                    # The log forgets what is over, so it is read while it grows.
                    rows = connection.exec_driver_sql("SELECT id, at, lane FROM ledger_pacer_grants").all()
                seen |= {row[0]: Slot(row[1], row[2]) for row in rows}
                time.sleep(0.05)
            asks = [process.get() for process in asking]
        return asks[-1], sorted(seen.values())

    return run

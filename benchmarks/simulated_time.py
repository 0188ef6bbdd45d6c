"""One virtual clock for many workers: it leaps to the next one that wakes when all of them sleep."""

from __future__ import annotations

import heapq
import itertools
from contextlib import contextmanager
from datetime import timedelta
from threading import Condition
from typing import TYPE_CHECKING

from benchmarks.simulated_line import Together

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


class SimulatedTime(Together):
    """Time that passes only while every worker sleeps, and then at once.

    It stands still else, so that a slow machine loses no slot.
    """

    def __init__(self) -> None:
        super().__init__()
        self.exact_clock.scale = 0
        self._awake = 0
        self._turn = Condition()
        self._sleepers: list[tuple[datetime, int]] = []
        self._numbers = itertools.count()

    def expect(self, workers: int) -> None:
        """Let no time pass before so many have begun, or it would pass for the first of them alone."""
        with self._turn:
            self._awake += workers

    @contextmanager
    def working(self) -> Iterator[None]:
        """Be one of the workers that were expected."""
        try:
            yield
        finally:
            with self._turn:
                self._awake -= 1
                self._leap()

    def sleep(self, seconds: float) -> None:
        """Sleep as a worker; others may run meanwhile, in the order in which they wake."""
        with self._turn:
            mine = (self.now() + timedelta(seconds=max(seconds, 0.0)), next(self._numbers))
            heapq.heappush(self._sleepers, mine)
            self._awake -= 1
            self._leap()
            self._turn.wait_for(lambda: mine not in self._sleepers)

    def _leap(self) -> None:
        """Wake the next one if nobody is awake."""
        if self._awake or not self._sleepers:
            return
        at, _ = heapq.heappop(self._sleepers)
        if at > self.now():
            self.exact_clock.set(at)
        self._awake += 1
        self._turn.notify_all()

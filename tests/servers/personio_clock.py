"""Personio's clock where a test moves the ledger's: what an attempt makes must not look older than the attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.sandbox.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


class PersonioClock(Clock):
    """The clock of Personio that goes with the ledger's.

    :param time: tells the ledger's time, aware.
    """

    def __init__(self, time: Callable[[], datetime]) -> None:
        super().__init__()
        self.time = time

    def now(self) -> datetime:
        return self.time()

"""A clock of the sandbox that goes with another one, which a test moves."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from include.sandbox.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


class FollowingClock(Clock):
    """Shows the time that it is told, unless it is set wrong.

    Where the ledger's is moved and Personio's is not, what an attempt has made looks older than the attempt.

    :param time: tells the time, aware.
    """

    def __init__(self, time: Callable[[], datetime]) -> None:
        super().__init__()
        self.time = time
        self.wrong_by = timedelta(0)

    def now(self) -> datetime:
        return self.time() + self.wrong_by

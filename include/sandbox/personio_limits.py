"""Personio's three kinds of rate limits, on the sandbox's clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass
class Window:
    """At most ``limit`` calls in ``seconds``; refused calls do not count.

    :param pause: seconds for which everything is refused once the limit was hit.
    """

    calls: deque[float] = field(default_factory=deque)
    paused_until: float = 0.0

    def take(self, at: float, *, limit: int, seconds: float, fixed: bool = False, pause: float = 0.0) -> bool:
        """Count one call; False if it is too many."""
        if at < self.paused_until:
            return False
        if fixed:
            if self.calls and at - self.calls[0] >= seconds:
                self.calls.clear()
        else:
            while self.calls and at - self.calls[0] >= seconds:
                self.calls.popleft()
        if len(self.calls) >= limit:
            self.paused_until = at + pause
            return False
        self.calls.append(at)
        return True


@dataclass
class Bucket:
    """A token bucket as Spring Cloud Gateway runs it: refills steadily, holds at most ``burst``."""

    tokens: float
    filled_at: float

    def take(self, at: float, *, rate: float, burst: int) -> tuple[bool, int]:
        """Take one token; whether there was one, and how many whole ones are left."""
        self.tokens = min(float(burst), self.tokens + max(0.0, at - self.filled_at) * rate)
        self.filled_at = at
        if self.tokens < 1:
            return False, 0
        self.tokens -= 1
        return True, int(self.tokens)


class Limits:
    """All limits of one company, by name."""

    def __init__(self) -> None:
        self._windows: dict[str, Window] = {}
        self._buckets: dict[str, Bucket] = {}

    def window(
        self, name: str, at: datetime, *, limit: int, seconds: float, fixed: bool = False, pause: float = 0.0
    ) -> bool:
        """Count a call against the window ``name``; False if it is too many."""
        window = self._windows.setdefault(name, Window())
        return window.take(at.timestamp(), limit=limit, seconds=seconds, fixed=fixed, pause=pause)

    def bucket(self, name: str, at: datetime, *, rate: float, burst: int) -> tuple[bool, int]:
        """Take a token from the bucket ``name``; whether there was one, and how many are left."""
        moment = at.timestamp()
        bucket = self._buckets.setdefault(name, Bucket(float(burst), moment))
        return bucket.take(moment, rate=rate, burst=burst)

"""The sandbox's own time: it can stand elsewhere than the machine's clock, and run faster."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from threading import RLock


class Clock:
    """A clock that can be moved and scaled; every lifetime and limit of the sandbox reads it.

    :param offset: how far ahead of the machine's clock it starts.
    :param scale: seconds that pass here in one second of the machine.
    """

    def __init__(self, *, offset: timedelta = timedelta(0), scale: float = 1.0) -> None:
        self._lock = RLock()
        self._scale = scale
        self._base = datetime.now(tz=UTC) + offset
        self._anchor = time.monotonic()

    def now(self) -> datetime:
        """Return the sandbox's time, aware, in UTC."""
        with self._lock:
            return self._base + timedelta(seconds=(time.monotonic() - self._anchor) * self._scale)

    def set(self, at: datetime) -> None:
        """Jump to a moment; time goes on from there.

        :param at: aware moment.
        :raises ValueError: if the moment has no zone.
        """
        if at.tzinfo is None:
            raise ValueError("The sandbox clock needs a moment with a zone, e.g. 2026-06-25T14:14:12Z.")
        with self._lock:
            self._base = at.astimezone(UTC)
            self._anchor = time.monotonic()

    def advance(self, delta: timedelta) -> None:
        """Jump by a span, forward or back.

        :param delta: span to add.
        """
        self.set(self.now() + delta)

    @property
    def scale(self) -> float:
        """Seconds that pass here in one second of the machine; 0 stops the clock."""
        return self._scale

    @scale.setter
    def scale(self, value: float) -> None:
        with self._lock:
            self.set(self.now())
            self._scale = value

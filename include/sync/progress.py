"""Progress of long work, as log lines with count, rate and finish time."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta

log = logging.getLogger(__name__)


class Progress:
    """Logs how far a long step is, at most once per ``every`` seconds.

    :param what: what is being counted, in the plural.
    :param total: how many there will be, if known.
    :param every: seconds between two lines.
    """

    def __init__(self, what: str, *, total: int | None = None, every: float = 10.0) -> None:
        self.what = what
        self.total = total
        self.every = every
        self.done = 0
        self._started = self._last = time.monotonic()

    def add(self, count: int) -> None:
        """Count ``count`` more, and say so if it is time to."""
        self.done += count
        if time.monotonic() - self._last >= self.every:
            self._last = time.monotonic()
            log.info("%s", self.line())

    def line(self) -> str:
        """Return the line: what is done, how fast, and when it will be finished."""
        elapsed = max(time.monotonic() - self._started, 0.001)
        rate = self.done / elapsed
        text = f"{self.done} {self.what}"
        if self.total:
            text = f"{self.done} of {self.total} {self.what}"
        text += f", {rate:.1f} a second" if rate >= 1 else f", {60 * rate:.1f} a minute"
        if self.total and rate:
            now = datetime.now(UTC)
            finish = now + timedelta(seconds=(self.total - self.done) / rate)
            day = "" if finish.date() == now.date() else f"{finish:%Y-%m-%d} "
            text += f", finished about {day}{finish:%H:%M:%S} UTC"
        return text

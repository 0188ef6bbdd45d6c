"""Exact's limits: slots from the shared pacer, corrected by what the headers say.

Resets are epoch milliseconds in Exact's responses, seconds in some of its documents; both are read, by
magnitude. The server's own ``Date`` is the clock they are compared with. On a 429 only the headers of the limit
that was hit are sent, and sometimes none, so each is read by itself.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from include.errors import RateLimitedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from include.clients.ports import Pacer

log = logging.getLogger(__name__)

DAY: Final = 86_400.0
_MARGIN: Final = 1.006
"""How much longer our minute is than Exact's: a call may leave a little later than its slot is dated."""
_UNKNOWN_DAY_LIMIT: Final = 1_000_000
"""Until a header tells the contract's limit, only a block that was learned before can stop a call."""
_BLOCKED_SECONDS: Final = 3_600.0
"""Exact lifts the block for too many errors after an hour."""


class ExactLimits:
    """Waits for a slot of the minute and the day, and learns from every answer.

    :param pacer: shared by all workers.
    :param division: the limits are per company.
    :param calls_per_minute: the most to use, even if Exact would allow more.
    :param calls_per_day: the contract's limit, None if the headers shall tell.
    :param minute_seconds: how long the service's minute lasts.
    :param max_wait_seconds: the longest sleep for one call; beyond it the call is given up until later.
    """

    def __init__(
        self,
        pacer: Pacer,
        *,
        division: int,
        calls_per_minute: int,
        calls_per_day: int | None,
        minute_seconds: float,
        max_wait_seconds: float,
        sleep: Callable[[float], None],
        now: Callable[[], datetime],
    ) -> None:
        self._pacer = pacer
        self._minute, self._day = f"exact:{division}:minute", f"exact:{division}:day"
        self._per_minute = calls_per_minute
        self._per_day = calls_per_day or _UNKNOWN_DAY_LIMIT
        self._minute_seconds = minute_seconds
        self._max_wait = max_wait_seconds
        self._sleep = sleep
        self._now = now

    def take_slot(self, *, counts_for_day: bool) -> None:
        """Wait until a call may be made.

        :param counts_for_day: False for URLs without a division.
        :raises RateLimitedError: if that takes longer than the client may sleep.
        """
        waited = 0.0
        window = self._minute_seconds * _MARGIN
        while wait := self._pacer.acquire(self._minute, limit=self._per_minute, seconds=window):
            waited += wait
            if waited > self._max_wait:
                raise self._limited(wait, "exact.limit.minute")
            log.info("exact: waiting %.1f s for a call of this minute", wait)
            self._sleep(wait)
        if counts_for_day:
            wait = self._pacer.acquire(self._day, limit=self._per_day, seconds=DAY)
            if wait:
                raise self._limited(wait, "exact.limit.day")

    def still_holds(self) -> bool:
        """Say whether the slot of the minute is good for a call that leaves now; else another one has to be taken."""
        return self._pacer.use(self._minute)

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take over the service's own count.

        :param headers: of any answer; missing or odd ones are ignored.
        """
        for bucket, infix, window in self._buckets():
            remaining = _integer(headers.get(f"X-RateLimit-{infix}Remaining"))
            reset_in = self._reset_in(headers, infix, window)
            if remaining is not None and reset_in is not None:
                self._pacer.learn(bucket, remaining=max(remaining, 0), reset_in=reset_in)
        per_day = _integer(headers.get("X-RateLimit-Limit"))
        if per_day and per_day > 0:
            self._per_day = per_day

    def after_429(self, headers: Mapping[str, str], *, waited: float, attempt: int) -> float:
        """Block the limit that was hit and sleep until it is over.

        :param headers: of the 429.
        :param waited: seconds slept for this call so far.
        :param attempt: which 429 of this call it is, from 1.
        :returns: the seconds slept.
        :raises RateLimitedError: if waiting takes too long, or the 429 is not one of the two limits.
        """
        day_reset = self._reset_in(headers, "", DAY)
        minute_reset = self._reset_in(headers, "Minutely-", self._minute_seconds)
        # All headers together: the day is over only if its count says so.
        if day_reset is not None and (minute_reset is None or _integer(headers.get("X-RateLimit-Remaining")) == 0):
            self._pacer.block(self._day, day_reset)
            raise self._limited(day_reset, "exact.limit.day")
        if minute_reset is None:
            if attempt > 1:
                # A second 429 without any header looks like the block for errors, which lasts an hour.
                raise self._limited(_BLOCKED_SECONDS, "exact.limit.unexplained")
            minute_reset = self._to_next_minute(headers)
        wait = max(minute_reset, self._minute_seconds / 60)
        self._pacer.block(self._minute, wait)
        if waited + wait > self._max_wait:
            raise self._limited(wait, "exact.limit.minute")
        log.info("exact: 429, waiting %.1f s for the next minute", wait)
        self._sleep(wait)
        return wait

    def _buckets(self) -> tuple[tuple[str, str, float], ...]:
        return (self._minute, "Minutely-", self._minute_seconds), (self._day, "", DAY)

    def _reset_in(self, headers: Mapping[str, str], infix: str, window: float) -> float | None:
        reset = _integer(headers.get(f"X-RateLimit-{infix}Reset"))
        if reset is None or reset < 0:
            return None
        if reset >= 100_000_000_000:  # noqa: PLR2004 - as seconds that is the year 5138: it is milliseconds
            seconds = reset / 1000 - self._server_time(headers).timestamp()
        elif reset >= 1_000_000_000:  # noqa: PLR2004 - the year 2001: epoch seconds
            seconds = reset - self._server_time(headers).timestamp()
        else:  # one page of Exact's help says "remaining time"
            seconds = float(reset)
        return min(max(seconds, 0.0), window + 1.0)

    def _server_time(self, headers: Mapping[str, str]) -> datetime:
        try:
            return parsedate_to_datetime(headers["Date"]).astimezone(UTC)
        except (KeyError, TypeError, ValueError):
            return self._now()

    def _to_next_minute(self, headers: Mapping[str, str]) -> float:
        window = self._minute_seconds
        return window - self._server_time(headers).timestamp() % window + window / 60

    def _limited(self, wait: float, code: str) -> RateLimitedError:
        retry_at = self._now() + timedelta(seconds=wait)
        return RateLimitedError(
            f"Exact's limit of calls is used up until {retry_at:%Y-%m-%d %H:%M:%S %Z}.",
            reason_code=code,
            way_out="The task goes on by itself after that time; other apps of this key share the limit.",
            status=429,
            retry_at=retry_at,
        )


def _integer(text: str | None) -> int | None:
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None

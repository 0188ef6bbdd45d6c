"""Exact Online's two guards: calls per division and minute or day, and errors per endpoint and hour."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from include.sandbox.clock import Clock
    from include.sandbox.settings import ExactSettings, SandboxSettings

_DAY_SECONDS = 86_400
_HEADERS = {"day": "X-RateLimit-", "minute": "X-RateLimit-Minutely-"}


class RateLimits:
    """Calls of an app per division, in windows that stand still: the calendar minute and the day in UTC.

    :param clock: the sandbox's time.
    :param settings: limits, read at every call.
    """

    def __init__(self, clock: Clock, settings: SandboxSettings) -> None:
        self._clock = clock
        self._settings = settings
        self._used: dict[tuple[str, int, str], tuple[int, int]] = {}

    def take(self, client_id: str, division: int) -> tuple[bool, dict[str, str]]:
        """Count a call, unless a limit forbids it.

        :param client_id: the app.
        :param division: the company in the URL.
        :return: whether it may go on, and the headers of its answer; a refusal names only the limit that was hit.
        """
        exact = self._settings.exact
        windows = {
            "day": (exact.daily_limit, float(_DAY_SECONDS)),
            "minute": (exact.minutely_limit, self._settings.limit_seconds),
        }
        now = self._clock.now().timestamp()
        state: dict[str, tuple[int, int, int]] = {}
        for name, (limit, seconds) in windows.items():
            number = int(now // seconds)
            last, used = self._used.get((client_id, division, name), (number, 0))
            used = used if last == number else 0
            # Whole milliseconds, and whole minutes while a minute is one: clients divide by 1000.
            reset = round((number + 1) * seconds * 1000)
            if used >= limit:
                hit = _headers(name, limit, 0, reset)
                return False, hit if exact.headers_on_429 else {}
            state[name] = (number, used + 1, reset)
        headers: dict[str, str] = {}
        for name, (number, used, reset) in state.items():
            self._used[client_id, division, name] = (number, used)
            limit = windows[name][0]
            headers |= _headers(name, limit, limit - used, reset)
        return True, headers


def _headers(name: str, limit: int, remaining: int, reset: int) -> dict[str, str]:
    prefix = _HEADERS[name]
    return {f"{prefix}Limit": str(limit), f"{prefix}Remaining": str(remaining), f"{prefix}Reset": str(reset)}


class ErrorBlock:
    """Answers 400, 401, 403 and 404 per app, company and endpoint; too many in an hour block the key there.

    :param clock: the sandbox's time.
    :param settings: limits, read at every call.
    """

    COUNTED = frozenset({400, 401, 403, 404})

    def __init__(self, clock: Clock, settings: ExactSettings) -> None:
        self._clock = clock
        self._settings = settings
        self._errors: defaultdict[tuple[str, int | None, str], deque[float]] = defaultdict(deque)

    def blocked(self, client_id: str, division: int | None, endpoint: str) -> bool:
        """Tell whether the key is blocked at an endpoint.

        :param client_id: the app.
        :param division: the company in the URL, if any.
        :param endpoint: normalised endpoint.
        """
        times = self._errors[client_id, division, endpoint]
        oldest = self._clock.now().timestamp() - self._settings.error_window_seconds
        while times and times[0] <= oldest:
            times.popleft()
        return len(times) >= self._settings.error_limit

    def record(self, client_id: str, division: int | None, endpoint: str, status: int) -> None:
        """Count an answer if it is an error that counts.

        :param client_id: the app.
        :param division: the company in the URL, if any.
        :param endpoint: normalised endpoint.
        :param status: HTTP status of the answer.
        """
        if status in self.COUNTED:
            self._errors[client_id, division, endpoint].append(self._clock.now().timestamp())

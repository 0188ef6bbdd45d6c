"""One call to Exact: budget, slot, token, answer, and what follows from it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from include.clients import clock
from include.clients.exact_errors import COUNTED, refusal
from include.clients.exact_limits import ExactLimits
from include.transport import Reply, retried, send

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta
    from zoneinfo import ZoneInfo

    import httpx

    from include.clients.ports import CallMeter, ErrorBudget, Pacer
    from include.clients.tokens import ExactTokens

UNAUTHORIZED: Final = 401


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactConfig:
    """Which division of which site is read, and how fast.

    :param base_url: the customer's site, for example ``https://start.exactonline.nl``.
    :param division: pinned: the user's current division changes when they switch companies in the browser.
    :param zone: the site's time zone; all its times are local.
    :param calls_per_day: the contract's limit, None to learn it from the headers.
    :param minute_seconds: length of the service's minute.
    """

    base_url: str
    division: int
    zone: ZoneInfo
    calls_per_minute: int = 60
    calls_per_day: int | None = None
    minute_seconds: float = 60.0
    max_wait_seconds: float = 120.0


# Not printed: headers hold the token, filters and bodies hold people.
@dataclass(frozen=True, slots=True, repr=False)
class _Request:
    method: str
    url: str
    endpoint: str
    headers: Mapping[str, str]
    json: Mapping[str, Any] | None
    counts_for_day: bool
    hold: Callable[[], None] | None

    @property
    def write(self) -> bool:
        return self.method != "GET"


class ExactCalls:
    """Makes calls that respect the limits, the error budget and the token chain."""

    def __init__(
        self,
        config: ExactConfig,
        http: httpx.Client,
        tokens: ExactTokens,
        *,
        pacer: Pacer,
        budget: ErrorBudget,
        meter: CallMeter,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = http
        self._tokens = tokens
        self._budget = budget
        self._meter = meter
        self._sleep = sleep
        self.skew: timedelta | None = None
        """How much Exact's clock was ahead of ours at the last answer that told its time."""
        self._limits = ExactLimits(
            pacer,
            division=config.division,
            calls_per_minute=config.calls_per_minute,
            calls_per_day=config.calls_per_day,
            minute_seconds=config.minute_seconds,
            max_wait_seconds=config.max_wait_seconds,
            sleep=sleep,
            now=lambda: datetime.now(UTC),
        )

    def call(
        self,
        method: str,
        url: str,
        endpoint: str,
        *,
        counts_for_day: bool = True,
        accept: str = "application/json",
        prefer: str = "",
        json: Mapping[str, Any] | None = None,
        hold: Callable[[], None] | None = None,
    ) -> Reply:
        """Make the call and return its answer, or raise what the answer means.

        :param endpoint: normalised, the key of the error budget.
        :param counts_for_day: False for URLs without a division.
        :param accept: empty for no such header.
        :param hold: called right before each sending, when limits, budget and token are at hand; what it raises
            stops the call.
        :raises RetryLaterError: if nothing was changed and a later try may work.
        :raises AbortError: if a person has to act.
        :raises OutcomeUnknownError: if a write was sent and no clear answer came.
        """
        headers = {"Accept": accept, "Prefer": prefer}
        headers = {name: value for name, value in headers.items() if value}
        request = _Request(method, url, endpoint, headers, json, counts_for_day, hold)
        return retried(lambda: self._until_answered(request), sleep=self._sleep)

    def _until_answered(self, request: _Request) -> Reply:
        waited, limited, token, refreshed = 0.0, 0, "", False
        counts = request.counts_for_day
        while True:
            self._limits.take_slot(counts_for_day=counts)
            with self._budget.reserved(request.endpoint, division=request.counts_for_day) as record:
                # Last, and anew each time round: the old one may have ended while we slept.
                token = token or self._tokens.access_token()
                if not self._limits.still_holds():
                    # Waiting for the token took longer than a minute; the day's slot is not used up yet.
                    counts, token = False, ""
                    continue
                if request.hold is not None:
                    request.hold()
                reply = self._send(request, token, record)
            counts = request.counts_for_day
            self._limits.learn(reply.headers)
            seen = clock.skew(reply.headers)
            self.skew = self.skew if seen is None else seen
            if reply.action == "done":
                return reply
            if reply.action == "limited":
                limited += 1
                waited += self._limits.after_429(reply.headers, waited=waited, attempt=limited)
                token = ""
                continue
            if reply.status != UNAUTHORIZED or refreshed:
                raise refusal(reply, request.endpoint, write=request.write)
            refreshed, token = True, self._tokens.refresh_after_401(token)

    def _send(self, request: _Request, token: str, record: Callable[[int], None]) -> Reply:
        return send(
            self._http,
            request.method,
            request.url,
            service="exact",
            endpoint=request.endpoint,
            write=request.write,
            headers={**request.headers, "Authorization": f"Bearer {token}"},
            on_status=lambda status: self._count(request.endpoint, status, record),
            json=request.json,
        )

    def _count(self, endpoint: str, status: int, record: Callable[[int], None]) -> None:
        """Count the answer by its status alone: a 400 with a gateway's page is an error for Exact, too."""
        if status in COUNTED:
            record(status)
        self._meter.count("exact", endpoint, status)

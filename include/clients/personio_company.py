"""One company at Personio: its settings, and the calls that everything goes through."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from include.clients import clock
from include.clients.personio_calls import Bucket, PersonioCalls
from include.errors import ConfigurationError, CredentialsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    import httpx

    from include.clients.personio_limits import PersonioConfig
    from include.clients.ports import CallMeter, Pacer


class PersonioCompany:
    """What recruiting, employees and persons have in common.

    :param http: from :func:`include.transport.build_http`, with Personio's base URL.
    :param pacer: shares the limits between all workers.
    :param meter: counts the calls.
    :param sleep: how to wait.
    :param now: what time it is, in UTC.
    """

    def __init__(
        self,
        config: PersonioConfig,
        http: httpx.Client,
        *,
        pacer: Pacer,
        meter: CallMeter,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.config = config
        self._http = http
        self._calls = PersonioCalls(config, http, pacer=pacer, meter=meter, sleep=sleep, now=now)

    def reserve(self, bucket: Bucket) -> None:
        """Wait for a slot of a limit; the next call of it is sent without waiting.

        :param bucket: ``recruiting`` for applications and documents, or ``employees``.
        :raises RateLimitedError: if that would take longer than the connection allows.
        """
        self._calls.reserve(bucket)

    def scopes(self) -> frozenset[str] | None:
        """Return the scopes of the v2 token; None if client id and secret are missing or no login for v2."""
        try:
            return self._calls.scopes("v2")
        except (ConfigurationError, CredentialsError):
            return None

    def clock_skew(self) -> timedelta:
        """Return how much Personio's clock is ahead of ours, to a few seconds.

        Told by the last answer; only without any, a login is made.

        :raises ProtocolError: if no answer holds a ``Date``.
        :raises ConfigurationError: if nothing was asked yet and there is no client id to log in with.
        """
        if self._calls.skew is None:
            self._calls.scopes("v1")
        if self._calls.skew is None:
            raise clock.unknown_time("personio")
        return self._calls.skew

"""One call to Personio: slot, headers, answer. And its two kinds of tokens that are asked for."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from include.clients import clock
from include.clients.personio_answers import unreadable
from include.clients.personio_errors import login_refusal
from include.clients.personio_limits import limit_of
from include.errors import ConfigurationError, RateLimitedError
from include.transport import Reply, retried, send

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    import httpx

    from include.clients.personio_limits import PersonioConfig
    from include.clients.ports import CallMeter, Pacer

log = logging.getLogger(__name__)

Bucket = Literal["recruiting", "employees"]
"""Limits of writes, for which a slot can be taken beforehand."""

UNAUTHORIZED: Final = 401
_DAY: Final = 86_400.0
_DAWDLED: Final = 2.0
"""Seconds that a write may take to leave once its record is held."""
_RENEW_EARLY: Final = timedelta(minutes=5)


class PersonioCalls:
    """Makes calls that respect Personio's limits; headers are built anew for each of them."""

    def __init__(
        self,
        config: PersonioConfig,
        http: httpx.Client,
        *,
        pacer: Pacer,
        meter: CallMeter,
        sleep: Callable[[float], None],
        now: Callable[[], datetime],
    ) -> None:
        self._config = config
        self._http = http
        self._pacer = pacer
        self._meter = meter
        self._sleep = sleep
        self._now = now
        self._tokens: dict[str, tuple[str, datetime]] = {}
        self._scopes: dict[str, frozenset[str]] = {}
        # Logins whose newest token was refused: another one would be, too.
        self._refused: set[str] = set()
        # When it was taken: one that was left over, as by a record that somebody else took, may be old.
        self._reserved: dict[str, float] = {}
        self.skew: timedelta | None = None
        """How much Personio's clock was ahead of ours at the last answer that told its time."""

    def reserve(self, bucket: Bucket) -> None:
        """Wait for a slot now; the next call of this limit uses it without waiting.

        :param bucket: whose limit it is. For employees the login is made now, too.
        :raises RateLimitedError: if that would take longer than ``max_wait_seconds``.
        """
        if bucket == "employees":
            self._token("v1", renew=False)
        taken = self._reserved.get(bucket)
        if taken is None or time.monotonic() - taken > limit_of(self._config, bucket).seconds / 2:
            self._take_slot(bucket)
            self._reserved[bucket] = time.monotonic()

    def scopes(self, version: str) -> frozenset[str]:
        """Return what the login may do, as Personio says when it hands out a token.

        :param version: of the login, ``v1`` or ``v2``.
        :raises CredentialsError: if the login is refused.
        """
        self._token(version, renew=False)
        return self._scopes.get(version, frozenset())

    def counted(self, endpoint: str, status: int) -> None:
        """Count a call that went another way than through here.

        :param endpoint: normalised.
        :param status: HTTP status, 0 if no answer came.
        """
        self._meter.count("personio", endpoint, status)

    def recruiting(self, path: str, *, write: bool, **content: Any) -> Reply:
        """POST to the recruiting API with its static token and the company's id.

        :param write: False for what may safely be repeated.
        :raises ConfigurationError: if token or company id are missing.
        """
        config = self._config
        if not config.recruiting_token or config.company_id is None:
            raise ConfigurationError(
                "The Personio connection lacks the recruiting token or the company id.",
                reason_code="personio.recruiting_token.missing",
                way_out="Both are under Settings > Integrations > API credentials (Recruiting API key).",
            )
        headers = {
            "Authorization": f"Bearer {config.recruiting_token}",
            "X-Company-ID": str(config.company_id),
        }
        return self._paced("recruiting", "POST", path, write=write, headers=headers, **content)

    def with_token(self, version: str, bucket: str, method: str, path: str, **content: Any) -> Reply:
        """Call with a token of ``/v1/auth`` or ``/v2/auth/token``, renewed at most once after a 401.

        A missing right is a 401 on some endpoints, so a second 401 is not a reason to ask again.

        :raises RateLimitedError: of a write: the token had to be renewed, and its record is not held for as long as
            that took. Nothing was processed, and the next attempt has the new token.
        """
        # The `Authorization` response header of employees is no rotation: the token lives a day.
        write, began = method != "GET", time.monotonic()
        headers = {"Beta": "true"} if version == "v2" else {}
        for renew in (False, True):
            token = self._token(version, renew=renew)
            if renew and write:
                self._take_slot(bucket, longest=_DAWDLED)
                self._reserved[bucket] = time.monotonic()
                if time.monotonic() - began > _DAWDLED:
                    raise self._too_late(bucket)
            bearer = {**headers, "Authorization": f"Bearer {token}"}
            reply = self._paced(bucket, method, path, write=write, headers=bearer, **content)
            if reply.status != UNAUTHORIZED:
                self._refused.discard(version)
                break
            if version in self._refused:
                break
            self._refused.add(version)
        return reply

    def _token(self, version: str, *, renew: bool) -> str:
        kept = self._tokens.get(version)
        if kept is not None and not renew and self._now() < kept[1]:
            return kept[0]
        if not self._config.client_id or not self._config.client_secret:
            raise ConfigurationError(
                "The Personio connection lacks client id or secret.",
                reason_code="personio.client_id.missing",
                way_out="Make an API credential under Settings > Integrations and enter both.",
            )
        token, lifetime = self._ask_for_token(version)
        self._tokens[version] = token, self._now() + lifetime - _RENEW_EARLY
        return token

    def _ask_for_token(self, version: str) -> tuple[str, timedelta]:
        login = {"client_id": self._config.client_id, "client_secret": self._config.client_secret}
        if version == "v2":  # takes forms only
            path, content = "/v2/auth/token", {"data": {"grant_type": "client_credentials", **login}}
        else:  # never in the query string: refused from December 2026 on
            path, content = "/v1/auth", {"json": login}
        reply = self._paced(f"{version}-auth", "POST", path, write=False, headers={}, **content)
        if reply.action == "done" and not isinstance(reply.json, dict):
            # No login says that; whatever stands before Personio does.
            raise unreadable(path.strip("/"), reply.status)
        body = reply.json if isinstance(reply.json, dict) else {}
        data = body.get("data") if version == "v1" else body
        data = data if isinstance(data, dict) else {}
        token = data.get("token") or data.get("access_token")
        if reply.action != "done" or not (isinstance(token, str) and token):
            # v1 answers 403 to wrong credentials, v2 400: both mean the login.
            raise login_refusal(UNAUTHORIZED, path.lstrip("/"))
        self._scopes[version] = _words(data.get("scope"))
        return token, timedelta(seconds=_seconds(data.get("expires_in")))

    def _paced(
        self, bucket: str, method: str, path: str, *, write: bool, headers: Mapping[str, str], **content: Any
    ) -> Reply:
        endpoint = path.partition("?")[0].strip("/")

        def once() -> Reply:
            self._use_slot(bucket, write=write)
            reply = send(
                self._http,
                method,
                path,
                service="personio",
                endpoint=endpoint,
                write=write,
                headers={**self._common_headers(), **headers},
                on_status=lambda status: self._meter.count("personio", endpoint, status),
                **content,
            )
            seen = clock.skew(reply.headers)
            self.skew = self.skew if seen is None else seen
            if reply.action == "limited":
                raise self._limited(bucket, reply)
            return reply

        # A write is begun once: its lease covers one request, not the pause and the slot before another.
        return once() if write else retried(once, sleep=self._sleep)

    def _common_headers(self) -> dict[str, str]:
        names = {
            "Accept": "application/json, application/problem+json",
            "X-Personio-Partner-ID": self._config.partner_id,
            "X-Personio-App-ID": self._config.app_id,
        }
        return {name: value for name, value in names.items() if value}

    def _use_slot(self, bucket: str, *, write: bool) -> None:
        if self._reserved.pop(bucket, None) is None:
            self._take_slot(bucket)
        began = time.monotonic()
        while not self._pacer.use(limit_of(self._config, bucket).name):
            if write:
                # The record is claimed by now, and not for as long as another slot may take.
                raise self._too_late(bucket)
            self._take_slot(bucket)
        if write and time.monotonic() - began > _DAWDLED:
            # The ledger was long in coming, and the lease covers the request and its answer, hardly more.
            raise self._too_late(bucket)

    def _take_slot(self, bucket: str, longest: float | None = None) -> None:
        limit, waited = limit_of(self._config, bucket), 0.0
        longest = self._config.max_wait_seconds if longest is None else longest
        while wait := self._pacer.acquire(limit.name, limit=limit.slots, seconds=limit.seconds):
            waited += wait
            if waited > longest:
                raise self._rate_limited(wait, f"personio.limit.{bucket}", None)
            if wait >= 1:
                log.info("personio: waiting %.0f s for a call of %s", wait, bucket)
            self._sleep(wait)

    def _limited(self, bucket: str, reply: Reply) -> RateLimitedError:
        limit = limit_of(self._config, bucket)
        # Personio sends no Retry-After; a proxy before it may.
        told = reply.headers.get("Retry-After", "")
        wait = float(min(int(told), 3600)) if told.isdecimal() else limit.seconds
        self._pacer.block(limit.name, wait)
        return self._rate_limited(wait, f"personio.limit.{bucket}", reply.status)

    def _too_late(self, bucket: str) -> RateLimitedError:
        """Say that the call must not leave any more; another one may at once."""
        return self._rate_limited(0.0, f"personio.limit.{bucket}", None)

    def _rate_limited(self, wait: float, code: str, status: int | None) -> RateLimitedError:
        retry_at = self._now() + timedelta(seconds=wait)
        return RateLimitedError(
            f"Personio's limit of requests is used up until {retry_at:%H:%M:%S %Z}; nothing was processed.",
            reason_code=code,
            way_out="It goes on by itself after that time.",
            status=status,
            retry_at=retry_at,
        )


def _seconds(value: Any) -> float:
    # Both a number and its text have been seen in such answers; a day is what the documents say.
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return _DAY
    return seconds if 0 < seconds <= _DAY else _DAY


def _words(value: Any) -> frozenset[str]:
    if isinstance(value, list):
        return frozenset(word for word in value if isinstance(word, str))
    return frozenset(value.split()) if isinstance(value, str) else frozenset()

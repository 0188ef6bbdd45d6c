"""Exact Online's OAuth: codes, access tokens and the chain of refresh tokens."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from include.sandbox.clock import Clock
    from include.sandbox.settings import ExactSettings

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_MARKS = "!.-_"
_TOO_EARLY = "Rate limit exceeded: access_token not expired"


class TokenError(Exception):
    """Raised when the token endpoint refuses; the fields are those of the OAuth error body."""

    def __init__(self, error: str, description: str, status: int = 400, reason: str = "") -> None:
        self.error = error
        self.description = description
        self.status = status
        self.reason = reason
        super().__init__(description)


@dataclass
class _Refresh:
    chain: int
    expires_at: datetime
    rotated_at: datetime | None = None


@dataclass(frozen=True)
class _Code:
    redirect_uri: str
    expires_at: datetime


class TokenService:
    """One app and one user, as a customer's own registration has.

    :param clock: the sandbox's time.
    :param settings: lifetimes and rules, read at every use.
    :param source: random source of the token strings.
    """

    def __init__(self, clock: Clock, settings: ExactSettings, source: random.Random) -> None:
        self._clock = clock
        self._settings = settings
        self._random = source
        self._codes: dict[str, _Code] = {}
        self._access: dict[str, datetime] = {}
        self._refresh: dict[str, _Refresh] = {}
        self._chain = 0
        self._issued_at: datetime | None = None
        self._calls: tuple[int, int] = (0, 0)

    def _secret(self, prefix: str, length: int) -> str:
        body = self._random.choices(_ALPHABET, k=length)
        # The real ones contain all of these; a client that does not form-encode them fails.
        body[5:5] = list(_MARKS)
        return prefix + "".join(body)

    def redirect_allowed(self, uri: str) -> bool:
        """Tell whether a redirect URI is registered: https, or http on this machine.

        :param uri: as sent.
        """
        if self._settings.redirect_uris:
            return uri in self._settings.redirect_uris
        parts = urlsplit(uri)
        return parts.scheme == "https" or (parts.scheme == "http" and _loopback(parts.hostname or ""))

    def issue_code(self, redirect_uri: str) -> str:
        """Return an authorization code for a user who consented.

        :param redirect_uri: where it is sent; the token request repeats it.
        """
        code = self._secret("stampNL001.", 40)
        expires_at = self._clock.now() + timedelta(seconds=self._settings.code_seconds)
        self._codes[code] = _Code(redirect_uri, expires_at)
        return code

    def exchange(self, form: Mapping[str, str], client: tuple[str, str] | None) -> dict[str, str]:
        """Answer a token request.

        :param form: its fields.
        :param client: id and secret of a Basic header, if there was one.
        :raises TokenError: if it is refused.
        """
        client_id, secret = client or (form.get("client_id", ""), form.get("client_secret", ""))
        if (client_id, secret) != (self._settings.client_id, self._settings.client_secret):
            raise TokenError("invalid_client", "Client authentication failed.")
        self._count()
        grant_type = form.get("grant_type", "")
        if grant_type == "authorization_code":
            self._spend_code(form.get("code", ""), form.get("redirect_uri", ""))
            return self.grant()
        if grant_type == "refresh_token":
            return self._renew(form.get("refresh_token", ""))
        raise TokenError("unsupported_grant_type", f"Grant type '{grant_type}' is not supported.")

    def _count(self) -> None:
        day = self._clock.now().toordinal()
        used = self._calls[1] if self._calls[0] == day else 0
        limit = self._settings.token_calls_per_day
        if limit is not None and used >= limit:
            raise TokenError("access_denied", "Rate limit exceeded", 429)
        self._calls = (day, used + 1)

    def _spend_code(self, text: str, redirect_uri: str) -> None:
        code = self._codes.pop(text, None)
        if code is None or self._clock.now() >= code.expires_at:
            raise TokenError("invalid_grant", "The authorization code is invalid or has expired.")
        if code.redirect_uri != redirect_uri:
            raise TokenError("invalid_grant", "The redirect_uri does not match the authorization request.")

    def _renew(self, text: str) -> dict[str, str]:
        token, now = self._refresh.get(text), self._clock.now()
        if token is None or token.chain != self._chain:
            raise TokenError("invalid_grant", "Token is not allowed, because of invalid or empty chainId")
        grace = timedelta(seconds=self._settings.refresh_grace_seconds)
        if token.rotated_at is not None and now >= token.rotated_at + grace:
            raise TokenError("unauthorized_client", "Old refresh token used.", 401)
        if now >= token.expires_at:
            times = [_american(moment) for moment in (token.expires_at, now)]
            raise TokenError("invalid_request", f"The refresh token expired at {times[0]} and it is now {times[1]}.")
        wait = timedelta(seconds=self._settings.refresh_min_seconds)
        if self._issued_at is not None and now < self._issued_at + wait:
            raise TokenError("access_denied", _TOO_EARLY, reason=f"TooEarlyToRefreshTokens: {_TOO_EARLY}")
        if token.rotated_at is None:
            token.rotated_at = now
        return self._issue()

    def grant(self) -> dict[str, str]:
        """Begin a new chain, as a login does; every earlier refresh token dies."""
        self._chain += 1
        return self._issue()

    def _issue(self) -> dict[str, str]:
        now = self._clock.now()
        lifetime = self._settings.access_token_seconds
        access, refresh = self._secret("gAAAA", 300), self._secret("__1P!I", 300)
        self._access[access] = now + timedelta(seconds=lifetime)
        days = timedelta(days=self._settings.refresh_token_days)
        self._refresh[refresh] = _Refresh(self._chain, now + days)
        self._issued_at = now
        # A text, never a number: clients test it for digits and then convert it.
        return {
            "access_token": access,
            "token_type": "bearer",
            "expires_in": str(lifetime),
            "refresh_token": refresh,
        }

    def judge(self, access_token: str) -> str:
        """Return ``good``, ``expired`` or ``unknown``.

        :param access_token: text of the bearer token.
        """
        expires_at = self._access.get(access_token)
        if expires_at is None:
            return "unknown"
        return "good" if self._clock.now() < expires_at else "expired"

    def expire(self) -> None:
        """End all access tokens now; the chain may be renewed at once."""
        now = self._clock.now()
        self._access = {token: min(end, now) for token, end in self._access.items()}
        self._issued_at = None

    def revoke(self) -> None:
        """End everything: access tokens, chain and codes."""
        self._access.clear()
        self._codes.clear()
        self._chain += 1
        self._issued_at = None


def _american(moment: datetime) -> str:
    return f"{moment.month}/{moment.day}/{moment.year} {moment.hour % 12 or 12}:{moment:%M:%S %p}"


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

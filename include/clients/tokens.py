"""Exact's tokens: one chain for all processes, refreshed under a lock, saved before use.

A refresh token works once, and a new one may be asked for only 570 seconds after the last. Whoever refreshes
holds the vault's lock, reads again inside it, and saves the answer before anybody uses it.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from authlib.oauth2.client import OAuth2Client  # type: ignore[import-untyped]

from include.clients.token_errors import TooEarlyError, refused
from include.errors import (
    CredentialsError,
    OutcomeUnknownError,
    ProtocolError,
    RateLimitedError,
    ServiceUnavailableError,
)
from include.transport import Reply, send

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

    from include.clients.ports import CallMeter, LockedToken, StoredToken, TokenVault

log = logging.getLogger(__name__)

REFRESH_AFTER: Final = timedelta(seconds=570)
"""Exact refuses a new token earlier than this after the last one, and counts the refusal as an error."""
LEEWAY: Final = timedelta(seconds=30)
"""A token that is valid when a request starts may be refused at its end."""
TOKEN_TIMEOUT: Final = 90.0
"""Token calls took 35 seconds at busy hours; who hangs up earlier loses the rotated token."""
ENDPOINT: Final = "oauth2/token"


class ExactTokens:
    """Hands out a working access token.

    :param http: client with Exact's base URL.
    :param vault: where the chain is kept for all processes.
    :param bootstrap_refresh_token: used only while the vault is empty.
    :param now: the clock.
    """

    def __init__(
        self,
        *,
        http: httpx.Client,
        client_id: str,
        client_secret: str,
        vault: TokenVault,
        bootstrap_refresh_token: str | None = None,
        meter: CallMeter | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._vault = vault
        self._bootstrap = bootstrap_refresh_token
        self._now = now
        self._site = str(http.base_url).rstrip("/")
        self._session = _TokenSession(http, meter)
        self._oauth = OAuth2Client(
            self._session,
            client_id=client_id,
            client_secret=client_secret,
            # Exact reads the credentials from the form, which every client in production does.
            token_endpoint_auth_method="client_secret_post",  # noqa: S106 - a method's name
        )
        self._refused_early: tuple[int, datetime] | None = None
        self._dead: tuple[str, CredentialsError] | None = None

    def access_token(self) -> str:
        """Return an access token that is valid for a while, refreshed if need be.

        :raises CredentialsError: if there is no login, or its chain is dead.
        :raises ServiceUnavailableError: if the token call got no clear answer.
        """
        token = self._vault.read()
        if token is not None and not self._due(token):
            return token.access_token
        with self._vault.locked() as locked:
            token = locked.current
            if token is not None and not self._due(token):
                return token.access_token
            try:
                return self._refresh(locked)
            except TooEarlyError:
                return self._carry_on(locked, token)

    def refresh_after_401(self, used: str) -> str:
        """Return another token than the one that was refused, by at most one refresh.

        :param used: the access token that got the 401.
        :raises RateLimitedError: if Exact does not hand out another one yet.
        :raises CredentialsError: if the chain is dead.
        """
        with self._vault.locked() as locked:
            token = locked.current
            if token is not None and token.access_token != used:
                return token.access_token
            if token is not None and self._was_refused_early(token):
                raise self._not_yet(token)
            try:
                return self._refresh(locked)
            except TooEarlyError:
                if token is None:
                    raise _no_login() from None
                self._carry_on(locked, token)
                raise self._not_yet(token) from None

    def authorize_url(self, redirect_uri: str, state: str) -> str:
        """Return the page on which a person allows the access.

        :param redirect_uri: exactly as registered with Exact, https.
        :param state: random, checked when the browser comes back.
        """
        url, _ = self._oauth.create_authorization_url(
            f"{self._site}/api/oauth2/auth", state=state, redirect_uri=redirect_uri
        )
        return str(url)

    def exchange_code(self, code: str, redirect_uri: str) -> StoredToken:
        """Trade the code of the browser's return for the first link of a new chain, and save it.

        :param code: lives about three minutes and works once.
        :param redirect_uri: the same as in :meth:`authorize_url`.
        :raises CredentialsError: if Exact refuses the code or the client.
        """
        with self._vault.locked() as locked:
            sent = self._now()
            answer = self._oauth.fetch_token(
                "/api/oauth2/token", grant_type="authorization_code", code=code, redirect_uri=redirect_uri
            )
            self._dead = None
            return self._save(locked, answer, sent)

    def _due(self, token: StoredToken) -> bool:
        now = self._now()
        if now < token.expires_at - LEEWAY or self._was_refused_early(token):
            return False
        return now >= min(token.obtained_at + REFRESH_AFTER, token.expires_at)

    def _refresh(self, locked: LockedToken) -> str:
        current = locked.current
        old = current.refresh_token if current is not None else self._bootstrap
        if not old:
            raise _no_login()
        if self._dead is not None and self._dead[0] == old:
            raise self._dead[1]  # asking again changes nothing and counts as another error
        sent = self._now()
        try:
            answer = self._oauth.refresh_token("/api/oauth2/token", refresh_token=old)
        except CredentialsError as error:
            self._dead = (old, error)
            raise
        return self._save(locked, answer, sent).access_token

    def _save(self, locked: LockedToken, answer: Mapping[str, Any], sent: datetime) -> StoredToken:
        try:
            # `expires_in` is the string "600".
            lifetime = timedelta(seconds=int(answer["expires_in"]))
            access, refresh = str(answer["access_token"]), str(answer["refresh_token"])
        except (KeyError, TypeError, ValueError):
            raise ProtocolError(
                "Exact's token answer lacks a token or its lifetime.",
                reason_code="exact.token.malformed",
                way_out="Check the base URL; if it stays, log in again with `exact-personio login`.",
            ) from None
        stored = locked.replace(access, refresh, self._now(), sent + lifetime)
        log.info("exact: token chain moved on to generation %d", stored.generation)
        return stored

    def _carry_on(self, locked: LockedToken, token: StoredToken | None) -> str:
        """Go on with what is there: "not expired" says that it still works."""
        token = locked.current or token
        if token is None:
            raise _no_login()
        self._refused_early = (token.generation, self._now() + LEEWAY)
        log.warning("exact: refreshing was too early; going on with the current token")
        return token.access_token

    def _was_refused_early(self, token: StoredToken) -> bool:
        early = self._refused_early
        return early is not None and early[0] == token.generation and self._now() < early[1]

    def _not_yet(self, token: StoredToken) -> RateLimitedError:
        retry_at = max(token.obtained_at + REFRESH_AFTER, self._now() + LEEWAY)
        return RateLimitedError(
            f"Exact refused the access token and gives no new one before {retry_at:%H:%M:%S %Z}.",
            reason_code="exact.token.too_early",
            way_out="The task goes on by itself; if it repeats, check the app's rights in Exact.",
            status=401,
            retry_at=retry_at,
        )


class _TokenAnswer:
    """What authlib reads of a token answer."""

    def __init__(self, reply: Reply) -> None:
        self.status_code = reply.status
        self._json = reply.json

    def json(self) -> Any:
        """Return the parsed body."""
        return self._json


class _TokenSession:
    """Carries authlib's token requests over the project's transport, without authlib's own HTTP client."""

    def __init__(self, http: httpx.Client, meter: CallMeter | None) -> None:
        self._http = http
        self._meter = meter

    def post(self, url: str, data: Mapping[str, str], headers: Mapping[str, str], auth: Any) -> _TokenAnswer:
        """Post the form with the client's credentials in it.

        :raises TooEarlyError: if the current token is still good.
        :raises CredentialsError: if the chain or the client is refused.
        :raises ServiceUnavailableError: if no clear answer came.
        """
        _, _, body = auth.prepare("POST", url, dict(headers), "")
        form = {**data, **dict(parse_qsl(body, keep_blank_values=True))}
        try:
            reply = send(
                self._http,
                "POST",
                url,
                service="exact",
                endpoint=ENDPOINT,
                write=True,
                headers={"Accept": "application/json"},
                timeout=TOKEN_TIMEOUT,
                on_status=self._count,
                data=form,
            )
        except OutcomeUnknownError as error:
            # Exact may have moved the chain on. No data was touched, and the old link is all there is to try.
            raise ServiceUnavailableError(
                "Exact's token endpoint gave no clear answer; the chain may have moved on without us.",
                reason_code="exact.token.no_answer",
                way_out="It is tried again; if the next try is refused, run `exact-personio login`.",
                status=error.status,
            ) from None
        if reply.action != "done" or not isinstance(reply.json, dict) or "error" in reply.json:
            raise refused(reply)
        return _TokenAnswer(reply)

    def _count(self, status: int) -> None:
        if self._meter is not None:
            self._meter.count("exact", ENDPOINT, status)


def _no_login() -> CredentialsError:
    return CredentialsError(
        "There is no login to Exact Online yet.",
        reason_code="exact.login.missing",
        way_out="Run `exact-personio login` once and allow the access in the browser.",
    )

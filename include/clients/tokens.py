"""Exact's tokens: one chain for all processes, refreshed under a lock, saved before use.

A refresh token works once, and a new one may be asked for only 570 seconds after the last. Whoever refreshes
holds the vault's lock, reads again inside it, notes that it asks, and saves the answer before anybody uses it. What
a refusal says is kept in the vault, too, so that no other process asks the same: that it is too early, or that the
chain is dead until somebody has logged in.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from authlib.oauth2.client import OAuth2Client  # type: ignore[import-untyped]

from include.clients.token_chain import (
    REFRESH_AFTER,
    began_anew,
    bury,
    death_of,
    is_due,
    is_lost,
    is_young,
    lost_until,
    note_as_before,
    note_asked,
    overtaking,
    renewable_at,
)
from include.clients.token_errors import (
    CHAIN,
    EXPIRED,
    MALFORMED,
    NO_ANSWER,
    OLD,
    TooEarlyError,
    answer_lost,
    code_refused,
    dead_chain,
    no_login,
    not_yet,
    refused,
    young_login,
)
from include.clients.token_session import RefusedTokenError, TokenSession
from include.errors import ExactPersonioError, RateLimitedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    import httpx

    from include.clients.ports import CallMeter, ErrorBudget, LockedToken, StoredToken, TokenVault

log = logging.getLogger(__name__)

_FOR_GOOD: Final = frozenset({OLD, EXPIRED, CHAIN})


class ExactTokens:
    """Hands out a working access token.

    :param http: client with Exact's base URL.
    :param vault: where the chain is kept for all processes.
    :param bootstrap_refresh_token: used while the vault is empty, or when it is another one than the dead one there.
    :param conn_id: the Airflow connection; error texts name it in the command that logs in.
    :param budget: keeps the key from being blocked for refused tokens.
    :param mask: told every token before it is used, so that logs can hide it.
    :param now: the clock; None: the vault's, on which all processes agree.
    """

    def __init__(
        self,
        *,
        http: httpx.Client,
        client_id: str,
        client_secret: str,
        vault: TokenVault,
        bootstrap_refresh_token: str | None = None,
        conn_id: str = "",
        meter: CallMeter | None = None,
        budget: ErrorBudget | None = None,
        mask: Callable[[str], None] = lambda _secret: None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._vault = vault
        self._bootstrap = bootstrap_refresh_token
        self._conn_id = conn_id
        self._mask = mask
        self._masked = 0
        self._now = now or vault.now
        self._site = str(http.base_url).rstrip("/")
        self._oauth = OAuth2Client(
            TokenSession(http, meter=meter, budget=budget, conn_id=conn_id),
            client_id=client_id,
            client_secret=client_secret,
            # Exact reads the credentials from the form, which every client in production does.
            token_endpoint_auth_method="client_secret_post",  # noqa: S106 - a method's name
        )
        self._refusal: tuple[str, ExactPersonioError] | None = None

    def access_token(self) -> str:
        """Return an access token that is valid for a while, refreshed if need be.

        :raises CredentialsError: if there is no login, or its chain is dead.
        :raises RateLimitedError: if the answer to the last renewal was lost, and Exact does not repeat it yet.
        :raises ServiceUnavailableError: if the token call got no clear answer.
        """
        token = self._living(self._vault.read())
        if token is not None and not is_due(token, self._now()):
            return self._handed_out(token)
        with self._vault.locked() as locked:
            token = self._living(locked.current)
            if token is not None and not is_due(token, self._now()):
                return self._handed_out(token)
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
            token = self._living(locked.current)
            if token is not None and token.access_token != used:
                return self._handed_out(token)
            if token is not None and is_young(token, self._now()):
                raise self._no_other(locked)
            try:
                return self._refresh(locked)
            except TooEarlyError:
                self._carry_on(locked, token)
                raise self._no_other(locked) from None

    def keep_alive(self, older_than: timedelta) -> bool:
        """Move the chain on if Exact answered last so long ago; say whether that was done.

        A chain that nobody uses dies after 30 days.

        :param older_than: at least 570 seconds, else Exact refuses.
        :raises CredentialsError: if there is no login, or its chain is dead.
        """
        with self._vault.locked() as locked:
            token = self._living(locked.current)
            if token is not None and self._now() - token.obtained_at < older_than:
                return False
            try:
                self._refresh(locked)
            except TooEarlyError:
                self._carry_on(locked, token)
                return False
            return True

    def authorize_url(self, redirect_uri: str, state: str) -> str:
        """Return the page on which a person allows the access.

        :param redirect_uri: exactly as registered with Exact, https.
        :param state: random, checked when the browser comes back.
        """
        url, _ = self._oauth.create_authorization_url(
            f"{self._site}/api/oauth2/auth", state=state, redirect_uri=redirect_uri
        )
        return str(url)

    def exchange_code(self, code: str, redirect_uri: str, *, asked_at: datetime | None = None) -> StoredToken:
        """Trade the code of the browser's return for the first link of a new chain, and save it.

        :param code: lives about three minutes and works once.
        :param redirect_uri: the same as in :meth:`authorize_url`.
        :param asked_at: when the person was sent to Exact; it tells a used code from one that is too old.
        :raises CredentialsError: if Exact refuses the code or the client.
        """
        with self._vault.locked() as locked:
            sent = self._now()
            try:
                answer = self._oauth.fetch_token(
                    "/api/oauth2/token", grant_type="authorization_code", code=code, redirect_uri=redirect_uri
                )
            except RefusedTokenError as error:
                waited = sent - asked_at if asked_at else None
                raise code_refused(error.reply, self._conn_id, waited) from None
            self._refusal = None
            return self._save(locked, answer, sent)

    def _living(self, token: StoredToken | None) -> StoredToken | None:
        """Return the token unless its chain is dead; None where there is another way to begin.

        :raises CredentialsError: the chain is dead.
        :raises RateLimitedError: its last link is lost, and Exact does not hand out another one yet.
        """
        code = death_of(token) if token is not None else ""
        if token is None or not code:
            until = lost_until(token) if token is not None else None
            if until is not None and self._now() < until:
                raise answer_lost(until, self._conn_id)
            return token
        if began_anew(token, self._bootstrap):
            return None
        raise dead_chain(code, self._conn_id)

    def _handed_out(self, token: StoredToken) -> str:
        if token.generation != self._masked:
            self._masked = token.generation
            self._mask(token.access_token)
            self._mask(token.refresh_token)
        return token.access_token

    def _refresh(self, locked: LockedToken) -> str:
        current = self._living(locked.current)
        old = current.refresh_token if current is not None else self._bootstrap
        if not old:
            raise no_login(self._conn_id)
        if self._refusal is not None and self._refusal[0] == old:
            raise self._refusal[1]  # asking again changes nothing and counts as another error
        sent = self._now()
        note_asked(locked, current, sent)
        try:
            answer = self._oauth.refresh_token("/api/oauth2/token", refresh_token=old)
        except RefusedTokenError as error:
            if (newer := overtaking(self._vault, current)) is not None:
                return self._handed_out(newer)
            raise self._judge(error, locked, current, old) from None
        except ExactPersonioError as error:
            if error.reason_code not in {NO_ANSWER, MALFORMED}:  # it was never sent
                note_as_before(locked, current)
            raise
        return self._handed_out(self._save(locked, answer, sent))

    def _judge(
        self, error: RefusedTokenError, locked: LockedToken, current: StoredToken | None, old: str
    ) -> Exception:
        """Return what a refused refresh means, and remember what asking again would not change."""
        problem = refused(error.reply, self._conn_id)
        if isinstance(problem, TooEarlyError):
            return problem
        if isinstance(problem, RateLimitedError):
            note_as_before(locked, current)
            return problem
        self._refusal = (old, problem)
        if problem.reason_code in _FOR_GOOD:
            bury(locked, problem.reason_code, self._bootstrap, self._now())
        else:
            note_as_before(locked, current)
        return problem

    def _save(self, locked: LockedToken, answer: Mapping[str, Any], sent: datetime) -> StoredToken:
        # `expires_in` is the string "600".
        expires = sent + timedelta(seconds=int(answer["expires_in"]))
        stored = locked.replace(answer["access_token"], answer["refresh_token"], self._now(), expires)
        log.info("exact: token chain moved on to generation %d", stored.generation)
        return stored

    def _carry_on(self, locked: LockedToken, token: StoredToken | None) -> str:
        """Go on with what is there: "not expired" says that it still works.

        :raises RateLimitedError: nothing is there yet, because whoever got the bootstrap token did so just now, or
            because the answer to an earlier renewal was lost.
        """
        if token is None:
            raise young_login(self._now() + REFRESH_AFTER)
        # If no answer to an earlier renewal is known, that one has succeeded: Exact counts from there.
        locked.note(asked_at=token.asked_at, early_at=self._now())
        self._living(locked.current)
        log.warning("exact: refreshing was too early; going on with the current token")
        return self._handed_out(token)

    def _no_other(self, locked: LockedToken) -> RateLimitedError:
        """Return the error for an access token that is refused and cannot be renewed yet.

        If its time is over as well, somebody else has the link that took its place: nobody tries this one again.
        """
        link = locked.current
        if link is not None and not is_lost(link) and self._now() >= link.expires_at:
            locked.note(asked_at=link.early_at, early_at=link.early_at)
            link = locked.current
        until = (lost_until(link) or renewable_at(link)) if link is not None else None
        return not_yet(until or self._now() + REFRESH_AFTER)

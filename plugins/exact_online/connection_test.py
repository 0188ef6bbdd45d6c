"""What the Test button says about a connection to Exact Online."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

from include.clients.exact import ExactClient, ExactConfig
from include.clients.lent_token import LentToken
from include.clients.token_chain import death_of, dies_at
from include.clients.token_errors import dead_chain, login_command, no_login
from include.errors import ExactPersonioError
from include.ledger import open_ledger
from include.transport import build_http

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exact_online.hooks import ExactOnlineHook
    from include.clients.ports import StoredToken
    from include.clients.tokens import ExactTokens
    from include.ledger import Ledger

RUN_KEY = "test_connection"
_MARGIN = timedelta(seconds=5)
Line = tuple[bool, str]


def try_exact(hook: ExactOnlineHook) -> tuple[bool, str]:
    """Say line by line what works; the token is used as it is, because renewing it costs a link of the chain.

    :param hook: of the connection, which may be called anything.
    """
    lines: list[Line] = []
    try:
        with open_ledger() as ledger:
            lines.extend(_lines(hook, ledger))
    except ExactPersonioError as error:
        lines.append((False, f"Stopped: {error}"))
    return all(works for works, _ in lines), "\n".join(text for _, text in lines)


def _lines(hook: ExactOnlineHook, ledger: Ledger) -> Iterator[Line]:
    yield True, f"Site: {hook.base_url}."
    fields = {"Client ID": hook.client_id, "Client secret": hook.has_secret, "Redirect URI": hook.redirect_uri}
    missing = [label for label, value in fields.items() if not value]
    if missing:
        yield False, f"Missing: {', '.join(missing)}."
    if not hook.divisions:
        yield False, "Divisions: none; enter the companies to read."
    chains = ledger.chains(hook.app)
    if not chains:
        has = hook.has_bootstrap
        yield (
            has,
            (
                "Login: none yet; the first run starts from the bootstrap refresh token."
                if has
                else f"Login: {no_login('')}"
            ),
        )
        return
    conn_id = chains[0].connection_id
    stored = ledger.vault(conn_id, hook.app).read()
    if stored is None:
        yield False, f"Login: {no_login(conn_id)}"
    elif code := death_of(stored):
        yield False, f"Login of connection {conn_id}: {dead_chain(code, conn_id)}"
    else:
        yield from _about_login(hook, ledger, stored, conn_id)


def _about_login(hook: ExactOnlineHook, ledger: Ledger, stored: StoredToken, conn_id: str) -> Iterator[Line]:
    now, end = datetime.now(UTC), dies_at(stored.obtained_at)
    if now >= end:
        yield False, f"Login of connection {conn_id}: unused for 30 days and so dead. Run `{login_command(conn_id)}`."
        return
    life = f"without use the login ends on {end:%Y-%m-%d}."
    if stored.expires_at <= now + _MARGIN:
        # Divisions stay unknown: asking for them would need a new token, and a test is no reason for one.
        yield (
            True,
            (
                f"Login of connection {conn_id}: the access token expired at {stored.expires_at:%Y-%m-%d %H:%M %Z}; "
                f"the next run renews it; {life} User and divisions are not asked for now."
            ),
        )
        return
    yield True, f"Login of connection {conn_id}: access token good until {stored.expires_at:%H:%M:%S %Z}; {life}"
    with build_http(base_url=hook.base_url) as http:
        tokens = cast("ExactTokens", LentToken(stored.access_token))

        def client_for(division: int) -> ExactClient:
            budget = ledger.error_budget(f"{hook.client_id}:{division}")
            config = ExactConfig(base_url=hook.base_url, division=division, zone=hook.zone, max_wait_seconds=10)
            return ExactClient(config, http, tokens, pacer=ledger.pacer, budget=budget, meter=ledger.meter(RUN_KEY))

        me = client_for(0).me()
        current = int(me.get("CurrentDivision") or 0)
        yield True, f"User: {me.get('FullName') or me.get('UserName')}; at Exact now in division {current}."
        named = {int(row["Code"]): str(row.get("Description") or "") for row in client_for(current).divisions()}
    for division in hook.divisions:
        known = division in named
        yield known, f"Division {division}: " + (f"accessible ({named[division]})." if known else "NOT accessible.")
    if not hook.divisions:
        yield True, "Accessible: " + ", ".join(f"{number} ({name})" for number, name in named.items()) + "."

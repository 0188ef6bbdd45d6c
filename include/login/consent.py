"""Takes a person through Exact's consent and keeps the tokens."""

from __future__ import annotations

import secrets
import webbrowser
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from include.login.answer import code_of
from include.login.connection import read_connection
from include.login.listener import Listener, loopback
from include.login.report import LoginReport, report_on
from include.login.session import app_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.login.connection import App

PATIENCE: Final = 300.0
"""Seconds until a browser that never comes back is given up."""


def login(
    conn_id: str,
    *,
    paste: bool = False,
    open_browser: bool = True,
    echo: Callable[[str], None] = print,
    ask: Callable[[str], str] = input,
    patience: float = PATIENCE,
    ledger_url: str | None = None,
) -> LoginReport:
    """Log a person in at Exact in a browser, and keep the tokens where all workers find them.

    The answer is received on this machine when the connection's redirect URI leads here by plain http;
    else the person pastes the address at which the browser ended.

    :param conn_id: the Airflow connection, which also names the chain of tokens.
    :param paste: do not listen, ask for the address.
    :param open_browser: open the page; else only its address is shown.
    :param echo: shows a sentence.
    :param ask: shows a question and returns the answer.
    :param patience: seconds that the listener waits.
    :param ledger_url: where the tokens are kept; None: the ledger of the settings.
    :raises ConfigurationError: connection, redirect URI, port or ledger cannot be used.
    :raises CredentialsError: the access was not granted, or the answer is not this login's.
    """
    app = read_connection(conn_id)
    state, asked_at = secrets.token_urlsafe(24), datetime.now(UTC)
    with app_session(conn_id, app, ledger_url=ledger_url) as session:
        url = session.authorize_url(state)
        session.check_consent_page(url)
        address = loopback(app.redirect_uri)
        if address is None or paste:
            answer = _pasted(url, open_browser=open_browser, echo=echo, ask=ask)
        else:
            with Listener(address, state) as listener:
                _show(url, open_browser=open_browser, echo=echo)
                echo("Waiting for the browser; Ctrl-C ends this and changes nothing.")
                answer = listener.wait(patience)
        code = code_of(answer, state, conn_id)
        stored = session.tokens.exchange_code(code, app.redirect_uri, asked_at=asked_at)
        return report_on(conn_id, session.client, stored, app.divisions)


def log_in(conn_id: str, app: App, *, ask: Callable[[str], str], ledger_url: str | None = None) -> int:
    """Take a person through Exact's consent without asking Airflow anything; return the chain's generation.

    :param conn_id: the Airflow connection, which also names the chain of tokens.
    :param app: what is registered at Exact.
    :param ask: shows the address to open and returns the address that the browser ended at.
    :param ledger_url: where the tokens are kept; None: the ledger of the settings.
    :raises CredentialsError: the answer holds no code, or belongs to another request.
    """
    state = secrets.token_urlsafe(24)
    with app_session(conn_id, app, ledger_url=ledger_url) as session:
        code = code_of(ask(session.authorize_url(state)), state, conn_id)
        return session.tokens.exchange_code(code, app.redirect_uri).generation


def _show(url: str, *, open_browser: bool, echo: Callable[[str], None]) -> None:
    opened = open_browser and webbrowser.open(url)
    echo(
        "The browser shows Exact's page. Log in there and grant the access. If it does not open:"
        if opened
        else "Open this address in a browser, log in and grant the access:"
    )
    echo(f"\n  {url}\n")


def _pasted(url: str, *, open_browser: bool, echo: Callable[[str], None], ask: Callable[[str], str]) -> str:
    _show(url, open_browser=open_browser, echo=echo)
    echo("The browser then ends at an address that begins with the redirect URI; its page may well be an error.")
    return ask("Paste that whole address here")

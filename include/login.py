"""Log in at Exact Online in a browser, and keep the tokens where all workers find them."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from include.clients.tokens import ExactTokens
from include.errors import ConfigurationError, CredentialsError
from include.ledger import open_ledger
from include.transport import build_http

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class App:
    """What an ``exact_online`` connection says of the app registered at Exact."""

    host: str
    client_id: str
    client_secret: str
    redirect_uri: str


def read_connection(conn_id: str) -> App:
    """Return the connection's app, from the environment as Airflow reads it, else from Airflow itself.

    :raises ConfigurationError: there is no such connection, or it lacks something.
    """
    raw = os.environ.get(f"AIRFLOW_CONN_{conn_id.upper()}")
    found: dict[str, Any] = json.loads(raw) if raw and raw.lstrip().startswith("{") else _ask_airflow(conn_id)
    extra = found.get("extra") or found.get("extra_dejson") or {}
    extra = json.loads(extra) if isinstance(extra, str) else extra
    app = App(
        host=found.get("host") or "https://start.exactonline.nl",
        client_id=found.get("login") or "",
        client_secret=found.get("password") or "",
        redirect_uri=extra.get("redirect_uri") or "",
    )
    missing = [name for name in ("client_id", "client_secret", "redirect_uri") if not getattr(app, name)]
    if missing:
        raise ConfigurationError(
            f"Connection {conn_id} lacks {', '.join(missing)}.",
            reason_code="exact.connection.incomplete",
            way_out="Enter it in the Airflow UI under Admin > Connections.",
        )
    return app


def _ask_airflow(conn_id: str) -> dict[str, Any]:
    """Ask the airflow command for a connection; it alone may read its database."""
    answer = subprocess.run(  # noqa: S603 - a fixed command; the id is one argument of it
        [sys.executable, "-m", "airflow", "connections", "get", conn_id, "--output", "json"],
        capture_output=True,
        text=True,
        check=False,
    )
    start = answer.stdout.rfind("[{")
    if answer.returncode != 0 or start < 0:
        raise ConfigurationError(
            f"Airflow knows no connection {conn_id}.",
            reason_code="exact.connection.missing",
            way_out="Add it in the Airflow UI under Admin > Connections, type Exact Online; "
            f"or run `airflow connections get {conn_id}` to see why.",
        )
    rows: list[dict[str, Any]] = json.loads(answer.stdout[start:])
    return rows[0]


def log_in(conn_id: str, app: App, *, ask: Callable[[str], str], ledger_url: str | None = None) -> int:
    """Take a person through Exact's consent and store the tokens; return the chain's generation.

    :param conn_id: the Airflow connection, which also names the chain of tokens.
    :param app: what is registered at Exact.
    :param ask: shows the address to open and returns the address that the browser ended at.
    :param ledger_url: where the tokens are kept; None: the ledger of the settings.
    :raises CredentialsError: the answer holds no code, or belongs to another request.
    """
    state = secrets.token_urlsafe(24)
    with open_ledger(ledger_url) as ledger, build_http(base_url=app.host) as http:
        vault = ledger.vault(conn_id)
        tokens = ExactTokens(
            http=http,
            client_id=app.client_id,
            client_secret=app.client_secret,
            vault=vault,
            bootstrap_refresh_token=None,
        )
        tokens.exchange_code(code_of(ask(tokens.authorize_url(app.redirect_uri, state)), state), app.redirect_uri)
        stored = vault.read()
        return stored.generation if stored else 0


def code_of(address: str, state: str) -> str:
    """Return the authorization code in the address that the browser ended at.

    :raises CredentialsError: there is none, or its state is not ours.
    """
    query = parse_qs(urlsplit(address.strip()).query)
    if query.get("state", [""])[0] != state:
        raise CredentialsError(
            "This address belongs to another login: its state is not the one just given out.",
            reason_code="exact.login.foreign_state",
            way_out="Run exact-personio login again and paste the address it leads to.",
        )
    if "code" not in query:
        raise CredentialsError(
            "This address holds no code: the consent was refused or not finished.",
            reason_code="exact.login.no_code",
            way_out="Run exact-personio login again and grant the access.",
        )
    return query["code"][0]

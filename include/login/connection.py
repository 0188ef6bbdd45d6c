"""The app registered at Exact, as the Airflow connection describes it; read without importing Airflow."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any

from include.connection_fields import exact_app, exact_divisions, exact_site, exact_time_zone, filled
from include.errors import ConfigurationError
from include.login.airflow_command import connection_from_airflow


@dataclass(frozen=True, slots=True)
class App:
    """What an ``exact_online`` connection says of the app registered at Exact.

    :param host: address of the site, such as ``https://start.exactonline.nl``.
    :param divisions: companies that the connection names, the default first.
    :param time_zone: the site's clock.
    """

    host: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    divisions: tuple[int, ...] = ()
    time_zone: str = "Europe/Amsterdam"

    @property
    def key(self) -> str:
        """Name the app at its site, as the ledger keeps its tokens."""
        return exact_app(self.host, self.client_id)


def read_connection(conn_id: str) -> App:
    """Return the connection's app, from the environment as Airflow reads it, else from Airflow itself.

    :raises ConfigurationError: there is no such connection, or it lacks something.
    """
    raw = os.environ.get(f"AIRFLOW_CONN_{conn_id.upper()}", "")
    # The other form, a URI, has quoting rules of Airflow's own: Airflow reads it.
    found = _parsed(raw, conn_id) if raw.lstrip().startswith("{") else _ask_airflow(conn_id)
    extra = found.get("extra") or found.get("extra_dejson") or {}
    return app_of(
        conn_id,
        host=found.get("host"),
        login=found.get("login"),
        password=found.get("password"),
        extra=_parsed(extra, conn_id),
    )


def app_of(conn_id: str, *, host: str | None, login: str | None, password: str | None, extra: dict[str, Any]) -> App:
    """Return the app that a connection with these fields means.

    :raises ConfigurationError: something is missing or malformed.
    """
    fields = filled(extra)
    app = App(
        host=exact_site(host, fields),
        client_id=login or "",
        client_secret=password or "",
        redirect_uri=str(fields.get("redirect_uri") or "").strip(),
        divisions=exact_divisions(fields),
        time_zone=exact_time_zone(fields),
    )
    labels = {"client_id": "Client ID", "client_secret": "Client secret", "redirect_uri": "Redirect URI"}
    missing = [label for name, label in labels.items() if not getattr(app, name)]
    if missing:
        raise ConfigurationError(
            f"Connection {conn_id} lacks {', '.join(missing)}.",
            reason_code="exact.connection.incomplete",
            way_out="Enter it in the Airflow UI under Admin > Connections.",
        )
    return app


def _parsed(value: object, conn_id: str) -> dict[str, Any]:
    try:
        value = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return value
    raise ConfigurationError(
        f"Connection {conn_id} is not readable: its JSON is no object.",
        reason_code="exact.connection.malformed",
        way_out=f"Correct AIRFLOW_CONN_{conn_id.upper()}, or the Extra of the connection.",
    )


def _ask_airflow(conn_id: str) -> dict[str, Any]:
    found = connection_from_airflow(conn_id)
    if found is None:
        raise ConfigurationError(
            f"Airflow knows no connection {conn_id}.",
            reason_code="exact.connection.missing",
            way_out="Add it in the Airflow UI under Admin > Connections, type Exact Online; "
            f"or run `airflow connections get {conn_id}` to see why.",
        )
    return found

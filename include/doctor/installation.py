"""The connections of an installation, read as Airflow reads them, without importing Airflow."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from include.connection_fields import filled
from include.errors import ConfigurationError, ExactPersonioError
from include.login.airflow_command import connection_from_airflow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Fields = dict[str, Any]
"""``conn_type``, ``host``, ``login``, ``password``, and ``extra`` as a dict of what is filled in."""

_EXTRA_IN_URI: Final = "__extra__"


@dataclass(frozen=True)
class Installation:
    """What is examined: two connections, each as its fields or as the reason why it cannot be read."""

    exact_conn_id: str
    personio_conn_id: str
    exact: Fields | ExactPersonioError
    personio: Fields | ExactPersonioError

    def __repr__(self) -> str:
        """Leave the fields out: they hold secrets."""
        return f"Installation({self.exact_conn_id!r}, {self.personio_conn_id!r})"


def read_installation(
    exact_conn_id: str,
    personio_conn_id: str,
    *,
    env: Mapping[str, str] | None = None,
    ask: Callable[[str], Fields] | None = None,
) -> Installation:
    """Read both connections; a connection that cannot be read is itself a finding.

    :param exact_conn_id: id of the connection to Exact Online.
    :param personio_conn_id: id of the connection to Personio.
    :param env: used instead of ``os.environ``.
    :param ask: gets a connection that is not in the environment; None: from the airflow command.
    """
    read = [_readable(conn_id, env, ask) for conn_id in (exact_conn_id, personio_conn_id)]
    return Installation(exact_conn_id, personio_conn_id, *read)


def _readable(
    conn_id: str, env: Mapping[str, str] | None, ask: Callable[[str], Fields] | None
) -> Fields | ExactPersonioError:
    try:
        return read_fields(conn_id, env=env, ask=ask)
    except ExactPersonioError as error:
        return error


def read_fields(
    conn_id: str, *, env: Mapping[str, str] | None = None, ask: Callable[[str], Fields] | None = None
) -> Fields:
    """Return a connection from ``AIRFLOW_CONN_…``, as JSON or as a URI, else from Airflow itself.

    :param conn_id: id of the connection.
    :param env: used instead of ``os.environ``.
    :param ask: gets a connection that is not in the environment; None: from the airflow command.
    :raises ConfigurationError: if there is none, or it cannot be read.
    """
    name = f"AIRFLOW_CONN_{conn_id.upper()}"
    raw = (os.environ if env is None else env).get(name, "").strip()
    try:
        if not raw:
            return _shaped((ask or ask_airflow)(conn_id))
        return _shaped(json.loads(raw) if raw.startswith("{") else _from_uri(raw))
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, ExactPersonioError):
            raise
        # Neither the value nor the parser's message, which may quote it: it holds secrets.
        raise ConfigurationError(
            f"Connection {conn_id} cannot be read.",
            reason_code="airflow.connection.unreadable",
            way_out=f"Write {name} as JSON or as a URI, as `airflow connections get {conn_id}` shows it.",
        ) from None


def ask_airflow(conn_id: str) -> Fields:
    """Ask the airflow command of this interpreter, which knows the database and the secrets backends.

    :raises ConfigurationError: if Airflow knows no such connection, or does not answer.
    """
    found = connection_from_airflow(conn_id)
    if found is None:
        raise ConfigurationError(
            f"Airflow knows no connection {conn_id}.",
            reason_code="airflow.connection.missing",
            way_out="Add it in the Airflow UI under Admin > Connections; "
            f"or run `airflow connections get {conn_id}` to see why.",
        )
    return found


def _shaped(found: Fields) -> Fields:
    extra = found.get("extra") or found.get("extra_dejson") or {}
    extra = json.loads(extra) if isinstance(extra, str) else extra
    # Written without the dash in a URI, with the underscore in JSON.
    kind = str(found.get("conn_type") or "").replace("-", "_")
    plain = {name: found.get(name) or "" for name in ("host", "login", "password")}
    return {"conn_type": kind, **plain, "extra": filled(extra)}


def _from_uri(uri: str) -> Fields:
    """Read a URI with Airflow's own rules: a host may carry a protocol, the query is the extra."""
    kind, _, rest = uri.partition("://")
    parts = urlsplit(rest if "://" in rest.partition("?")[0] else f"//{rest}")
    host = unquote(parts.hostname or "")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return {
        "conn_type": kind,
        # A port is a field of its own, which neither hook reads: it belongs into the address, percent-encoded.
        "host": f"{parts.scheme}://{host}" if parts.scheme else host,
        "login": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "extra": query.get(_EXTRA_IN_URI, query),
    }

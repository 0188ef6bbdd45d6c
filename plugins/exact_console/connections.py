"""The connections of the type Exact Online, and how it stands with their logins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.models.connection import Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.utils.session import create_session
from sqlalchemy import select

from include.clients.token_chain import death_of, dies_at
from include.clients.token_errors import dead_chain
from include.errors import ConfigurationError, ExactPersonioError
from include.login import App, app_of
from include.settings import setting

if TYPE_CHECKING:
    from collections.abc import Iterable

    from include.ledger import Ledger

TYPE = "exact_online"
DEFAULT = "exact_online_default"
PERSONIO_TYPE = "personio"
PERSONIO_DEFAULT = "personio_default"


@dataclass(frozen=True, slots=True)
class LoginState:
    """One connection on the page.

    :param state: ``alive``, ``idle``, ``none``, ``dead`` or ``broken``.
    :param sentence: what a person should know.
    :param redirect_uri: of the connection.
    """

    conn_id: str
    state: str
    sentence: str
    site: str = ""
    redirect_uri: str = ""
    divisions: tuple[int, ...] = ()
    token_until: datetime | None = None
    dies_at: datetime | None = None


def known_connections() -> list[str]:
    """Return the ids of all connections to Exact Online that can be listed.

    A secrets backend lists none; its connections are named in ``EXACT_PERSONIO_CONNECTIONS``.
    """
    named = setting("EXACT_PERSONIO_CONNECTIONS", DEFAULT).split(",")
    return sorted({*_stored(TYPE), *(part.strip() for part in named if part.strip())})


def personio_connections() -> list[str]:
    """Return the ids of all connections to Personio that can be listed, and of the default one."""
    return sorted({*_stored(PERSONIO_TYPE), PERSONIO_DEFAULT})


def is_there(conn_id: str) -> bool:
    """Say whether Airflow knows a connection, wherever it keeps it.

    :param conn_id: the Airflow connection.
    """
    try:
        Connection.get_connection_from_secrets(conn_id)
    except AirflowNotFoundException:
        return False
    return True


def _stored(conn_type: str) -> list[str]:
    with create_session() as session:
        return list(session.scalars(select(Connection.conn_id).where(Connection.conn_type == conn_type)).all())


def read_app(conn_id: str) -> App:
    """Return what a connection says of the app, wherever Airflow keeps it.

    :raises ConfigurationError: there is no such connection, or it lacks something.
    """
    try:
        found: Any = Connection.get_connection_from_secrets(conn_id)
    except AirflowNotFoundException:
        raise ConfigurationError(
            f"Airflow knows no connection {conn_id}.",
            reason_code="exact.connection.missing",
            way_out="Add it under Admin > Connections, type Exact Online.",
        ) from None
    if found.conn_type != TYPE:
        raise ConfigurationError(
            f"Connection {conn_id} is not of the type Exact Online.",
            reason_code="exact.connection.other_type",
            way_out="Choose another connection, or correct its type under Admin > Connections.",
        )
    return app_of(
        conn_id, host=found.host, login=found.login, password=found.password, extra=dict(found.extra_dejson)
    )


def login_states(ledger: Ledger, conn_ids: Iterable[str]) -> list[LoginState]:
    """Return how it stands with each connection; Exact is not asked.

    :param ledger: the open ledger.
    :param conn_ids: connections that the user may edit.
    """
    return [_state(ledger, conn_id) for conn_id in conn_ids]


def _state(ledger: Ledger, conn_id: str) -> LoginState:
    try:
        app = read_app(conn_id)
        stored = ledger.vault(conn_id, app.key).read()
    except ExactPersonioError as error:
        return LoginState(conn_id, "broken", str(error))
    about: dict[str, Any] = {"site": app.host, "redirect_uri": app.redirect_uri, "divisions": app.divisions}
    if stored is None:
        return LoginState(conn_id, "none", "Nobody has logged in yet.", **about)
    if code := death_of(stored):
        return LoginState(conn_id, "dead", dead_chain(code, conn_id).what, **about)
    now, ends = datetime.now(UTC), dies_at(stored.obtained_at)
    about |= {"token_until": stored.expires_at, "dies_at": ends}
    if ends <= now:
        return LoginState(conn_id, "dead", "The login was not used for 30 days.", **about)
    if stored.expires_at <= now:
        return LoginState(conn_id, "idle", "Logged in; the next run renews the access token.", **about)
    return LoginState(conn_id, "alive", "Logged in.", **about)

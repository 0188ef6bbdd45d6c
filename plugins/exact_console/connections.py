"""The connections to both services, wherever Airflow keeps them, and how it stands with the logins at Exact."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.models.connection import Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.utils.session import create_session
from sqlalchemy import select

from exact_console.language import N_
from include.clients.token_chain import death_of, dies_at
from include.clients.token_errors import dead_chain
from include.connection_fields import filled
from include.errors import ConfigurationError, ExactPersonioError
from include.login import app_of
from include.settings import setting

if TYPE_CHECKING:
    from include.doctor.installation import Fields
    from include.ledger import Ledger
    from include.login import App

TYPE = "exact_online"
DEFAULT = "exact_online_default"
PERSONIO_TYPE = "personio"
PERSONIO_DEFAULT = "personio_default"


@dataclass(frozen=True, slots=True)
class LoginState:
    """One connection on the page.

    :param state: ``alive``, ``idle``, ``none``, ``dead`` or ``broken``.
    :param sentence: what a person should know, to be translated; empty where there is a problem.
    :param problem: what an error says.
    :param app: what the connection says; None where it cannot be read.
    :param generation: counts the links of the chain of tokens.
    :param renewed_at: when its last link was made.
    """

    conn_id: str
    state: str
    sentence: str = ""
    problem: str = ""
    app: App | None = None
    generation: int = 0
    renewed_at: datetime | None = None
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


def fields_of(conn_id: str) -> Fields:
    """Return a connection, wherever Airflow keeps it, with what is filled in of its extra.

    :raises ConfigurationError: there is no such connection.
    """
    try:
        found: Any = Connection.get_connection_from_secrets(conn_id)
    except AirflowNotFoundException:
        raise ConfigurationError(
            f"Airflow knows no connection {conn_id}.",
            reason_code="airflow.connection.missing",
            way_out="Add it under Admin > Connections.",
        ) from None
    plain = {name: getattr(found, name) or "" for name in ("conn_type", "host", "login", "password")}
    return {**plain, "extra": filled(found.extra_dejson)}


def read_app(conn_id: str) -> App:
    """Return what a connection says of the app registered at Exact.

    :raises ConfigurationError: there is no such connection, or it lacks something.
    """
    fields = fields_of(conn_id)
    if fields["conn_type"] != TYPE:
        raise ConfigurationError(
            f"Connection {conn_id} is not of the type Exact Online.",
            reason_code="exact.connection.other_type",
            way_out="Choose another connection, or correct its type under Admin > Connections.",
        )
    return app_of(
        conn_id, host=fields["host"], login=fields["login"], password=fields["password"], extra=fields["extra"]
    )


def login_state(ledger: Ledger, conn_id: str) -> LoginState:
    """Return how it stands with a connection's login; Exact is not asked.

    :param ledger: the open ledger.
    :param conn_id: of a connection that the user may edit.
    """
    try:
        app = read_app(conn_id)
        stored = ledger.vault(conn_id, app.key).read()
    except ExactPersonioError as error:
        return LoginState(conn_id, "broken", problem=str(error))
    if stored is None:
        return LoginState(conn_id, "none", N_("Nobody has logged in yet."), app=app)
    about: dict[str, Any] = {"app": app, "generation": stored.generation, "renewed_at": stored.obtained_at}
    if code := death_of(stored):
        return LoginState(conn_id, "dead", problem=dead_chain(code, conn_id).what, **about)
    now, ends = datetime.now(UTC), dies_at(stored.obtained_at)
    about |= {"token_until": stored.expires_at, "dies_at": ends}
    if ends <= now:
        return LoginState(conn_id, "dead", N_("The login was not used for 30 days."), **about)
    if stored.expires_at <= now:
        return LoginState(conn_id, "idle", N_("Logged in; the next run renews the access token."), **about)
    return LoginState(conn_id, "alive", N_("Logged in."), **about)

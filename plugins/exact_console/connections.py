"""The connections to both services, wherever Airflow keeps them, and how it stands with the logins at Exact."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from airflow.configuration import ensure_secrets_loaded
from airflow.models.connection import Connection
from airflow.sdk.exceptions import AirflowSecretsBackendAccessDenied
from airflow.secrets.environment_variables import CONN_ENV_PREFIX
from airflow.utils.session import create_session
from sqlalchemy import select

from exact_console.language import N_
from include.clients.token_chain import death_of, dies_at
from include.clients.token_errors import dead_chain
from include.connection_fields import filled
from include.environment import setting
from include.errors import ConfigurationError, ExactPersonioError
from include.login import app_of

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


@dataclass(frozen=True, slots=True)
class Place:
    """Where Airflow keeps a connection.

    :param kind: ``stored`` in its database, ``environment`` or ``backend``.
    :param name: of the variable or of the backend.
    """

    kind: Literal["stored", "environment", "backend", "nowhere"]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A connection as Airflow has it.

    :param held: its fields; None: there is none of this id.
    """

    conn_id: str
    place: Place
    held: Fields | None = field(default=None, repr=False)

    @property
    def fields(self) -> Fields:
        """What it says.

        :raises ConfigurationError: there is no such connection.
        """
        if self.held is None:
            raise ConfigurationError(
                f"Airflow knows no connection {self.conn_id}.",
                reason_code="airflow.connection.missing",
                way_out="Add it under Admin > Connections.",
            )
        return self.held

    @property
    def app(self) -> App:
        """What it says of the app registered at Exact.

        :raises ConfigurationError: there is no such connection, or it lacks something.
        """
        fields = self.fields
        if fields["conn_type"] != TYPE:
            raise ConfigurationError(
                f"Connection {self.conn_id} is not of the type Exact Online.",
                reason_code="exact.connection.other_type",
                way_out="Choose another connection, or correct its type under Admin > Connections.",
            )
        plain = {name: fields[name] for name in ("host", "login", "password")}
        return app_of(self.conn_id, **plain, extra=fields["extra"])


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
    return found(conn_id).held is not None


def _stored(conn_type: str) -> list[str]:
    with create_session() as session:
        return list(session.scalars(select(Connection.conn_id).where(Connection.conn_type == conn_type)).all())


def found(conn_id: str) -> Found:
    """Return a connection and where it was found, in the order in which Airflow looks; an id of nothing, too."""
    for backend in ensure_secrets_loaded():
        try:
            connection: Any = backend.get_connection(conn_id=conn_id)
        except AirflowSecretsBackendAccessDenied:
            # Airflow does not look further then, either.
            break
        except Exception:  # noqa: BLE001 - a backend may raise anything; Airflow asks the next one
            connection = None
        if connection is not None:
            plain = {name: getattr(connection, name) or "" for name in ("conn_type", "host", "login", "password")}
            return Found(conn_id, _place(backend, conn_id), {**plain, "extra": filled(connection.extra_dejson)})
    return Found(conn_id, Place("nowhere"))


def _place(backend: object, conn_id: str) -> Place:
    kind = type(backend).__name__
    if kind == "MetastoreBackend":
        return Place("stored")
    if kind == "EnvironmentVariablesBackend":
        return Place("environment", f"{CONN_ENV_PREFIX}{conn_id.upper()}")
    return Place("backend", kind)


def fields_of(conn_id: str) -> Fields:
    """Return a connection, wherever Airflow keeps it, with what is filled in of its extra.

    :raises ConfigurationError: there is no such connection.
    """
    return found(conn_id).fields


def read_app(conn_id: str) -> App:
    """Return what a connection says of the app registered at Exact.

    :raises ConfigurationError: there is no such connection, or it lacks something.
    """
    return found(conn_id).app


def login_state(ledger: Ledger, connection: Found) -> LoginState:
    """Return how it stands with a connection's login; Exact is not asked.

    :param ledger: the open ledger.
    :param connection: that the user may edit.
    """
    conn_id = connection.conn_id
    try:
        app = connection.app
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

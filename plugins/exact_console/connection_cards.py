"""What the page of the connections shows of each: login, divisions, limits, errors, and what a test found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exact_console.connections import (
    PERSONIO_TYPE,
    TYPE,
    found,
    known_connections,
    login_state,
    personio_connections,
)
from exact_console.divisions import streams_of, switches
from exact_console.guard import may_edit
from include.connection_fields import personio_config, whole_number
from include.errors import ConfigurationError, ExactPersonioError
from include.limits_left import PER_MINUTE, errors_left, exact_left, personio_left

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from exact_console.connections import Found, LoginState, Place
    from exact_console.divisions import Moved, Switch
    from exact_console.examining import Examined
    from include.ledger import Ledger
    from include.limits_left import ErrorsLeft, Left


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked through one connection just now.

    :param examined: what its test found.
    :param usable: divisions that the login may use, number -> name.
    :param problem: why they are not known.
    """

    conn_id: str = ""
    examined: Examined | None = None
    usable: Mapping[int, str] | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ExactCard:
    """One connection to Exact Online.

    :param others: connections with a login of the same app, of those that the user may edit.
    :param streams: what the ledger knows of each division.
    :param problem: a field of the connection that cannot be read.
    """

    conn_id: str
    state: LoginState
    place: Place
    divisions: Sequence[Switch] = ()
    streams: Mapping[int, Sequence[Moved]] | None = None
    limits: Sequence[Left] = ()
    errors: Sequence[ErrorsLeft] = ()
    others: Sequence[str] = ()
    problem: str = ""
    asked: Asked = Asked()


@dataclass(frozen=True, slots=True)
class PersonioCard:
    """One connection to Personio.

    :param exists: whether Airflow knows it.
    :param credentials: what it holds, by name.
    """

    conn_id: str
    place: Place
    exists: bool = True
    company_id: int | None = None
    credentials: Mapping[str, bool] | None = None
    limits: Sequence[Left] = ()
    problem: str = ""
    asked: Asked = Asked()


@dataclass(frozen=True, slots=True)
class _Around:
    """What is asked once for all connections to Exact.

    :param mine: those that the user may edit.
    :param known: all, also those that the user does not see.
    :param streams: of the ledger, by division.
    """

    mine: tuple[str, ...]
    known: Mapping[str, Found]
    streams: Mapping[int, Sequence[Moved]]

    def of_others(self, conn_id: str) -> set[int]:
        """Return the divisions that other connections name."""
        others = [connection for other, connection in self.known.items() if other != conn_id]
        return {number for connection in others for number in _named(connection)}


def _named(connection: Found) -> tuple[int, ...]:
    try:
        return connection.app.divisions
    except ExactPersonioError:
        return ()


def cards(ledger: Ledger, user: BaseUser, asked: Asked) -> tuple[list[ExactCard], list[PersonioCard]]:
    """Return a card for each connection that the user may edit; no service is asked.

    :param ledger: the open ledger.
    :param user: of this request.
    :param asked: what was asked just now.
    """
    known = known_connections()
    mine = tuple(conn_id for conn_id in known if may_edit(user, conn_id))
    around = _Around(mine, {conn_id: found(conn_id) for conn_id in known}, streams_of(ledger, user) if mine else {})
    of_exact = [_exact(ledger, conn_id, around, _of(asked, conn_id)) for conn_id in mine]
    theirs = [conn_id for conn_id in personio_connections() if may_edit(user, conn_id)]
    return of_exact, [_personio(ledger, conn_id, _of(asked, conn_id)) for conn_id in theirs]


def _same_app(ledger: Ledger, app: str) -> list[str]:
    return [chain.connection_id for chain in ledger.chains(app)]


def _of(asked: Asked, conn_id: str) -> Asked:
    return asked if asked.conn_id == conn_id else Asked()


def _exact(ledger: Ledger, conn_id: str, around: _Around, asked: Asked) -> ExactCard:
    connection = around.known[conn_id]
    state, place = login_state(ledger, connection), connection.place
    if state.app is None:
        return ExactCard(conn_id, state, place, asked=asked)
    app, extra = state.app, connection.fields["extra"]
    scopes = {f"{app.client_id}:{number}": number for number in app.divisions}
    try:
        limits = exact_left(
            ledger,
            app.divisions,
            per_minute=whole_number(extra, "calls_per_minute", service=TYPE) or PER_MINUTE,
            per_day=whole_number(extra, "calls_per_day", service=TYPE),
        )
    except ConfigurationError as error:
        return ExactCard(conn_id, state, place, problem=str(error), asked=asked)
    return ExactCard(
        conn_id,
        state,
        place,
        divisions=switches(app.divisions, around.streams, asked.usable, around.of_others(conn_id)),
        streams=around.streams,
        limits=limits,
        # Beside the divisions' own: URLs without a division, and the tokens.
        errors=errors_left(ledger, {**scopes, app.client_id: None, app.key: None}),
        others=[one for one in _same_app(ledger, app.key) if one != conn_id and one in around.mine],
        asked=asked,
    )


def _personio(ledger: Ledger, conn_id: str, asked: Asked) -> PersonioCard:
    connection = found(conn_id)
    place = connection.place
    if connection.held is None:
        return PersonioCard(conn_id, place, exists=False)
    try:
        fields = connection.fields
        if fields["conn_type"] != PERSONIO_TYPE:
            raise _other_type(conn_id)
        config = personio_config(fields)
    except ExactPersonioError as error:
        return PersonioCard(conn_id, place, problem=str(error), asked=asked)
    held = {
        "recruiting": bool(config.recruiting_token),
        "api": bool(config.client_id and config.client_secret),
    }
    return PersonioCard(
        conn_id,
        place,
        company_id=config.company_id,
        credentials=held,
        limits=personio_left(ledger, config),
        asked=asked,
    )


def _other_type(conn_id: str) -> ConfigurationError:
    return ConfigurationError(
        f"Connection {conn_id} is not of the type Personio.",
        reason_code="personio.connection.other_type",
        way_out="Correct its type under Admin > Connections.",
    )

"""The page of the connections: how they stand, their test, and the switches of their divisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_connection
from airflow.sdk.log import mask_secret
from fastapi import APIRouter, Depends, Form
from pydantic import BaseModel, Field
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotations
from starlette.responses import Response  # noqa: TC002 - FastAPI reads the annotations

from exact_console import notices
from exact_console.audit import audit
from exact_console.connection_cards import Asked, cards
from exact_console.connections import found, personio_connections, read_app
from exact_console.divisions import Act, after, streams_of, write_divisions
from exact_console.examining import SECONDS, examined, within
from exact_console.guard import form_token, own_form
from exact_console.language import N_
from exact_console.pages import back_to, callback_url, page
from include.errors import ConfigurationError, ExactPersonioError
from include.ledger import open_ledger
from include.ledger.budget import ERRORS_PER_HOUR
from include.login.report import report_on
from include.login.session import app_session

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from exact_console.connections import Found
    from include.login.report import LoginReport

router = APIRouter(prefix="/connections")
editors_only = [Depends(requires_access_connection("PUT"))]
FormToken = Annotated[str, Form()]

WORDS: Final = {
    "alive": N_("Logged in"),
    "idle": N_("Logged in"),
    "none": N_("No login"),
    "dead": N_("Login ended"),
    "broken": N_("Not ready"),
    "pass": N_("works"),
    "fail": N_("to be mended"),
    "unknown": N_("not known"),
    "first": N_("on, moved by the schedule"),
    "on": N_("on"),
    "off": N_("off"),
    "closed": N_("on, but not open to the login"),
    "free": N_("calls leave at once"),
    "tight": N_("nearly used up"),
    "used_up": N_("used up, calls wait"),
    "blocked": N_("the service asked to wait"),
    "minute": N_("Calls a minute"),
    "day": N_("Calls of the day"),
    "recruiting": N_("Applications and documents, a minute"),
    "employees": N_("Employees, a minute"),
    "v2": N_("Looking up at API v2, a minute"),
    "v1-auth": N_("Logins at API v1, a minute"),
    "v2-auth": N_("Logins at API v2, a minute"),
}
DONE: Final = {
    "on": N_("The division is switched on."),
    "off": N_("The division is switched off; its watermark stays."),
    "first": N_("The schedule moves this division from its next run on."),
}


class Switching(BaseModel):
    """The form of a division's switch.

    :param before: the divisions that the connection named when its effect was shown; empty: it was not.
    """

    token: str
    division: Annotated[int, Field(ge=1, le=2**31)]
    act: Act
    before: Annotated[str, Field(max_length=4000)] = ""


@router.get("/")
def overview(request: Request, user: GetUserDep, notice: str = "") -> Response:
    """Show how it stands with each connection that the user may edit."""
    return _shown(request, user, notice=notice)


@router.post("/{connection_id}/test", dependencies=editors_only)
def test(request: Request, user: GetUserDep, connection_id: str, token: FormToken) -> Response:
    """Make the doctor's checks of a connection, for as long as somebody waits for a page."""
    own_form(token, user)
    service = "personio" if connection_id in personio_connections() else "exact"
    audit(user, "connection.test", connection=connection_id)
    told = examined(connection_id, service)
    counts: dict[str, Any] = {**told.counts}
    audit(user, "connection.test.done", connection=connection_id, complete=told.complete, **counts)
    return _shown(request, user, Asked(connection_id, examined=told))


@router.post("/{connection_id}/divisions", dependencies=editors_only)
def ask_divisions(request: Request, user: GetUserDep, connection_id: str, token: FormToken) -> Response:
    """Ask Exact which divisions the login may use; that costs two calls."""
    own_form(token, user)
    audit(user, "connection.divisions.ask", connection=connection_id)
    try:
        report = within(SECONDS, connection_id, lambda: _report(connection_id))
    except ExactPersonioError as error:
        return _shown(request, user, Asked(connection_id, problem=str(error)))
    if report.problem:
        return _shown(request, user, Asked(connection_id, problem=report.problem))
    return _shown(request, user, Asked(connection_id, usable=dict(report.divisions)))


@router.post("/{connection_id}/division", dependencies=editors_only)
def switch(request: Request, user: GetUserDep, connection_id: str, form: Annotated[Switching, Form()]) -> Response:
    """Say what switching a division would do; with what the connection named then, do it."""
    own_form(form.token, user)
    connection = found(connection_id)
    named = connection.app.divisions
    wanted = after(named, form.act, form.division)
    if form.before != _text(named) or not wanted or connection.place.kind != "stored":
        return _asking(request, user, connection, form)
    about: dict[str, Any] = {"connection": connection_id, "division": form.division, "switch": form.act}
    audit(user, "connection.division", **about)
    done = write_divisions(connection_id, named, wanted)
    audit(user, "connection.division.done", **about, before=_text(named), after=_text(wanted), changed=done)
    if not done:
        raise ConfigurationError(
            f"Connection {connection_id} was changed by somebody else just now; nothing was switched.",
            reason_code="console.connection.changed",
            way_out="Look at its divisions and switch again.",
        )
    told = notices.notice("connections", user, {"conn_id": connection_id, "kind": "done", "say": DONE[form.act]})
    return back_to(request, "/connections/", frame=False, notice=told)


def _report(conn_id: str) -> LoginReport:
    app = read_app(conn_id)
    with app_session(conn_id, app, mask=mask_secret) as session:
        stored = session.stored()
        if stored is None:
            raise ConfigurationError(
                "Nobody has logged in yet.",
                reason_code="exact.login.missing",
                way_out="Log in at Exact first.",
            )
        return report_on(conn_id, session.client, stored, app.divisions)


def _shown(request: Request, user: BaseUser, asked: Asked | None = None, *, notice: str = "") -> Response:
    with open_ledger() as ledger:
        of_exact, of_personio = cards(ledger, user, asked or Asked())
    return page(
        request,
        "connections.html",
        of_exact=of_exact,
        of_personio=of_personio,
        words=WORDS,
        most_errors=ERRORS_PER_HOUR,
        seconds=SECONDS,
        token=form_token(user),
        callback=callback_url(request),
        notice=notices.told_in(notice, "connections", user),
    )


def _asking(request: Request, user: BaseUser, connection: Found, form: Switching) -> Response:
    named = connection.app.divisions
    with open_ledger() as ledger:
        streams = streams_of(ledger, user, form.division).get(form.division, [])
    return page(
        request,
        "division.html",
        conn_id=connection.conn_id,
        act=form.act,
        division=form.division,
        named=named,
        wanted=after(named, form.act, form.division),
        before=_text(named),
        changed=form.before not in {"", _text(named)},
        place=connection.place,
        streams=streams,
        token=form_token(user),
    )


def _text(divisions: tuple[int, ...]) -> str:
    """Write down what was shown; also no division is something that was seen."""
    return ",".join(map(str, divisions)) or "-"

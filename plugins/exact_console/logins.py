"""The login at Exact, from the page of the connections: the way through the consent.

The state that travels to Exact and back is signed and names the user and the connection, so no worker has to
remember anything, and nobody can finish a login that another user began.
"""

from __future__ import annotations

import hmac
from http import HTTPStatus
from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_connection
from airflow.sdk.log import mask_secret
from fastapi import APIRouter, Depends, Form
from starlette.exceptions import HTTPException
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotations
from starlette.responses import JSONResponse, Response

from exact_console.connections import read_app
from exact_console.guard import form_token, may_edit, own_form
from exact_console.notices import notice
from exact_console.pages import back_to, callback_url, page, wants_html
from exact_console.signing import read, sign
from include.errors import ConfigurationError, ExactPersonioError
from include.login.answer import field_of, granted
from include.login.report import LoginReport, report_on
from include.login.session import app_session

router = APIRouter()
editors_only = [Depends(requires_access_connection("PUT"))]
FormToken = Annotated[str, Form()]


@router.post("/connections/{connection_id}/login", dependencies=editors_only)
def start(request: Request, user: GetUserDep, connection_id: str, token: FormToken) -> Response:
    """Begin a login: return Exact's consent page for this user and connection."""
    own_form(token, user)
    app, here = read_app(connection_id), callback_url(request)
    state = sign("state", {"user": user.get_id(), "conn_id": connection_id})
    with app_session(connection_id, app) as session:
        url = session.authorize_url(state)
        session.check_consent_page(url)
    pasted = not hmac.compare_digest(app.redirect_uri.encode(), here.encode())
    if not pasted and not wants_html(request):
        return JSONResponse({"url": url})
    return page(
        request,
        "consent.html",
        conn_id=connection_id,
        url=url,
        pasted=pasted,
        redirect_uri=app.redirect_uri,
        callback=here,
        token=form_token(user),
    )


@router.get("/callback")
def callback(request: Request, user: GetUserDep, state: str = "", code: str = "", error: str = "") -> Response:
    """Receive Exact's answer, keep the tokens, and lead back into Airflow."""
    told = _finish(user, state, code, error)
    return back_to(request, "/connections/", frame=True, notice=notice("connections", user, told))


@router.post("/connections/{connection_id}/answer", dependencies=editors_only)
def answer(
    request: Request, user: GetUserDep, connection_id: str, token: FormToken, address: Annotated[str, Form()]
) -> Response:
    """Take the address at which the browser ended, where Exact's answer cannot reach this server."""
    own_form(token, user)
    state, code, error = (field_of(address, name) for name in ("state", "code", "error"))
    told = _finish(user, state, code, error, expected=connection_id)
    return back_to(request, "/connections/", frame=False, notice=notice("connections", user, told))


def _finish(user: Any, state: str, code: str, error: str, expected: str = "") -> dict[str, Any]:
    """Check whose login this is, trade the code, and return what to tell, with the connection.

    :raises ConfigurationError: the state is not one that was given out, or is too old.
    :raises HTTPException: 403: it was given to somebody else.
    """
    found = read("state", state)
    if found is None or (expected and found[0].get("conn_id") != expected):
        raise ConfigurationError(
            "This answer belongs to no login that began here within the last 15 minutes.",
            reason_code="exact.login.foreign_state",
            way_out="Go back to the page of the connections and start again.",
        )
    value, asked_at = found
    conn_id = str(value.get("conn_id"))
    if value.get("user") != user.get_id() or not may_edit(user, conn_id):
        raise HTTPException(HTTPStatus.FORBIDDEN)
    try:
        app = read_app(conn_id)
        with app_session(conn_id, app, mask=mask_secret) as session:
            stored = session.tokens.exchange_code(granted(code, error, conn_id), app.redirect_uri, asked_at=asked_at)
            report = report_on(conn_id, session.client, stored, app.divisions)
    except ExactPersonioError as problem:
        again = "Press the button to start again." if "exact-personio login" in problem.way_out else problem.way_out
        return {"conn_id": conn_id, "kind": "problem", "text": f"{problem.what} {again}"}
    return {"conn_id": conn_id, **_outcome(report)}


def _outcome(report: LoginReport) -> dict[str, Any]:
    """Return what a login opens; by numbers alone, because it travels in an address."""
    usable = [number for number, _ in report.divisions]
    return {"kind": "done", "usable": usable, "missing": list(report.missing), "problem": report.problem}

"""The console's app: the guard before every page, the headers behind every answer, the errors as pages."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from exact_console import (
    connection_pages,
    logins,
    mapping_pages,
    overview,
    previews,
    reconciliation,
    record_acts,
    record_erasing,
    records,
    rejections,
    runs,
)
from exact_console.guard import no_foreign_forms
from exact_console.language import N_, translated
from exact_console.pages import FOLDER, page, wants_html
from include.errors import ExactPersonioError, RetryLaterError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGES = (
    overview,
    # Before the page of one record, whose path is whatever stands there.
    *(record_acts, record_erasing, records),
    *(rejections, runs, previews),
    *(connection_pages, logins),
    mapping_pages,
    reconciliation,
)
SENTENCES = {
    HTTPStatus.UNAUTHORIZED: N_("Your Airflow session has ended. Log in again and start anew."),
    HTTPStatus.FORBIDDEN: N_(
        "You may not do this: it needs the right to edit the connection, or to trigger the DAG, in Airflow."
    ),
    HTTPStatus.NOT_FOUND: N_("There is nothing here."),
}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    # The callback's address holds a code. `no-referrer` would make browsers send forms with `Origin: null`.
    "Referrer-Policy": "same-origin",
}


class Headers:
    """Adds the headers that keep pages out of caches and foreign frames.

    :param app: whose answers they are added to.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        static = "/static/" in scope.get("path", "")
        added = {**HEADERS, "Cache-Control": "no-cache" if static else "no-store"}
        extra = [(name.lower().encode(), value.encode()) for name, value in added.items()]

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *extra]
            await send(message)

        await self._app(scope, receive, with_headers)


def create_app() -> FastAPI:
    """Return the console's app; no route of it answers without a user of Airflow's.

    Static files are the exception: they hold nothing.
    """
    app = FastAPI(
        title="Exact → Personio",
        # Airflow leaves an app of a plugin open to everybody.
        dependencies=[Depends(get_user), Depends(no_foreign_forms)],
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    for pages in PAGES:
        app.include_router(pages.router)
    app.mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")
    app.add_middleware(Headers)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _refused)
    app.add_exception_handler(ExactPersonioError, _failed)
    return app


async def _refused(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = SENTENCES.get(HTTPStatus(status)) or (
        str(error.detail) if isinstance(error, HTTPException) else N_("The form lacks something. Start again.")
    )
    return _answer(request, status, translated(request, sentence))


async def _failed(request: Request, error: Exception) -> Response:
    status = HTTPStatus.SERVICE_UNAVAILABLE if isinstance(error, RetryLaterError) else HTTPStatus.CONFLICT
    return _answer(request, status, str(error))


def _answer(request: Request, status: int, sentence: str) -> Response:
    if not wants_html(request):
        body: dict[str, Any] = {"detail": sentence}
        return JSONResponse(body, status)
    return page(request, "message.html", status=status, sentence=sentence, ended=status == HTTPStatus.UNAUTHORIZED)

"""The Exact Online half over HTTP: login, tokens and the API."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote_plus

from starlette.responses import Response
from starlette.routing import Route

from include.sandbox.exact_consent import authorize
from include.sandbox.exact_service import Answer, Call, answer, oauth_error
from include.sandbox.exact_tokens import TokenError
from include.sandbox.odata_render import JSON_TYPE, dump

if TYPE_CHECKING:
    from starlette.requests import Request

    from include.sandbox.state import Sandbox

_TOKEN = "oauth2/token"  # noqa: S105 - the endpoint's name
_TOO_MANY = 429
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def exact_routes(sandbox: Sandbox) -> list[Route]:
    """Return the routes of the Exact Online half.

    :param sandbox: what they work on.
    """

    async def serve(request: Request) -> Response:
        body = await request.body()
        with sandbox.lock:
            # Exact's paths do not tell case apart.
            path = request.url.path.lower().rstrip("/")
            if path == "/api/oauth2/auth":
                return authorize(sandbox, request, body)
            if path == "/api/oauth2/token":
                return _response(_token(sandbox, request, body))
            return _response(answer(sandbox.exact, _call(request, body)))

    return [Route("/api/{rest:path}", serve, methods=_METHODS)]


def _call(request: Request, body: bytes) -> Call:
    url = request.url
    return Call(
        method=request.method,
        host=f"{url.scheme}://{url.netloc}",
        path=request.scope["path"],
        query=url.query,
        headers=dict(request.headers),
        body=body,
    )


def _response(found: Answer) -> Response:
    response = Response(found.body, status_code=found.status, headers=found.headers)
    if found.content_type:
        response.headers["Content-Type"] = found.content_type
    return response


def _token(sandbox: Sandbox, request: Request, body: bytes) -> Answer:
    state = sandbox.exact
    client_id = sandbox.settings.exact.client_id
    if state.errors.blocked(client_id, None, _TOKEN):
        return Answer(_TOO_MANY)
    try:
        grant = _granted(sandbox, request, body)
    except TokenError as error:
        state.errors.record(client_id, None, _TOKEN, error.status)
        content, content_type = oauth_error(error.error, error.description)
        headers = {"Reason": error.reason} if error.reason else {}
        return Answer(error.status, content, content_type, headers)
    return Answer(200, dump(grant), JSON_TYPE, {"Cache-Control": "no-store"})


def _granted(sandbox: Sandbox, request: Request, body: bytes) -> dict[str, str]:
    if request.method != "POST":
        raise TokenError("invalid_request", "The token endpoint accepts POST only.", 405)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/x-www-form-urlencoded":
        raise TokenError("invalid_request", "The body must be application/x-www-form-urlencoded.")
    text = body.decode("utf-8", "replace")
    form = {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}
    return sandbox.exact.tokens.exchange(form, _basic(request.headers.get("authorization", "")))


def _basic(header: str) -> tuple[str, str] | None:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    client_id, _, secret = text.partition(":")
    # RFC 6749 encodes both before joining them; many clients do not, and nothing here holds a percent sign.
    return unquote_plus(client_id), unquote_plus(secret)

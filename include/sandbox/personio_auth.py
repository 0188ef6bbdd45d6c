"""Personio's two ways to a token: ``/v1/auth`` and ``/v2/auth/token``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from starlette.responses import JSONResponse, Response

from include.sandbox.personio_access import limit, limit_v1, too_many
from include.sandbox.personio_errors import Refused, oauth, personnel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from include.sandbox.personio_access import Call

FORM = "application/x-www-form-urlencoded"
REQUIRED = ("grant_type", "client_id", "client_secret")
CLIENT_FAILED = (
    "Client authentication failed (e.g., unknown client, wrong secret, no client authentication included, "
    "or unsupported authentication method)."
)


def v1_auth(call: Call) -> Response:
    """Answer ``POST /v1/auth``: JSON or form in, the same token for as long as it lives out."""
    limit_v1(call)
    limit(call, "v1/auth", call.settings.v1_auth_per_minute, pause=True)
    sent = _fields(call)
    query = call.request.query_params
    if "client_id" in query or "client_secret" in query:
        if not call.settings.query_credentials_allowed:
            raise Refused(personnel(403, "Credentials in the query string are not allowed", code=0))
        sent = {**query, **sent}
    if not _known(call, sent):
        raise Refused(personnel(403, "Wrong credentials", code=0))
    token = call.state.issue_token("v1", call.settings.v1_scopes)
    left = int((token.expires_at - call.now).total_seconds())
    data = {"token": token.value, "expires_in": left, "scope": " ".join(call.settings.v1_scopes)}
    return JSONResponse({"success": True, "data": data})


def v2_token(call: Call) -> Response:
    """Answer ``POST /v2/auth/token``: a form only, the client credentials grant only."""
    _limit_v2_token(call)
    now = call.now
    if call.content_type != FORM:
        raise Refused(
            oauth(
                "invalid_request",
                f'The content type of the request must be "{FORM}".',
                at=now,
                suffix="invalid_request.invalid_request_content_type",
                uri_field="type",
            )
        )
    sent = _form(call.body)
    missing = [name for name in REQUIRED if not sent.get(name)]
    if missing:
        raise Refused(
            oauth(
                "invalid_request",
                "The request has missing or invalid required parameters.",
                at=now,
                suffix="invalid_request.required_parameters_missing",
                meta={"missing_parameters": missing},
            )
        )
    if sent["grant_type"] != "client_credentials":
        raise Refused(
            oauth(
                "unsupported_grant_type",
                "The requested authorization grant type is not supported by the server.",
                at=now,
                suffix="unsupported_grant_type",
                meta={"grant_type": sent["grant_type"]},
            )
        )
    if not _known(call, sent):
        raise Refused(oauth("invalid_client", CLIENT_FAILED, at=now, suffix="invalid_client"))
    token = call.state.issue_token("v2", _granted(call, sent.get("scope", "")))
    body = {
        "access_token": token.value,
        "expires_in": call.settings.token_seconds,
        "token_type": "Bearer",
        "scope": " ".join(token.scopes),
    }
    return JSONResponse(body)


def v2_revoke(call: Call) -> Response:
    """Answer ``POST /v2/auth/revoke``: a form with ``token``; 200 and an empty body, known or not."""
    if call.content_type != FORM or not _form(call.body).get("token"):
        raise Refused(
            oauth(
                "invalid_request",
                "The request has missing or invalid required parameters.",
                at=call.now,
                suffix="invalid_request.required_parameters_missing",
                meta={"missing_parameters": ["token"]},
            )
        )
    call.state.tokens.pop(_form(call.body)["token"], None)
    return Response(status_code=200)


def _granted(call: Call, asked: str) -> list[str]:
    scopes = asked.split()
    if any(scope not in call.settings.v2_scopes for scope in scopes):
        raise Refused(
            oauth(
                "invalid_scope",
                "One of the requested scopes is invalid.",
                at=call.now,
                suffix="invalid_scope",
            )
        )
    return scopes or list(call.settings.v2_scopes)


def _limit_v2_token(call: Call) -> None:
    """150 a minute; beyond that one request a second for a minute."""
    settings, limits = call.settings, call.state.limits
    if not settings.limits_enabled:
        return
    fits = limits.window(
        "v2/auth/token", call.now, limit=settings.v2_token_per_minute, seconds=call.minute, pause=call.minute
    )
    if not fits and not limits.window("v2/auth/token/slow", call.now, limit=1, seconds=call.minute / 60):
        raise too_many(call)


def _known(call: Call, sent: Mapping[str, Any]) -> bool:
    return (sent.get("client_id"), sent.get("client_secret")) == (
        call.settings.client_id,
        call.settings.client_secret,
    )


def _fields(call: Call) -> dict[str, Any]:
    if call.content_type == FORM:
        return dict(_form(call.body))
    try:
        sent = json.loads(call.body or b"{}")
    except ValueError:
        return {}
    return sent if isinstance(sent, dict) else {}


def _form(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qs(body.decode(), keep_blank_values=True)
    except ValueError:
        return {}
    return {name: values[-1] for name, values in pairs.items()}

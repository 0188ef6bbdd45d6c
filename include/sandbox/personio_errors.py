"""Personio's error bodies: one function per shape, because a client has to read them all."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

REFERENCE = "https://developer.personio.de/v2.0/reference/errors"
NOT_FOUND_V1 = "Es ist ein Problem aufgetreten "
FORBIDDEN_V1 = "personio.core.api.exceptions.api.forbidden.http.exception"


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not a fault of the sandbox
    """Raised by a handler to answer with an error.

    :param response: what the caller gets.
    """

    def __init__(self, response: Response) -> None:
        self.response = response
        super().__init__(f"refused with {response.status_code}")


def recruiting_reason(reason: str, status: int = 400) -> Response:
    """Shape A: undocumented, what malformed bodies get."""
    return JSONResponse({"error": {"reason": reason}}, status)


def recruiting_fields(problems: Sequence[tuple[str, str]], status: int = 400) -> Response:
    """Shape B: documented; every field appears once with all of its reasons."""
    by_field: dict[str, list[dict[str, Any]]] = {}
    for field, reason in problems:
        by_field.setdefault(field, []).append({"reason": reason, "context": {}})
    return JSONResponse({"errors": [{"field": f, "errors": e} for f, e in by_field.items()]}, status)


def personnel(
    status: int, message: str, *, code: int | None = None, errors: Mapping[str, list[str]] | None = None
) -> Response:
    """Shape of v1 personnel; the code in the body is an application code, mostly the status."""
    body: dict[str, Any] = {
        "success": False,
        "error": {"code": status if code is None else code, "message": message},
    }
    if errors:
        body["error"]["errors"] = dict(errors)
    return JSONResponse(body, status)


def problem(
    status: int,
    title: str,
    detail: str,
    *,
    at: datetime,
    kind: str | None = None,
    meta: Mapping[str, Any] | None = None,
) -> Response:
    """Shape of v2: ``application/problem+json`` with Personio's ``errors`` envelope."""
    body = {
        "personio_trace_id": str(uuid.uuid4()),
        "timestamp": at.isoformat(timespec="seconds"),
        "errors": [{"title": title, "detail": detail, "type": kind, "_meta": dict(meta or {})}],
    }
    return JSONResponse(body, status, media_type="application/problem+json")


def bad_request(at: datetime, detail: str = "Provided request parameters are invalid.") -> Response:
    """400 of v2."""
    return problem(400, "Bad request", detail, at=at, kind=f"{REFERENCE}#common.bad_request")


def not_found(at: datetime) -> Response:
    """404 of v2 for an id that does not exist."""
    return problem(
        404,
        "Resource not found",
        "There is no resource for the specified id.",
        at=at,
        kind=f"{REFERENCE}#common.resource_not_found",
    )


def unknown_route(at: datetime, path: str) -> Response:
    """404 of v2 for a path that does not exist."""
    return problem(
        404,
        "Not Found",
        f"The endpoint with {path} was not found.",
        at=at,
        kind="https://developer.personio.de/v2.0/page/public-api-error-codes#apinot_found",
        meta={"path": path},
    )


def oauth(
    error: str,
    description: str,
    *,
    at: datetime,
    suffix: str,
    uri_field: str = "error_uri",
    meta: Mapping[str, Any] | None = None,
) -> Response:
    """Shape of ``/v2/auth/token``: OAuth fields in ``application/problem+json``."""
    body: dict[str, Any] = {
        "error": error,
        "error_description": description,
        uri_field: f"{REFERENCE}#credentials.oauth2.{suffix}",
        "timestamp": at.isoformat(timespec="seconds"),
        "trace_id": str(uuid.uuid4()),
    }
    if meta:
        body["meta"] = dict(meta)
    return JSONResponse(body, 400, media_type="application/problem+json")

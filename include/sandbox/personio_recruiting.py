"""Personio's v1 recruiting API: applications and the documents that belong to them."""

from __future__ import annotations

import hashlib
import mimetypes
import uuid
from typing import TYPE_CHECKING

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.responses import JSONResponse, Response

from include.sandbox.personio_access import Call, limit_recruiting, require_recruiting
from include.sandbox.personio_errors import Refused, recruiting_fields, recruiting_reason
from include.sandbox.personio_state import Document
from include.sandbox.personio_validation import parsed, problems, stage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from include.sandbox.state import Sandbox

MALFORMED = "Invalid multipart request body and/or headers supplied."
DOCUMENTS = "pdf pptx xlsx docx doc xls ppt ods odt csv txt rtf"
ARCHIVES_AND_MEDIA = "7z gz rar zip bmp gif jpg png tif mp4 3gp mov avi wmv"
EXTENSIONS = frozenset(f"{DOCUMENTS} {ARCHIVES_AND_MEDIA}".split())


def create_application(call: Call) -> Response:
    """Answer ``POST /v1/recruiting/applications``: 201 with an empty body, or one of three error shapes."""
    limit_recruiting(call, "applications")
    # Seen live: a malformed body gives 400 even with a wrong token, a good one then 401.
    body = parsed(call.body, call.settings)
    require_recruiting(call)
    _require_features(call)
    found = problems(body, call.state, call.now.date())
    if found:
        raise Refused(recruiting_fields(found))
    call.state.add_application(body, stage(body))
    return Response(status_code=201)


def refuse_recruiting(call: Call) -> Response:
    """Answer any other recruiting path: there are no lists of channels or phases, asking for one gives 401."""
    limit_recruiting(call, "applications")
    return Response(status_code=401)


def document_endpoint(sandbox: Sandbox) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of ``POST /v1/recruiting/applications/documents``.

    :param sandbox: where the documents go.
    """

    async def answer(request: Request) -> Response:
        call = Call(sandbox, request, b"")
        try:
            with sandbox.lock:
                limit_recruiting(call, "documents")
            name, content = await _uploaded(request)
            with sandbox.lock:
                require_recruiting(call)
                _require_features(call)
                return _stored(call, name, content)
        except Refused as refusal:
            return refusal.response

    return answer


async def _uploaded(request: Request) -> tuple[str, bytes]:
    """Return name and content of the one file in the field ``file``."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise Refused(recruiting_reason(MALFORMED))
    try:
        async with request.form() as form:
            files = form.getlist("file")
            if len(files) != 1 or not isinstance(files[0], UploadFile):
                raise Refused(recruiting_reason(MALFORMED))
            return files[0].filename or "", await files[0].read()
    except (HTTPException, MultiPartException):
        raise Refused(recruiting_reason(MALFORMED)) from None


def _stored(call: Call, name: str, content: bytes) -> Response:
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    if len(content) > call.settings.document_max_bytes:
        raise Refused(recruiting_fields([("file", "errors.file-too-big")], 413))
    if extension not in EXTENSIONS:
        raise Refused(recruiting_fields([("file", "errors.invalid-file-type")], 422))
    document = Document(
        uuid=str(uuid.uuid4()),
        original_filename=name,
        mimetype=mimetypes.guess_type(name)[0] or "application/octet-stream",
        extension=extension,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    call.state.documents[document.uuid] = document
    return JSONResponse(
        {
            "uuid": document.uuid,
            "size": document.size,
            "mimetype": document.mimetype,
            "original_filename": name,
            "extension": extension,
        }
    )


def _require_features(call: Call) -> None:
    if not call.settings.recruiting_enabled:
        raise Refused(recruiting_fields([("", "feature.recruiting.disabled")], 403))
    if not call.settings.public_api_enabled:
        raise Refused(recruiting_fields([("", "feature.public-api.disabled")], 403))

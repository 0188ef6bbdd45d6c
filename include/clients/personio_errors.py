"""What Personio's refusals mean. Its recruiting API has three shapes of errors; all are read, by code.

::

    {"error": {"reason": "Field 'email' is required"}}
    {"errors": [{"field": "application_date", "errors": [{"reason": "errors.date-validation.date-in-the-future"}]}]}
    {"errors": [{"id": "...", "status": "500", "title": "...", "detail": "..."}]}
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from include.clients.personio_answers import unreadable
from include.errors import (
    AlreadyExistsError,
    ConfigurationError,
    CredentialsError,
    ExactPersonioError,
    PermissionDeniedError,
    RecordRejectedError,
)

if TYPE_CHECKING:
    from include.transport import Reply


class Reason(NamedTuple):
    """One refusal inside an answer: which field, and Personio's code or sentence."""

    field: str
    code: str


_DUPLICATE: Final = frozenset({"errors.applicant-already-exists", "errors.applicant-exists"})
"""The second was the code until March 2023."""

_FOR_ALL: Final = {
    # These speak of a setting, so that every other record would fail in the same way.
    "errors.job-position.not-published": (
        "job_position_id",
        "not-published",
        "Publish the job in Personio, or correct `job_position_id`.",
    ),
    "errors.posting-validation.posting-not-found": (
        "external_posting_id",
        "posting-not-found",
        "Correct `external_posting_id`; it must belong to the recruiting channel.",
    ),
    "errors.posting-validation.channel-not-found": (
        "recruiting_channel_id",
        "channel-not-found",
        "Correct `recruiting_channel_id`; Personio shows it under Settings > Recruiting > Channels.",
    ),
}
_FEATURES: Final = frozenset({"feature.recruiting.disabled", "feature.public-api.disabled"})
_REASONED: Final = frozenset({400, 409})
"""Statuses that say nothing without a reason."""
_SAFE_FIELD: Final = re.compile(r"[A-Za-z0-9_.\[\]-]{1,80}")
_SAFE_CODE: Final = re.compile(r"errors\.[a-z.-]{1,80}")
_REQUIRED: Final = re.compile(r"Field '([A-Za-z0-9_.\[\]-]{1,80})' is required")
_STATUS_CODES: Final = {413: ("file", "file-too-big"), 422: ("file", "invalid-file-type")}


def reasons_in(body: Any) -> list[Reason]:
    """Collect the reasons from any of the shapes; an unreadable body has none.

    :param body: the parsed answer.
    """
    if not isinstance(body, dict):
        return []
    found = []
    error = body.get("error")
    if isinstance(error, dict) and isinstance(error.get("reason"), str):
        found.append(Reason("", error["reason"]))
    listed = body.get("errors")
    for entry in listed if isinstance(listed, list) else []:
        if not isinstance(entry, dict):
            continue
        nested = entry.get("errors")
        found += [
            Reason(_field(entry.get("field")), inner["reason"])
            for inner in (nested if isinstance(nested, list) else [entry])
            if isinstance(inner, dict) and isinstance(inner.get("reason"), str)
        ]
    return found


def application_refusal(reply: Reply, endpoint: str) -> ExactPersonioError:
    """Return the error for a refused application or document.

    :param reply: whose action is ``refused``.
    :param endpoint: for texts.
    """
    if _is_unreadable(reply):
        return unreadable(endpoint, reply.status)
    reasons = reasons_in(reply.json)
    codes = {reason.code for reason in reasons}
    if codes & _DUPLICATE:
        return AlreadyExistsError(
            f"{endpoint}: this e-mail address has already applied to this position.",
            reason_code="personio.email.already-exists",
            field="email",
            way_out="Nothing is to be done.",
            status=reply.status,
        )
    if codes & _FEATURES:
        return PermissionDeniedError(
            f"{endpoint}: the feature is switched off for this company.",
            reason_code=f"personio.{min(codes & _FEATURES)}",
            way_out="Ask Personio to enable recruiting and its API.",
            status=reply.status,
        )
    for code in sorted(codes & _FOR_ALL.keys()):
        field, problem, way_out = _FOR_ALL[code]
        return ConfigurationError(
            f"{endpoint}: Personio refuses `{field}`; every other record would fail too.",
            reason_code=f"personio.{field}.{problem}",
            way_out=way_out,
            status=reply.status,
        )
    return _by_status(reply, endpoint) or _rejection(reply, endpoint, reasons)


def login_refusal(status: int, endpoint: str) -> ExactPersonioError:
    """Return the error for a refused login or a missing right.

    :param status: 401, 403, or whatever a login endpoint answered.
    :param endpoint: for texts.
    """
    if status == 403:  # noqa: PLR2004
        return PermissionDeniedError(
            f"{endpoint}: the credential may not do this.",
            reason_code="personio.access.forbidden",
            way_out="Grant the right under Settings > Integrations > API credentials in Personio.",
            status=status,
        )
    return CredentialsError(
        f"{endpoint}: Personio refuses the login.",
        reason_code="personio.login.refused",
        way_out="Recruiting needs the recruiting token and the company id; employees and looking up "
        "need client id and secret. Check that each is in its own field of the connection.",
        status=status,
    )


def _is_unreadable(reply: Reply) -> bool:
    """Say whether a refusal came without its reasons, cut off or put into something else on its way.

    It may have said that the record is there already, so nobody may take it for a refusal of the record for good.
    """
    return reply.status in _REASONED and reply.kind != "empty" and not isinstance(reply.json, dict)


def _by_status(reply: Reply, endpoint: str) -> ExactPersonioError | None:
    if reply.status in {401, 403}:
        return login_refusal(reply.status, endpoint)
    if reply.status in {404, 405}:
        return ConfigurationError(
            f"{endpoint}: Personio does not know this path.",
            reason_code="personio.endpoint.unknown",
            way_out="Check the base URL of the connection; it is normally https://api.personio.de.",
            status=reply.status,
        )
    return None


def _rejection(reply: Reply, endpoint: str, reasons: list[Reason]) -> RecordRejectedError:
    field, problem = _STATUS_CODES.get(reply.status, ("body", "refused"))
    if reasons:
        field, problem = _field_and_problem(reasons[0])
    return RecordRejectedError(
        f"{endpoint}: Personio refuses the record because of `{field}` ({problem}).",
        reason_code=f"personio.{field}.{problem}",
        field=field,
        way_out="Correct the record in Exact or the mapping; it is then tried again.",
        status=reply.status,
    )


def _field_and_problem(reason: Reason) -> tuple[str, str]:
    required = _REQUIRED.search(reason.code)
    if required:
        return required[1], "required"
    if _SAFE_CODE.fullmatch(reason.code):
        group, _, problem = reason.code.removeprefix("errors.").rpartition(".")
        return reason.field or group.partition("-")[0] or "body", problem
    # A sentence may quote what was sent; only the fact that there was one is passed on.
    return reason.field or "body", "invalid"


def _field(value: Any) -> str:
    return value if isinstance(value, str) and _SAFE_FIELD.fullmatch(value) else ""

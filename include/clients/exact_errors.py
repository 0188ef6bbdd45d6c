"""What Exact's refusals mean: by status, by a few fixed texts, and by whether it was a write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from include.errors import (
    ConfigurationError,
    CredentialsError,
    ExactPersonioError,
    PermissionDeniedError,
    RecordRejectedError,
)

if TYPE_CHECKING:
    from include.transport import Reply

COUNTED: Final = frozenset({400, 401, 403, 404})
"""Ten of these per endpoint and hour, and Exact blocks the key."""

_REASONS: Final = frozenset(
    {"BlockedUser", "InactiveUser", "BlockedCustomer", "LicenseExpired", "DivisionBlocked", "NoDivisionAccess"}
)
_QUERY_TEXTS: Final = (
    ("$select or a $top=1", "exact.query.select_missing", "Name the columns in `select`."),
    ("mandatory filtering", "exact.query.filter_missing", "Add a filter on one of the endpoint's fields."),
    ("is not supported", "exact.query.filter_unsupported", "Filter on another field."),
)


def refusal(reply: Reply, endpoint: str, *, write: bool) -> ExactPersonioError:
    """Return the error for a 4xx.

    :param reply: whose action is ``refused``.
    :param endpoint: normalised, for texts.
    :param write: whether one record was written.
    """
    if reply.status == 403:  # noqa: PLR2004
        return _forbidden(reply, endpoint)
    if reply.status == 401:  # noqa: PLR2004
        return CredentialsError(
            f"{endpoint}: Exact refuses the access token, also a fresh one.",
            reason_code="exact.access_token.refused",
            way_out="Check that the connection's host is the customer's site, then run `exact-personio login`.",
            status=reply.status,
        )
    if write:
        return RecordRejectedError(
            f"{endpoint}: Exact refuses the record.",
            reason_code="exact.record.not_found" if reply.status == 404 else "exact.record.refused",  # noqa: PLR2004
            way_out="Correct the record; sending it again unchanged counts against the error limit.",
            status=reply.status,
        )
    return _bad_query(reply, endpoint)


def _forbidden(reply: Reply, endpoint: str) -> PermissionDeniedError:
    header = reply.headers.get("Reason", "")
    reason = next((known for known in _REASONS if known.lower() in header.lower()), "")
    scope = "scope violated" in _text(reply)
    return PermissionDeniedError(
        f"{endpoint}: the login may not do this" + (f" ({reason})." if reason else "."),
        reason_code="exact.scope.missing" if scope else f"exact.access.{reason or 'forbidden'}",
        way_out="Grant the app its scopes in Exact's App Center, or the user the right and the division.",
        status=reply.status,
    )


def _bad_query(reply: Reply, endpoint: str) -> ConfigurationError:
    if reply.status == 404:  # noqa: PLR2004
        return ConfigurationError(
            f"{endpoint}: Exact does not know this path.",
            reason_code="exact.endpoint.unknown",
            way_out="Check the endpoint's name and the division of the connection.",
            status=reply.status,
        )
    text = _text(reply)
    for mark, code, way_out in _QUERY_TEXTS:
        if mark in text:
            return ConfigurationError(
                f"{endpoint}: Exact refuses the query.", reason_code=code, way_out=way_out, status=reply.status
            )
    return ConfigurationError(
        f"{endpoint}: Exact refuses the query.",
        reason_code="exact.query.refused",
        way_out="Check the names in `select`, `filter` and `orderby`; Exact wants their exact case.",
        status=reply.status,
    )


def _text(reply: Reply) -> str:
    """Return the error's text in lower case, for recognising fixed sentences; it is never passed on."""
    try:
        return str(reply.json["error"]["message"]["value"]).lower()
    except (KeyError, TypeError, IndexError):
        return ""

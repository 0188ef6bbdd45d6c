"""What Exact's token endpoint says when it refuses, by its fixed texts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from include.errors import CredentialsError, ExactPersonioError, RateLimitedError

if TYPE_CHECKING:
    from include.transport import Reply

_CAUSES: Final = (
    # in the description                reason code                    what it means
    ("old refresh token", "exact.refresh_token.old", "the refresh token was already used by someone else"),
    ("refresh token expired", "exact.refresh_token.expired", "the refresh token was not used for 30 days"),
    ("chainid", "exact.refresh_token.chain", "a newer login of the same user and app ended this one"),
)
_CLIENT_ERRORS: Final = frozenset({"invalid_client"})


class TooEarlyError(Exception):
    """Raised inside the token handling when Exact says that the current token has not expired."""


def refused(reply: Reply) -> ExactPersonioError | TooEarlyError:
    """Return the error for a token answer that holds no token.

    :param reply: of the token endpoint.
    """
    body = reply.json if isinstance(reply.json, dict) else {}
    error = str(body.get("error", ""))
    text = str(body.get("error_description", "")).lower()
    if "not expired" in text or "tooearly" in reply.headers.get("Reason", "").lower():
        return TooEarlyError()
    if reply.action == "limited":
        return RateLimitedError(
            "Exact's token endpoint refuses more calls for now.",
            reason_code="exact.limit.token",
            way_out="The task goes on by itself after a minute.",
            status=reply.status,
            retry_at=datetime.now(UTC) + timedelta(seconds=60),
        )
    return _dead(reply.status, error, text)


def _dead(status: int, error: str, text: str) -> CredentialsError:
    for mark, code, meaning in _CAUSES:
        if mark in text:
            return CredentialsError(
                f"The login to Exact Online is dead: {meaning}.",
                reason_code=code,
                way_out="Log in again with `exact-personio login`.",
                status=status,
            )
    client = error in _CLIENT_ERRORS
    return CredentialsError(
        "Exact refuses the " + ("client id or secret." if client else "login."),
        reason_code="exact.client.refused" if client else "exact.login.refused",
        way_out="Check client id, secret and redirect URI of the connection, then run `exact-personio login`.",
        status=status,
    )

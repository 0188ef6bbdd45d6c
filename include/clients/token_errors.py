"""What Exact's token endpoint says when it refuses, by its fixed texts; and the sentence each leads to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from include.errors import ConfigurationError, CredentialsError, ExactPersonioError, RateLimitedError

if TYPE_CHECKING:
    from include.transport import Reply

OLD, EXPIRED, CHAIN = "exact.refresh_token.old", "exact.refresh_token.expired", "exact.refresh_token.chain"
NO_ANSWER: Final = "exact.token.no_answer"
MALFORMED: Final = "exact.token.malformed"
TOO_EARLY: Final = "exact.token.too_early"
ANSWER_LOST: Final = "exact.token.answer_lost"

_MEANINGS: Final = {
    OLD: "the refresh token was already used, by someone else or by a renewal whose answer was lost",
    EXPIRED: "the refresh token was not used for 30 days",
    CHAIN: "a newer login of the same user and app ended this one",
}
_MARKS: Final = (
    # in the description      what it means
    ("old refresh token", OLD),
    ("refresh token expired", EXPIRED),
    ("chainid", CHAIN),
)
_CODE_LIFE: Final = timedelta(minutes=3)


class TooEarlyError(Exception):
    """Raised inside the token handling when Exact says that the current token has not expired."""


def login_command(conn_id: str) -> str:
    """Return the command that logs in anew.

    :param conn_id: the Airflow connection; empty when it is not known.
    """
    return "exact-personio login" + (f" --conn-id {conn_id}" if conn_id else "")


def refused(reply: Reply, conn_id: str = "") -> ExactPersonioError | TooEarlyError:
    """Return the error for an answer to a refresh that holds no token.

    :param reply: of the token endpoint.
    :param conn_id: for the way out.
    """
    error, text = _said(reply)
    if "not expired" in text or "tooearly" in reply.headers.get("Reason", "").lower():
        return TooEarlyError()
    if reply.action == "limited":
        return _limited(reply.status)
    for mark, code in _MARKS:
        if mark in text:
            return dead_chain(code, conn_id, reply.status)
    return _client_refused(error, conn_id, reply.status)


def code_refused(reply: Reply, conn_id: str, waited: timedelta | None) -> ExactPersonioError:
    """Return the error for an answer to the code of a login that holds no token.

    No source shows what Exact writes then, so the sentence names what it can be, narrowed by the clock.

    :param reply: of the token endpoint.
    :param conn_id: for the way out.
    :param waited: how long ago the person was sent to Exact; None if nobody knows.
    """
    error, text = _said(reply)
    if reply.action == "limited":
        return _limited(reply.status)
    if error == "invalid_client":
        return _client_refused(error, conn_id, reply.status)
    if "redirect" in text:
        return ConfigurationError(
            "Exact refuses the login: the redirect URI is not the one that the browser was sent to.",
            reason_code="exact.redirect_uri.refused",
            way_out="Enter in the connection exactly what is registered for the app in Exact's App Center.",
            status=reply.status,
        )
    young = waited is not None and waited < _CODE_LIFE
    return CredentialsError(
        "Exact refuses the code of this login: "
        + ("it was used before." if young else "it is older than three minutes, or was used before."),
        reason_code="exact.code.used" if young else "exact.code.expired",
        way_out=f"Start again with `{login_command(conn_id)}` and finish within three minutes; "
        "if it repeats, compare the connection's redirect URI with Exact's App Center.",
        status=reply.status,
    )


def dead_chain(code: str, conn_id: str, status: int | None = None) -> CredentialsError:
    """Return the error for a chain of tokens that only a person can begin anew.

    :param code: one of this module's reason codes.
    :param conn_id: for the way out.
    """
    return CredentialsError(
        f"The login to Exact Online is dead: {_MEANINGS.get(code, 'Exact refuses it')}.",
        reason_code=code,
        way_out=f"Log in again with `{login_command(conn_id)}`; the next run goes on where the last one stopped.",
        status=status,
    )


def no_login(conn_id: str) -> CredentialsError:
    """Return the error for a connection that nobody has logged in with.

    :param conn_id: for the way out.
    """
    return CredentialsError(
        "There is no login to Exact Online yet.",
        reason_code="exact.login.missing",
        way_out=f"Run `{login_command(conn_id)}` once and allow the access in the browser.",
    )


def young_login(retry_at: datetime) -> RateLimitedError:
    """Return the error for a bootstrap refresh token that was handed out just now.

    :param retry_at: when Exact renews it.
    """
    return RateLimitedError(
        "The bootstrap refresh token of the connection is too young: Exact renews it after 570 seconds.",
        reason_code=TOO_EARLY,
        way_out="The task goes on by itself once that time is over.",
        retry_at=retry_at,
    )


def not_yet(retry_at: datetime) -> RateLimitedError:
    """Return the error for an access token that was refused and cannot be renewed yet.

    :param retry_at: when Exact hands out another one.
    """
    return RateLimitedError(
        f"Exact refused the access token and gives no new one before {retry_at:%H:%M:%S %Z}.",
        reason_code=TOO_EARLY,
        way_out="The task goes on by itself; if it repeats, check the app's rights in Exact.",
        status=401,
        retry_at=retry_at,
    )


def answer_lost(retry_at: datetime, conn_id: str) -> RateLimitedError:
    """Return the error for a renewal whose answer never came, or was not saved, while Exact has moved the chain on.

    :param retry_at: when Exact hands out another link for our old one, if it still knows it then.
    :param conn_id: for the way out.
    """
    return RateLimitedError(
        f"The answer to the last renewal of the login was lost; Exact repeats it at {retry_at:%H:%M:%S %Z} or never.",
        reason_code=ANSWER_LOST,
        way_out=f"It is tried again then; to go on at once, log in again with `{login_command(conn_id)}`.",
        retry_at=retry_at,
    )


def _said(reply: Reply) -> tuple[str, str]:
    body = reply.json if isinstance(reply.json, dict) else {}
    return str(body.get("error", "")), str(body.get("error_description", "")).lower()


def _client_refused(error: str, conn_id: str, status: int) -> CredentialsError:
    client = error == "invalid_client"
    return CredentialsError(
        "Exact refuses the " + ("client id or secret." if client else "login."),
        reason_code="exact.client.refused" if client else "exact.login.refused",
        way_out=f"Check client id, secret and redirect URI of the connection, then run `{login_command(conn_id)}`.",
        status=status,
    )


def _limited(status: int) -> RateLimitedError:
    return RateLimitedError(
        "Exact's token endpoint refuses more calls for now.",
        reason_code="exact.limit.token",
        way_out="The task goes on by itself after a minute.",
        status=status,
        retry_at=datetime.now(UTC) + timedelta(seconds=60),
    )

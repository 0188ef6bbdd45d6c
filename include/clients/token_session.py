"""Carries authlib's token requests over the project's transport."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from include.clients.exact_errors import COUNTED
from include.clients.token_errors import MALFORMED, NO_ANSWER, login_command
from include.errors import OutcomeUnknownError, ProtocolError, ServiceUnavailableError
from include.transport import Reply, send

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

    from include.clients.ports import CallMeter, ErrorBudget

TOKEN_TIMEOUT: Final = 90.0
"""Token calls took 35 seconds at busy hours; who hangs up earlier loses the rotated token."""
ENDPOINT: Final = "oauth2/token"
_LONGEST: Final = 366 * 24 * 3600
"""Exact's tokens live ten minutes; a time that a clock cannot hold is no lifetime."""


class RefusedTokenError(Exception):
    """Raised when the answer holds no token; what that means depends on what was asked.

    :param reply: the answer.
    """

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        super().__init__(f"token endpoint: {reply.status}")


class TokenAnswer:
    """What authlib reads of a token answer."""

    def __init__(self, reply: Reply) -> None:
        self.status_code = reply.status
        self._json = reply.json

    def json(self) -> Any:
        """Return the parsed body."""
        return self._json


def _holds_tokens(answer: Mapping[str, Any]) -> bool:
    """Say whether an answer is one: `null` as a token would be sent as the text "None" from then on."""
    texts = (answer.get("access_token"), answer.get("refresh_token"))
    try:
        lifetime = int(answer["expires_in"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return False
    return all(isinstance(text, str) and text for text in texts) and 0 < lifetime <= _LONGEST


class TokenSession:
    """Stands where authlib expects its own HTTP client.

    :param http: client with Exact's base URL.
    :param conn_id: the Airflow connection, for texts.
    """

    def __init__(
        self, http: httpx.Client, *, meter: CallMeter | None, budget: ErrorBudget | None, conn_id: str
    ) -> None:
        self._http = http
        self._meter = meter
        self._budget = budget
        self._conn_id = conn_id

    def post(self, url: str, data: Mapping[str, str], headers: Mapping[str, str], auth: Any) -> TokenAnswer:
        """Post the form with the client's credentials in it.

        :raises RefusedTokenError: if the answer holds no token.
        :raises ErrorBudgetSpentError: if one more refusal could block the key.
        :raises ServiceUnavailableError: if no clear answer came.
        """
        _, _, body = auth.prepare("POST", url, dict(headers), "")
        form = {**data, **dict(parse_qsl(body, keep_blank_values=True))}
        room = nullcontext(None) if self._budget is None else self._budget.reserved(ENDPOINT, division=False)
        with room as record:
            return self._posted(url, form, record)

    def _posted(self, url: str, form: Mapping[str, str], record: Callable[[int], None] | None) -> TokenAnswer:
        try:
            reply = send(
                self._http,
                "POST",
                url,
                service="exact",
                endpoint=ENDPOINT,
                write=True,
                headers={"Accept": "application/json"},
                timeout=TOKEN_TIMEOUT,
                on_status=lambda status: self._count(status, record),
                data=form,
            )
        except OutcomeUnknownError as error:
            # What Exact answered is not known, but it counts its refusals: once the chain has moved on without us,
            # each further try is one, however often a gateway hides it behind a 502.
            if record is not None and error.status not in COUNTED:
                record(error.status or 0)
            # Exact may have moved the chain on. No data was touched, and the old link is all there is to try.
            raise ServiceUnavailableError(
                "Exact's token endpoint gave no clear answer; the chain may have moved on without us.",
                reason_code=NO_ANSWER,
                way_out=f"It is tried again; if the next try is refused, run `{login_command(self._conn_id)}`.",
                status=error.status,
            ) from None
        if reply.action != "done" or not isinstance(reply.json, dict) or "error" in reply.json:
            raise RefusedTokenError(reply)
        if not _holds_tokens(reply.json):
            raise ProtocolError(
                "Exact's token answer lacks a token or its lifetime.",
                reason_code=MALFORMED,
                way_out=f"Check the base URL; if it stays, log in again with `{login_command(self._conn_id)}`.",
                status=reply.status,
            )
        return TokenAnswer(reply)

    def _count(self, status: int, record: Callable[[int], None] | None) -> None:
        if record is not None and status in COUNTED:
            record(status)
        if self._meter is not None:
            self._meter.count("exact", ENDPOINT, status)

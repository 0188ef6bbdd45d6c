"""Who may call what at Personio, and how often: the guard in front of every handler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from include.sandbox.personio_errors import FORBIDDEN_V1, Refused, personnel, problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from starlette.requests import Request

    from include.sandbox.personio_settings import PersonioSettings
    from include.sandbox.personio_state import PersonioState, Token
    from include.sandbox.state import Sandbox


@dataclass(frozen=True)
class Call:
    """One request with its body already read, in front of the company it is meant for."""

    sandbox: Sandbox
    request: Request
    body: bytes

    @property
    def state(self) -> PersonioState:
        """The company."""
        return self.sandbox.personio

    @property
    def settings(self) -> PersonioSettings:
        """The switches."""
        return self.sandbox.settings.personio

    @property
    def now(self) -> datetime:
        """The sandbox's time."""
        return self.sandbox.personio.clock.now()

    @property
    def minute(self) -> float:
        """How many seconds a limit's minute lasts."""
        return self.sandbox.settings.limit_seconds

    @property
    def origin(self) -> str:
        """Scheme, host and port by which the caller reached the sandbox; links are made with it."""
        return str(self.request.base_url).rstrip("/")

    @property
    def bearer(self) -> str:
        """The token sent, or an empty text."""
        kind, _, value = self.request.headers.get("authorization", "").partition(" ")
        return value.strip() if kind.lower() == "bearer" else ""

    @property
    def content_type(self) -> str:
        """The media type sent, without parameters."""
        return self.request.headers.get("content-type", "").partition(";")[0].strip().lower()

    def path_int(self, name: str) -> int | None:
        """Return a number from the path, None if it is none."""
        text = str(self.request.path_params[name])
        return int(text) if text.isascii() and text.isdigit() else None


def endpoint(sandbox: Sandbox, handle: Callable[[Call], Response]) -> Callable[[Request], Awaitable[Response]]:
    """Wrap a handler: read the body, hold the lock, turn refusals into answers.

    :param sandbox: what the handler works on.
    :param handle: answers one call; raises ``Refused`` to answer with an error.
    """

    async def answer(request: Request) -> Response:
        call = Call(sandbox, request, await request.body())
        with sandbox.lock:
            try:
                return handle(call)
            except Refused as refusal:
                return refusal.response

    return answer


def too_many(call: Call) -> Refused:
    """Return the refusal of a call beyond a limit; Personio sends no Retry-After."""
    if call.settings.rate_limited_body == "json":
        return Refused(JSONResponse({"error": {"code": 429, "message": "Too Many Requests"}}, 429))
    return Refused(Response(status_code=429))


def limit(call: Call, name: str, count: int, *, pause: bool = False, seconds: float | None = None) -> None:
    """Count a call against a window of Personio's.

    :param name: the window.
    :param count: how many calls fit into it.
    :param pause: whether hitting the limit closes the endpoint for a minute.
    :param seconds: length of the window; a limit's minute when None.
    :raises Refused: if it is too many.
    """
    if not call.settings.limits_enabled:
        return
    fits = call.state.limits.window(
        name,
        call.now,
        limit=count,
        seconds=call.minute if seconds is None else seconds,
        pause=call.minute if pause else 0.0,
    )
    if not fits:
        raise too_many(call)


def limit_v1(call: Call) -> None:
    """Count a call against the limit that all of v1 shares per address."""
    host = call.request.client.host if call.request.client else "?"
    limit(call, f"v1:{host}", call.settings.v1_requests_per_minute)


def limit_recruiting(call: Call, what: str) -> None:
    """Count a call against the company's 20 a minute.

    :param what: ``applications`` or ``documents``, which matters if they do not share the bucket.
    """
    limit_v1(call)
    if not call.settings.limits_enabled:
        return
    bucket = "recruiting" if call.settings.recruiting_shared_bucket else f"recruiting:{what}"
    fits = call.state.limits.window(
        f"{bucket}:{call.request.headers.get('x-company-id', '')}",
        call.now,
        limit=call.settings.recruiting_per_minute,
        seconds=call.minute,
        fixed=call.settings.recruiting_window == "fixed",
    )
    if not fits:
        raise too_many(call)


def require_recruiting(call: Call) -> None:
    """Let only the static recruiting token with its company pass; the 401 has no body."""
    company = call.request.headers.get("x-company-id", "").strip()
    known = call.bearer == call.settings.recruiting_token and company == str(call.settings.company_id)
    if not known:
        raise Refused(Response(status_code=401))


def require_v1(call: Call, scope: str) -> Token:
    """Return the caller's token if it is good for v1 personnel calls.

    :param scope: right that is needed, such as ``employees:read``.
    :raises Refused: 401 without a live token, 403 without the right.
    """
    token = call.state.live_token(call.bearer)
    if token is None or (token.version == "v2" and not call.settings.v2_tokens_on_v1):
        if call.settings.v1_unauthorized_body == "empty":
            raise Refused(Response(status_code=401))
        raise Refused(personnel(401, "Unauthorized", code=0))
    if scope not in rights(call, token):
        raise Refused(personnel(403, FORBIDDEN_V1, code=0))
    return token


def rights(call: Call, token: Token) -> set[str]:
    """Return what a token may do now: a right taken from the credential is gone from its tokens at once.

    :param token: a live token.
    """
    if token.version == "v1":
        return set(call.settings.v1_scopes)
    return {scope for scope in token.scopes if scope in call.settings.v2_scopes}


def require_v2(call: Call, scope: str) -> None:
    """Let a v2 call pass only with a live token and the right.

    :raises Refused: 401; but 403 for recruiting without the right, as Personio answers it.
    """
    token = call.state.live_token(call.bearer)
    if token is not None and scope in rights(call, token):
        return
    if token is not None and ":recruiting:" in scope:
        raise Refused(problem(403, "Forbidden", "The scope for this request is missing.", at=call.now))
    raise Refused(problem(401, "Unauthorized Request", "The request is not authorized.", at=call.now))


def v2(name: str, scope: str, handle: Callable[[Call], Response]) -> Callable[[Call], Response]:
    """Put the v2 gateway in front of a handler: a token bucket per endpoint, its headers on every answer.

    :param name: the endpoint with ids replaced, which is what a bucket belongs to.
    :param scope: right that is needed.
    """

    def guarded(call: Call) -> Response:
        settings = call.settings
        rate = settings.v2_replenish_per_second
        taken, left = True, settings.v2_burst
        if settings.limits_enabled:
            speed = rate * 60.0 / call.minute
            bucket = f"v2:{name}:{call.bearer}"
            taken, left = call.state.limits.bucket(bucket, call.now, rate=speed, burst=settings.v2_burst)
        try:
            if not taken:
                raise too_many(call)
            require_v2(call, scope)
            response = handle(call)
        except Refused as refusal:
            response = refusal.response
        response.headers.update(_rate_headers(settings, left))
        return response

    return guarded


def _rate_headers(settings: PersonioSettings, left: int) -> dict[str, str]:
    values: dict[str, Any] = {
        "x-ratelimit-replenish-rate": settings.v2_replenish_per_second,
        "x-ratelimit-burst-capacity": settings.v2_burst,
        "x-ratelimit-requested-tokens": 1,
        "x-ratelimit-remaining": left,
    }
    return {name: str(value) for name, value in values.items()}

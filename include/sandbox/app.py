"""The sandbox as one ASGI application: both services, the admin interface, the log and the faults."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette

from include.sandbox.admin import admin_routes
from include.sandbox.exact_routes import exact_routes
from include.sandbox.faults import spoil
from include.sandbox.personio_routes import personio_routes
from include.sandbox.traffic import classify

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Message, Receive, Scope, Send

    from include.sandbox.faults import Fault
    from include.sandbox.state import Sandbox

_ADMIN = "/_sandbox"
_REPLACING = {"status", "html", "empty"}
_DROPPED = 0
_HTML = b"<!DOCTYPE html><html><head><title>Object moved</title></head><body>Please sign in.</body></html>"
_MARGIN = 1.0


class ConnectionDroppedError(ConnectionResetError):
    """Raised instead of cutting the connection where there is none, as under an in-process transport."""


class SandboxApp(Starlette):
    """Starlette, with the log and the faults outside of everything else.

    They stand outermost because cutting a connection needs the server's own ``send``.

    :param sandbox: what it serves.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(
            routes=[*exact_routes(sandbox), *personio_routes(sandbox), *admin_routes(sandbox)],
        )
        self.sandbox = sandbox
        # Redirecting a trailing slash would hide a wrong URL from the client's author.
        self.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].startswith(_ADMIN):
            await super().__call__(scope, receive, send)
            return
        await _Exchange(self.sandbox, scope, receive, send).run(super().__call__)


class _Exchange:
    """One request and its answer, which is held back until it is known what becomes of it."""

    def __init__(self, sandbox: Sandbox, scope: Scope, receive: Receive, send: Send) -> None:
        self._sandbox = sandbox
        self._scope = scope
        self._receive = receive
        self._send = send
        self._at = sandbox.clock.now()
        self._status = _DROPPED
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = bytearray()
        self._faults: list[Fault] = []

    async def run(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        kind = classify(self._scope["path"])[1]
        faults = self._faults = self._sandbox.faults.striking(self._scope["method"], kind)
        self._end_tokens(faults)
        await self._begin_late([fault for fault in faults if not fault.committed])
        replacing = next((fault for fault in faults if fault.action in _REPLACING), None)
        if any(fault.action == "drop_before" for fault in faults):
            await self._drop()
            return
        hanging = next((fault for fault in faults if fault.action == "hang"), None)
        if hanging is not None and not hanging.committed:
            await self._hang()
            return
        if replacing is None or replacing.committed:
            await self._work(app)
        if hanging is not None:
            await self._hang()
            return
        if any(fault.action == "drop_after" for fault in faults):
            await self._drop()
            return
        if replacing is not None:
            self._replace(replacing)
        self._spoil(faults)
        await _wait([fault for fault in faults if fault.committed])
        await self._answer()

    async def _begin_late(self, faults: list[Fault]) -> None:
        """Wait; the request has arrived whole, and is worked on also if the client has hung up by then."""
        if not any(fault.action == "delay" for fault in faults):
            return
        arrived: list[Message] = []
        while not arrived or arrived[-1].get("more_body", False):
            arrived.append(await self._receive())
        later = self._receive

        async def again() -> Message:
            return arrived.pop(0) if arrived else await later()

        self._receive = again
        await _wait(faults)

    async def _work(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        try:
            await app(self._scope, self._receive, self._hold)
        except Exception:
            self._log(500)
            raise

    def _end_tokens(self, faults: list[Fault]) -> None:
        for fault in faults:
            if fault.action not in {"expire_tokens", "revoke_tokens"}:
                continue
            service: Any = getattr(self._sandbox, classify(self._scope["path"])[0])
            end = getattr(service, fault.action, None)
            if end is not None:
                with self._sandbox.lock:
                    end()

    async def _hold(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = list(message.get("headers", []))
        else:
            self._body += message.get("body", b"")

    def _replace(self, fault: Fault) -> None:
        self._status = fault.status
        self._headers = [(name.encode(), value.encode()) for name, value in fault.headers.items()]
        self._body = bytearray()
        if fault.action == "html":
            self._headers.append((b"content-type", b"text/html; charset=utf-8"))
            self._body += _HTML
        elif fault.action == "status":
            self._body += fault.body.encode()

    def _spoil(self, faults: list[Fault]) -> None:
        query = self._scope["query_string"].decode("latin-1")
        host = dict(self._scope["headers"]).get(b"host", b"").decode("latin-1")
        url = f"{self._scope['scheme']}://{host}{self._scope['path']}" + (f"?{query}" if query else "")
        for fault in faults:
            self._body = bytearray(spoil(fault.action, bytes(self._body), url))

    async def _answer(self) -> None:
        self._log(self._status)
        length = str(len(self._body)).encode()
        headers = [(name, value) for name, value in self._headers if name.lower() not in {b"content-length", b"date"}]
        # The sandbox's own time: clients take the answer's date as the server's clock.
        headers.append((b"date", format_datetime(self._at + self._skew(), usegmt=True).encode()))
        bodiless = self._status in {204, 304}
        if not bodiless:
            headers.append((b"content-length", length))
        await self._send({"type": "http.response.start", "status": self._status, "headers": headers})
        await self._send({"type": "http.response.body", "body": b"" if bodiless else bytes(self._body)})

    def _skew(self) -> timedelta:
        service = classify(self._scope["path"])[0]
        return timedelta(seconds=getattr(self._sandbox.settings, service).clock_skew_seconds)

    async def _hang(self) -> None:
        """Say nothing until the client hangs up."""
        self._log(_DROPPED)
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _drop(self) -> None:
        self._log(_DROPPED)
        transport = getattr(getattr(self._send, "__self__", None), "transport", None)
        if transport is None:
            raise ConnectionDroppedError("The sandbox cut the connection, as a fault asked for.")
        transport.abort()
        async with asyncio.timeout(_MARGIN):
            # The server learns of the cut in its own time; returning earlier would make it answer 500.
            while (await self._receive())["type"] != "http.disconnect":
                pass

    def _log(self, status: int) -> None:
        self._sandbox.log.add(
            at=self._at,
            method=self._scope["method"],
            path=self._scope["path"],
            query=self._scope["query_string"].decode("latin-1"),
            status=status,
            faults=tuple(fault.action for fault in self._faults),
        )


async def _wait(faults: list[Fault]) -> None:
    for fault in faults:
        if fault.action == "delay":
            await asyncio.sleep(fault.seconds)


def create_app(sandbox: Sandbox) -> Starlette:
    """Return the application that serves a sandbox.

    :param sandbox: its state.
    """
    return SandboxApp(sandbox)

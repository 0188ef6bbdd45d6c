"""Between the clients and the services: every request passes here, is written down, and may meet trouble."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import httpx

from include.demo.ports import Ports
from include.sandbox.traffic import classify

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 0.05
"""Seconds that a client waits for an answer which never comes; for any other it waits as long as it takes."""


class Gate(httpx.BaseTransport):
    """The network.

    :ivar trace: kinds of the requests so far, such as ``GET crm/Contacts``.
    :ivar meets: asked about every request, by its kind, before it goes out; it may change the request, or raise.
    :ivar answered: told about every answer, by its request's kind.
    :ivar given_up: told when a client waits no longer; the client goes on when this returns.
    """

    def __init__(self) -> None:
        self._wire = httpx.HTTPTransport()
        self.trace: list[str] = []
        self.meets: Callable[[str, httpx.Request], None] = lambda _kind, _request: None
        self.answered: Callable[[str, httpx.Response], None] = lambda _kind, _response: None
        self.given_up: Callable[[], None] = lambda: None
        self._ports = Ports()
        self._closed = self._ports.hold()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        kind = kind_of(request)
        self.trace.append(kind)
        self.meets(kind, request)
        try:
            response = self._wire.handle_request(request)
        except httpx.ReadTimeout:
            self.given_up()
            raise
        try:
            self.answered(kind, response)
        except BaseException:
            # Nobody else gets to see it, and its place among the connections would stay taken.
            response.close()
            raise
        return response

    def counts(self) -> Counter[str]:
        return Counter(self.trace)

    def refuse(self, request: httpx.Request) -> None:
        """Send a request to a port at which nobody listens."""
        request.url = request.url.copy_with(port=self._closed)

    def close(self) -> None:
        self._wire.close()
        self._ports.close()


def kind_of(request: httpx.Request) -> str:
    """Return method and endpoint of a request, as the sandbox's log names it."""
    return f"{request.method} {classify(request.url.path)[1]}"


def impatient(request: httpx.Request) -> None:
    """Let a client wait for this answer for a moment only."""
    request.extensions = {**request.extensions, "timeout": {**request.extensions["timeout"], "read": PATIENCE}}

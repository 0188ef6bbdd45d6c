"""The sandbox as a server on a port of this machine."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING, Self

import uvicorn

from include.sandbox.app import create_app
from include.sandbox.state import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from include.sandbox.clock import Clock
    from include.sandbox.settings import SandboxSettings

_START_SECONDS = 30.0


def _server(sandbox: Sandbox) -> uvicorn.Server:
    config = uvicorn.Config(
        create_app(sandbox),
        log_level="warning",
        access_log=False,
        # The sandbox dates its answers itself, and its links carry the address that the client used.
        date_header=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    listener.listen(128)
    return listener


def serve(
    sandbox: Sandbox,
    host: str = "127.0.0.1",
    port: int = 0,
    ready: Callable[[int], None] | None = None,
) -> None:
    """Serve until interrupted.

    :param sandbox: its state.
    :param host: address to listen on.
    :param port: port, or 0 for a free one.
    :param ready: called with the port once connections are accepted.
    :raises OSError: if the port is taken.
    """
    with _listen(host, port) as listener:
        if ready is not None:
            # The kernel queues connections from here on.
            ready(listener.getsockname()[1])
        _server(sandbox).run(sockets=[listener])


class RunningSandbox:
    """A sandbox in a thread of this process, on a free port, for the time of a ``with`` block.

    :param settings: switches; the defaults when None.
    :param clock: time source; the machine's time when None.
    """

    def __init__(self, settings: SandboxSettings | None = None, clock: Clock | None = None) -> None:
        self.sandbox = Sandbox(settings, clock)
        self._server = _server(self.sandbox)
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self.url = ""

    def __enter__(self) -> Self:
        listener = _listen("127.0.0.1", 0)
        self._listener = listener
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, args=(listener,), name="sandbox", daemon=True)
        self._thread.start()
        return self

    def _run(self, listener: socket.socket) -> None:
        asyncio.run(self._server.serve(sockets=[listener]))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(_START_SECONDS)
        if self._listener is not None:
            self._listener.close()

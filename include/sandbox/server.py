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


def _config(sandbox: Sandbox) -> uvicorn.Config:
    return uvicorn.Config(
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


class _Threaded(uvicorn.Server):
    """Ends as soon as it is told to: uvicorn looks only ten times a second, and rests as long before it ends."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._wake: Callable[[], object] = lambda: None

    def stop(self) -> None:
        """Let it end; from any thread, and also before it has begun."""
        self.should_exit = True
        self._wake()

    async def main_loop(self) -> None:
        """Wait until it is told to end."""
        told = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._wake = lambda: loop.call_soon_threadsafe(told.set)
        await self.on_tick(0)
        if not self.should_exit:
            await told.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close what is idle at once; leave it to uvicorn to wait for calls that are still answered."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        # Each transport tells its protocol in the next turn of the loop that it is closed.
        for _ in range(3):
            await asyncio.sleep(0)
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)
            return
        for listener in sockets or []:
            listener.close()
        for server in self.servers:
            await server.wait_closed()


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
        uvicorn.Server(_config(sandbox)).run(sockets=[listener])


class RunningSandbox:
    """A sandbox in a thread of this process, on a free port, for the time of a ``with`` block.

    :param settings: switches; the defaults when None.
    :param clock: time source; the machine's time when None.
    """

    def __init__(self, settings: SandboxSettings | None = None, clock: Clock | None = None) -> None:
        self.sandbox = Sandbox(settings, clock)
        self._server = _Threaded(_config(self.sandbox))
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
        self._server.stop()
        if self._thread is not None:
            self._thread.join(_START_SECONDS)
        if self._listener is not None:
            self._listener.close()

"""The console as Airflow mounts it, on a port of this machine, with users of Airflow's own."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
import warnings
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

import httpx
import uvicorn
from fastapi import FastAPI

from exact_console.plugin import ExactConsolePlugin

with warnings.catch_warnings():
    # Airflow's server imports a library that imports Starlette's test client, which asks for another httpx.
    warnings.simplefilter("ignore")
    from airflow.api_fastapi.app import get_auth_manager, init_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

if TYPE_CHECKING:
    from types import TracebackType


class Console:
    """A server for the time of a ``with`` block.

    :param path: of ``[api] base_url``.
    """

    def __init__(self, path: str = "") -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.base = f"http://localhost:{self._listener.getsockname()[1]}{path}"
        app = FastAPI()
        for mounted in ExactConsolePlugin.fastapi_apps:
            app.mount(mounted["url_prefix"], mounted["app"])
        if path:
            outer = FastAPI()
            outer.mount(path, app)
            app = outer
        config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._browsers = ExitStack()

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._listener]))

    def __enter__(self) -> Self:
        init_auth_manager()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close_browsers()
        self._server.should_exit = True
        self._thread.join(10)
        self._listener.close()

    def close_browsers(self) -> None:
        """Let nothing of what was asked so far go on: neither a browser's connection nor an answer of the server."""
        self._browsers.close()
        end = time.monotonic() + 10
        while self._server.server_state.tasks and time.monotonic() < end:
            time.sleep(0.001)

    def token(self, role: str, name: str = "ada") -> str:
        """Return what Airflow's login would put into the cookie ``_token``."""
        return str(get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=name, role=role)))

    def browser(self, role: str | None, name: str = "ada") -> httpx.Client:
        """Return a client in which somebody with this role is logged in to Airflow."""
        cookies = {"_token": self.token(role, name)} if role else {}
        client = httpx.Client(base_url=self.base, cookies=cookies, timeout=30)
        self._browsers.callback(client.close)
        return client

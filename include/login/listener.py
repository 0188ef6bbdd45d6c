"""Receives the browser on this machine: one answer, from the right place, with the right state."""

from __future__ import annotations

import ipaddress
import socket
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from include.errors import ConfigurationError, CredentialsError
from include.login.answer import field_of, same_state

if TYPE_CHECKING:
    from types import TracebackType

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Exact Online login</title>
<meta name="viewport" content="width=device-width"><style>body{{font:16px/1.5 system-ui,sans-serif;max-width:32em;
margin:20vh auto;padding:0 1em;color-scheme:light dark}}</style><h1>{title}</h1><p>{text}</p></html>"""

DONE = ("You can close this window", "Exact has answered. The terminal says how the login ended.")
FOREIGN = ("Not this login", "This answer belongs to another login. The one in the terminal is still waiting.")


def loopback(redirect_uri: str) -> tuple[str, int, str] | None:
    """Return address, port and path to listen on, None if a browser cannot reach this program there.

    :param redirect_uri: of the connection; only plain http on this machine needs no certificate.
    """
    parts = urlsplit(redirect_uri)
    host = parts.hostname or ""
    try:
        near = host == "localhost" or ipaddress.ip_address(host).is_loopback
        port = parts.port or 80
    except ValueError:
        return None
    if parts.scheme != "http" or not near:
        return None
    return "127.0.0.1" if host == "localhost" else host, port, parts.path or "/"


class Listener:
    """Listens while the block lasts; everything but the awaited answer gets a page and is forgotten.

    :param address: from :func:`loopback`.
    :param state: as handed out for this login.
    :raises ConfigurationError: somebody else listens there.
    """

    def __init__(self, address: tuple[str, int, str], state: str) -> None:
        host, port, self._path = address
        self._state = state
        self._answered = threading.Event()
        self._lock = threading.Lock()
        self._answer = ""
        try:
            self._server = _server(host, port, self)
        except OSError:
            raise ConfigurationError(
                f"Port {port} of {host} cannot be listened on: it is in use, or needs more rights.",
                reason_code="exact.login.port_in_use",
                way_out="End what uses it, or log in with `exact-personio login --paste`.",
            ) from None
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def wait(self, seconds: float) -> str:
        """Return the path and query that the browser came back with.

        :param seconds: how long a person may take.
        :raises CredentialsError: nobody came.
        """
        if self._answered.wait(seconds):
            return self._answer
        raise CredentialsError(
            f"Nobody came back from Exact within {seconds / 60:.0f} minutes.",
            reason_code="exact.login.timeout",
            way_out="Start again. If Exact showed an error instead of a question, the connection's client ID or "
            "redirect URI is not what is registered in the App Center.",
        )

    def receive(self, target: str) -> tuple[HTTPStatus, tuple[str, str]]:
        """Judge one request; return what its sender gets to see.

        :param target: path and query.
        """
        if urlsplit(target).path != self._path:
            return HTTPStatus.NOT_FOUND, ("Nothing here", "")
        if not same_state(field_of(target, "state"), self._state):
            return HTTPStatus.BAD_REQUEST, FOREIGN
        with self._lock:
            if not self._answered.is_set():
                self._answer = target
                self._answered.set()
        return HTTPStatus.OK, DONE


def _server(host: str, port: int, listener: Listener) -> ThreadingTCPServer:
    class Handler(BaseHTTPRequestHandler):
        """Answers a browser; a connection that says nothing is dropped."""

        timeout = 10

        def do_GET(self) -> None:
            """Answer with a page."""
            status, (title, text) = listener.receive(self.path)
            body = PAGE.format(title=title, text=text).encode()
            self.send_response(status)
            for name, value in (
                ("Content-Type", "text/html; charset=utf-8"),
                ("Content-Length", str(len(body))),
                ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
                ("Cache-Control", "no-store"),
                ("Referrer-Policy", "no-referrer"),
                ("Connection", "close"),
            ):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Log nothing: the request line holds the code."""

    # Not http.server's own class: that one asks the name service for this machine's name first.
    class Server(ThreadingTCPServer):
        allow_reuse_address = True
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Forget a browser that went away in the middle."""

    return Server((host, port), Handler)

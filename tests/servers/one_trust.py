"""One TLS context for all HTTP clients of a test process.

Every client of httpx reads the certificates it is to trust, which takes 30 ms; the servers of the tests speak plain
HTTP. Whatever else a client asks for is made as ever.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

from httpx._transports import default

if TYPE_CHECKING:
    import ssl


def install() -> None:
    """Let all clients that this process builds share what they trust."""
    # A name that the module only imports: for mypy it is not its own.
    names: Any = default
    made = names.create_ssl_context

    @functools.cache
    def usual(_file: str | None, _folder: str | None) -> ssl.SSLContext:
        context: ssl.SSLContext = made()
        return context

    def create(verify: Any = True, cert: Any = None, **more: Any) -> Any:
        if verify is not True or cert is not None or more.get("trust_env") is False:
            return made(verify=verify, cert=cert, **more)
        return usual(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))

    names.create_ssl_context = create

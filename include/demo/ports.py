"""Ports of 127.0.0.1 that nobody else is given before our server listens at them."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Self

from include.errors import ConfigurationError

if TYPE_CHECKING:
    from types import TracebackType


class Ports:
    """Hold ports for servers that are started later, until the block or the object is closed.

    A port that was free a moment ago is soon the local end of somebody's connection: the kernel takes both from one
    range, and a server that comes up half a minute later finds its address in use. A bound socket keeps the kernel
    from handing it out; a server that sets ``SO_REUSEADDR``, as servers do, may listen there all the same.
    """

    def __init__(self) -> None:
        self._held: dict[int, socket.socket] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def hold(self, number: int = 0) -> int:
        """Hold a port and return it; one that is held already is simply returned.

        :param number: which one; 0 takes one that nobody uses.
        :raises ConfigurationError: somebody listens there.
        """
        if number in self._held:
            return number
        place = socket.socket()
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            place.bind(("127.0.0.1", number))
        except OSError:
            place.close()
            raise ConfigurationError(
                f"Port {number} of 127.0.0.1 is in use.",
                reason_code="demo.port.in_use",
                way_out="End what uses it, or choose another: .venv/bin/exact-personio up --port 8081",
            ) from None
        held = int(place.getsockname()[1])
        self._held[held] = place
        return held

    def close(self) -> None:
        """Give all of them back."""
        while self._held:
            self._held.popitem()[1].close()

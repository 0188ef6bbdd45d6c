"""Ports for servers that are started later: nobody else gets one in between."""

from __future__ import annotations

import socket

import pytest

from include.demo.ports import Ports
from include.errors import ConfigurationError


def test_held_port_is_no_end_of_a_connection_but_takes_a_listener() -> None:
    """What the kernel would give to somebody's connection, a server that comes up later could not have."""
    with Ports() as ports:
        port = ports.hold()
        with socket.socket() as client, pytest.raises(OSError, match="in use"):
            client.bind(("127.0.0.1", port))
        with (
            socket.create_server(("127.0.0.1", port)) as server,
            socket.create_connection(("127.0.0.1", port)) as client,
        ):
            served, address = server.accept()
            served.close()
            assert address == client.getsockname()


def test_ports_are_different_and_given_back() -> None:
    with Ports() as ports:
        held = [ports.hold() for _ in range(5)]
        assert ports.hold(held[0]) == held[0]
    assert len(set(held)) == 5
    with socket.socket() as other:
        other.bind(("127.0.0.1", held[0]))


def test_port_that_somebody_listens_at_is_refused() -> None:
    with Ports() as ports, socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(ConfigurationError, match="in use") as it:
            ports.hold(other.getsockname()[1])
    assert "--port" in it.value.way_out

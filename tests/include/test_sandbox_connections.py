"""What the demo and the compose stack give Airflow opens a sandbox that was started with nothing but defaults."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet

from include.demo.sandbox_connections import EXACT, log_in_at_sandbox, sandbox_connections
from include.ledger import open_ledger
from include.sandbox.server import RunningSandbox
from include.transport import build_http

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

REDIRECT = "http://127.0.0.1:8080/exact-console/callback"


def test_the_login_ends_with_a_chain_in_the_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Client, secret, redirect URI and consent are what the sandbox accepts."""
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_KEY", Fernet.generate_key().decode())
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with RunningSandbox() as sandbox, build_http(base_url=sandbox.url) as http:
        connections = sandbox_connections(sandbox.url, REDIRECT, 0.5)
        log_in_at_sandbox(connections, http, ledger_url=url)
    with open_ledger(url) as ledger:
        assert ledger.vault(EXACT).read() is not None


def test_both_services_know_the_scale_of_time() -> None:
    """A limit's minute lasts as long for the clients as for the sandbox; else they wait too long, or are refused."""
    connections = sandbox_connections("http://sandbox:8700", REDIRECT, 0.5)
    extras = {name: json.loads(connection["extra"]) for name, connection in connections.items()}
    assert extras[EXACT]["minute_seconds"] == 0.5
    assert extras["personio_default"]["recruiting_window_seconds"] == 0.5

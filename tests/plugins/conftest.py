"""The console on a port of this machine, with a connection to the sandbox that its users may log in for."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_home import CLIENT, PERSONIO_CLIENT
from console import Console
from console_connections import PERSONIO, SECRET, STORED, stored
from include.ledger import erasures, open_ledger, tombstones
from include.sandbox.server import RunningSandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx


@pytest.fixture(scope="session")
def database() -> None:
    """Make Airflow's tables, in which tokens and connections are looked up."""
    from airflow.utils.db import initdb  # noqa: PLC0415

    initdb()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what the test starts use a ledger of the test's own."""
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
    monkeypatch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "a secret of the tests that is long enough " * 2)


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first erasure of a ledger not wait until every process knows of it: there is no other."""
    monkeypatch.setattr(erasures, "SETTLE_SECONDS", 0)
    monkeypatch.setattr(tombstones, "FRESH_SECONDS", 0)


@pytest.fixture
def sandbox(settings: None) -> Iterator[RunningSandbox]:
    with RunningSandbox() as running:
        yield running


@pytest.fixture(scope="session")
def served(database: None) -> Iterator[Console]:
    """Serve the console for all tests of a process: it keeps nothing between two requests."""
    with Console() as running:
        yield running


@pytest.fixture
def console(served: Console, settings: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", served.base)
    yield served
    served.close_browsers()


@pytest.fixture
def connect(console: Console, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def define(redirect_uri: str = "", **changes: Any) -> None:
        fields: dict[str, Any] = {"conn_type": "exact_online", "host": sandbox.url}
        fields |= {"login": CLIENT[0], "password": CLIENT[1]}
        fields["extra"] = {
            "redirect_uri": redirect_uri or f"{console.base}/exact-console/callback",
            "divisions": "124132",
        }
        monkeypatch.setenv("AIRFLOW_CONN_EXACT_ONLINE_DEFAULT", json.dumps(fields | changes))

    define()
    return define


@pytest.fixture
def admin(console: Console) -> httpx.Client:
    return console.browser("admin")


@pytest.fixture
def viewer(console: Console) -> httpx.Client:
    return console.browser("viewer", "vic")


@pytest.fixture
def exact(console: Console, sandbox: RunningSandbox) -> Iterator[None]:
    extra = {
        "divisions": "124132, 124133",
        "redirect_uri": f"{console.base}/exact-console/callback",
        "refresh_token": SECRET,
    }
    fields = {"conn_type": "exact_online", "host": sandbox.url, "login": CLIENT[0], "password": CLIENT[1]}
    with stored(STORED, **fields, extra=json.dumps(extra)):
        yield


@pytest.fixture
def personio(console: Console, sandbox: RunningSandbox) -> Iterator[None]:
    extra = {"company_id": 4242, "recruiting_access_token": "sandbox-recruiting-token", "job_position_id": 1001}
    fields = {"conn_type": "personio", "host": sandbox.url}
    login = dict(zip(("login", "password"), PERSONIO_CLIENT, strict=True))
    with stored(PERSONIO, **fields, **login, extra=json.dumps(extra)):
        yield


@pytest.fixture
def logged_in(exact: None, sandbox: RunningSandbox) -> None:
    issued, now = sandbox.sandbox.exact.issue_tokens(), datetime.now(UTC)
    with open_ledger() as ledger, ledger.vault(STORED, f"{sandbox.url}|{CLIENT[0]}").locked() as chain:
        chain.replace(issued["access_token"], issued["refresh_token"], now, now + timedelta(seconds=600))

"""A running sandbox and a logged-in client for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from include.sandbox.clock import Clock
from include.sandbox.server import RunningSandbox
from include.sandbox.settings import SandboxSettings

NOON = datetime(2026, 6, 25, 14, 14, 12, tzinfo=UTC)
DIVISION = 124132


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    """Run a sandbox whose clock stands still on a summer afternoon, with room for many calls."""
    settings = SandboxSettings()
    settings.exact.minutely_limit = 100_000
    settings.exact.daily_limit = 100_000
    settings.exact.error_limit = 1000
    clock = Clock(scale=0.0)
    clock.set(NOON)
    with RunningSandbox(settings, clock) as running:
        yield running


@pytest.fixture
def running() -> Iterator[RunningSandbox]:
    """Run a sandbox as it comes."""
    with RunningSandbox() as found:
        yield found


@pytest.fixture
def visitor(running: RunningSandbox) -> Iterator[httpx.Client]:
    """Make a client for it that has no token yet."""
    with httpx.Client(base_url=running.url) as client:
        yield client


@pytest.fixture
def http(sandbox: RunningSandbox) -> Iterator[httpx.Client]:
    """Make a client with a good token that asks for JSON."""
    token = sandbox.sandbox.exact.issue_tokens()["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    with httpx.Client(base_url=sandbox.url, headers=headers) as client:
        yield client


Api = Callable[..., httpx.Response]


@pytest.fixture
def api(http: httpx.Client) -> Api:
    """Call an endpoint of the default division with a raw query, encoded by nobody but the test."""

    def call(path: str, query: str = "", method: str = "GET", **more: Any) -> httpx.Response:
        url = f"/api/v1/{DIVISION}/{path}" + (f"?{query}" if query else "")
        return http.request(method, url, **more)

    return call


@pytest.fixture
def people(sandbox: RunningSandbox) -> list[dict[str, Any]]:
    """Add one account with 150 contacts."""
    exact = sandbox.sandbox.exact
    account = exact.add_account(DIVISION, {"Name": "Voorbeeld B.V.", "Status": "C"})
    return [
        exact.add_contact(
            DIVISION,
            {
                "Account": account["ID"],
                "FirstName": f"Noor{number:03d}",
                "LastName": "O'Dijk",
                "Email": f"noor{number}@example.org",
            },
        )
        for number in range(150)
    ]

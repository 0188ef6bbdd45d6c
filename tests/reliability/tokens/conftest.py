"""A sandbox with room for many calls, and ledgers on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet

import postgres
from include.ledger import open_ledger
from include.sandbox.server import RunningSandbox
from include.sandbox.settings import SandboxSettings
from token_race import Company

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def key() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture
def sqlite_url(tmp_path: Path, key: str) -> str:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    open_ledger(url, key).close()
    return url


@pytest.fixture
def postgres_url(postgres_server: str, key: str) -> Iterator[str]:
    with postgres.schema(postgres_server) as url:
        open_ledger(url, key).close()
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(request: pytest.FixtureRequest, backend: str) -> str:
    return str(request.getfixturevalue("sqlite_url" if backend == "sqlite" else "postgres_url"))


@pytest.fixture
def running() -> Iterator[RunningSandbox]:
    settings = SandboxSettings()
    # The limits per minute are not what is tried here.
    settings.exact.minutely_limit = settings.exact.daily_limit = 100_000
    with RunningSandbox(settings) as server:
        yield server


@pytest.fixture
def company(running: RunningSandbox, url: str, key: str) -> Iterator[Company]:
    """Return a company on either database whose access token has ended."""
    with Company(running, url, key) as made:
        yield made


@pytest.fixture
def small_company(running: RunningSandbox, sqlite_url: str, key: str) -> Iterator[Company]:
    """Return the same with an embedded ledger."""
    with Company(running, sqlite_url, key) as made:
        yield made


@pytest.fixture
def postgres_company(running: RunningSandbox, postgres_url: str, key: str) -> Iterator[Company]:
    """Return the same with a server that hosts can share."""
    with Company(running, postgres_url, key) as made:
        yield made

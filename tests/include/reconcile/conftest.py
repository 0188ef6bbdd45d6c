from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet

import postgres
from include.ledger import open_ledger
from include.sandbox.server import RunningSandbox
from include.sandbox.settings import SandboxSettings
from quick import keep_connections, quick
from reconciled import Town
from world import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    """Both services, with small pages, and the limits out of the way."""
    settings = SandboxSettings()
    settings.personio.limits_enabled = False
    settings.exact.page_size, settings.exact.bulk_page_size = 10, 20
    with RunningSandbox(settings) as running:
        yield running


@pytest.fixture
def town(sandbox: RunningSandbox, tmp_path: Path) -> Iterator[Town]:
    yield from _town(sandbox, f"sqlite:///{tmp_path}/ledger.db")


@pytest.fixture(params=["sqlite", "postgresql"])
def either_town(request: pytest.FixtureRequest, sandbox: RunningSandbox, tmp_path: Path) -> Iterator[Town]:
    if request.param == "sqlite":
        yield from _town(sandbox, f"sqlite:///{tmp_path}/either.db")
        return
    with postgres.schema(request.getfixturevalue("postgres_server")) as url:
        yield from _town(sandbox, url)


def _town(sandbox: RunningSandbox, url: str) -> Iterator[Town]:
    clock = Clock()
    with quick(sandbox.url), open_ledger(url, Fernet.generate_key().decode(), clock=clock) as ledger:
        keep_connections(ledger)
        made = Town(ledger, sandbox, clock=clock)
        made.log_in()
        yield made

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet

import postgres
from include.ledger import open_ledger
from include.sandbox.server import RunningSandbox
from quick import keep_connections, quick
from world import Clock, World, settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
        return
    with postgres.schema(request.getfixturevalue("postgres_server")) as address:
        yield address


@pytest.fixture
def world(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Both services and a ledger, with pages, batches and slices so small that a handful of people fills several."""
    monkeypatch.setattr("include.sync.reading.PAGE_ROWS", 3)
    monkeypatch.setattr("include.sync.reading.FEED_ROWS", 5)
    monkeypatch.setattr("include.sync.to_decide.BATCH", 3)
    monkeypatch.setattr("include.ledger.decisions.SLICE", 2)
    clock = Clock()
    with (
        RunningSandbox(settings()) as running,
        open_ledger(url, Fernet.generate_key().decode(), clock=clock) as ledger,
        quick(running.url),
    ):
        keep_connections(ledger)
        yield World(ledger, running, clock=clock)

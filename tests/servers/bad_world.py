"""Fixtures: both services and a ledger on SQLite and on PostgreSQL, for what is tried many times over."""

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
    # East of everybody: there, the last hours of the year 9999 are in the year 10000.
    with postgres.schema(request.getfixturevalue("postgres_server"), "-ctimezone=Pacific/Kiritimati") as address:
        yield address


@pytest.fixture
def world(url: str) -> Iterator[World]:
    """Both services and a ledger."""
    made = settings()
    made.exact.page_size, made.exact.bulk_page_size = 7, 9
    with (
        RunningSandbox(made) as running,
        open_ledger(url, Fernet.generate_key().decode()) as ledger,
        quick(running.url),
    ):
        keep_connections(ledger)
        yield World(ledger, running, clock=Clock())

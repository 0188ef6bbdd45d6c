"""Fixtures: both services and a ledger on SQLite and on PostgreSQL, for what is tried many times over."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import create_engine, make_url, text

import postgres
from include.ledger import open_ledger
from include.sandbox.server import RunningSandbox
from quick import keep_connections, quick
from world import Clock, World, settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Start one PostgreSQL for all tests of a module."""
    programs = postgres.binaries()
    if programs is None:
        pytest.skip(postgres.HOW_TO_GET_IT)
    with postgres.running(programs) as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    address, schema = make_url(request.getfixturevalue("server")), f"t{uuid.uuid4().hex}"
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    engine.dispose()
    # East of everybody: there, the last hours of the year 9999 are in the year 10000.
    options = f"-csearch_path={schema} -ctimezone=Pacific/Kiritimati"
    return address.update_query_dict({"options": options}).render_as_string(hide_password=False)


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

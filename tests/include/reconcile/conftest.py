from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import create_engine, make_url, text

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


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    programs = postgres.binaries()
    if programs is None:
        pytest.skip(postgres.HOW_TO_GET_IT)
    with postgres.running(programs) as address:
        yield address


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
    # A schema of its own: the server is one for all.
    server, schema = make_url(request.getfixturevalue("postgres_server")), f"t{uuid.uuid4().hex}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    url = server.update_query_dict({"options": f"-csearch_path={schema}"})
    yield from _town(sandbox, url.render_as_string(hide_password=False))
    admin.dispose()


def _town(sandbox: RunningSandbox, url: str) -> Iterator[Town]:
    clock = Clock()
    with quick(sandbox.url), open_ledger(url, Fernet.generate_key().decode(), clock=clock) as ledger:
        keep_connections(ledger)
        made = Town(ledger, sandbox, clock=clock)
        made.log_in()
        yield made

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet

import postgres
from foretold import Oracle
from include.ledger import open_ledger
from include.sandbox.server import RunningSandbox
from include.sandbox.settings import SandboxSettings
from line import Line
from quick import keep_connections

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from include.ledger import Ledger
    from include.records import Destination, Entity


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    """Both services, with the limits out of the way."""
    settings = SandboxSettings()
    settings.personio.recruiting_per_minute = 100_000
    with RunningSandbox(settings) as running:
        yield running


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db", Fernet.generate_key().decode()) as opened:
        keep_connections(opened)
        yield opened


@pytest.fixture(params=["sqlite", "postgresql"])
def either_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    key = Fernet.generate_key().decode()
    if request.param == "sqlite":
        with open_ledger(f"sqlite:///{tmp_path}/either.db", key) as opened:
            yield opened
        return
    with postgres.schema(request.getfixturevalue("postgres_server")) as address, open_ledger(address, key) as opened:
        yield opened


@pytest.fixture
def entity() -> Entity:
    return "Contacts"


@pytest.fixture
def destination() -> Destination:
    return "application"


@pytest.fixture
def oracle(ledger: Ledger, sandbox: RunningSandbox, entity: Entity, destination: Destination) -> Oracle:
    line = Line(ledger, sandbox, entity, destination)
    line.log_in()
    return Oracle(line)

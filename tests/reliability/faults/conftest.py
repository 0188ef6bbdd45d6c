from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet

import postgres
from fault_world import World, world_at

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the ledger's URL: on SQLite, unless a test asks for PostgreSQL by name."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('ledger') / 'ledger.db'}"
        return
    with postgres.schema(request.getfixturevalue("postgres_server")) as address:
        yield address


@pytest.fixture(scope="module")
def world(database: str) -> Iterator[World]:
    """Both services and a ledger; a scene or a story empties all of it when it begins."""
    with world_at(database, Fernet.generate_key().decode()) as made:
        yield made


@pytest.fixture(scope="module")
def cv(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the path of a file that goes with every application."""
    file = tmp_path_factory.mktemp("files") / "cv.pdf"
    file.write_bytes(b"%PDF-1.4 an invented curriculum vitae")
    return str(file)

"""One sandbox and one warm Airflow for all stories that a process tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import postgres
from crash_ledgers import PostgresLedgers, SqliteLedgers
from crash_story import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crash_ledgers import Ledgers


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Start a machine whose ledgers are SQLite files."""
    with Machine(SqliteLedgers(tmp_path_factory.mktemp("ledgers"))) as started:
        yield started


@pytest.fixture(scope="session")
def either(request: pytest.FixtureRequest, machine: Machine) -> Iterator[Machine]:
    """Return a machine whose ledgers are of the kind that the test is told."""
    if request.param == "sqlite":
        yield machine
        return
    with postgres.running(postgres.installed()) as url:
        files: Ledgers = machine.ledgers
        machine.ledgers = PostgresLedgers(url)
        yield machine
        machine.ledgers = files

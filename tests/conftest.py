"""An Airflow home of its own for the whole test run, set before anything imports Airflow.

And no test may let a client of ours do what would get a key blocked: see ``fault_budget``.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

import one_compiler
import one_trust
import postgres
import replayed_schema
from fault_budget import AUDITS
from include.demo.ports import Ports

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

ROOT = Path(__file__).resolve().parents[1]
_HOME = tempfile.mkdtemp(prefix="exact-personio-tests-")

os.environ.update(
    {
        "AIRFLOW_HOME": _HOME,
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_HOME}/airflow.db",
    }
)
replayed_schema.install()
one_compiler.install()
one_trust.install()

AUDITS.watch()

# How long an example takes says how busy the machine is, and nothing about what is tested.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_unconfigure() -> None:
    """Leave nothing behind."""
    # Connections that end with the process are logged to a stream that pytest has closed by then.
    logging.raiseExceptions = False
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Start one server for all tests of a process, on first use; each takes a schema of its own."""
    with postgres.running(postgres.installed()) as address:
        yield address


@pytest.fixture
def free_port() -> Iterator[int]:
    """Hold a port of 127.0.0.1 at which nobody listens, and that nobody else is given."""
    with Ports() as ports:
        yield ports.hold()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """After a test, and whatever ended with it: what was asked of the sandboxes kept to the services' limits."""
    yield
    found = AUDITS.take()
    if found and item.get_closest_marker("errors_on_purpose") is None:
        pytest.fail(
            f"A sandbox of this test counted: {'; '.join(sorted(found))}. If that is what the test is about, mark it "
            "with errors_on_purpose and say why; if not, something of ours would get a key blocked.",
            pytrace=False,
        )

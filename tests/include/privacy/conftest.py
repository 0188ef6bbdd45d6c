from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import fresh_ledger
import vera as person
from include.ledger import Ledger, erasures, open_ledger, tombstones
from include.sandbox.server import RunningSandbox
from include.sandbox.settings import SandboxSettings
from line import Line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an Airflow home whose ledger the command line opens, too."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_KEY", fresh_ledger.put(tmp_path / "exact_personio.db"))
    monkeypatch.delenv("EXACT_PERSONIO_LEDGER_URL", raising=False)
    monkeypatch.setattr(erasures, "SETTLE_SECONDS", 0)
    monkeypatch.setattr(tombstones, "FRESH_SECONDS", 0)
    return tmp_path


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    with open_ledger() as opened:
        yield opened


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    settings = SandboxSettings()
    settings.personio.recruiting_per_minute = 100_000
    with RunningSandbox(settings) as running:
        yield running


@pytest.fixture
def line(ledger: Ledger, sandbox: RunningSandbox) -> Line:
    made = Line(ledger, sandbox)
    made.log_in()
    return made


@pytest.fixture
def vera(sandbox: RunningSandbox) -> str:
    return person.appear(sandbox)

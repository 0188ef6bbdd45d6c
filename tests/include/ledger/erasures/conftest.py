from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import fresh_ledger
from include.ledger import erasures as module
from include.ledger import open_ledger, tombstones

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from include.ledger import Ledger
    from tests.include.ledger.conftest import Clock


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLE_SECONDS", 0)
    monkeypatch.setattr(tombstones, "FRESH_SECONDS", 0)


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """Open a ledger whose files are not written anew: that has tests of its own."""
    monkeypatch.setattr(module, "scrub", lambda _: True)
    path = tmp_path / "fresh.db"
    with open_ledger(f"sqlite:///{path}", fresh_ledger.put(path), clock=clock) as opened:
        yield opened


@pytest.fixture
def both(url: str, key: str, clock: Clock) -> Iterator[Ledger]:
    """Open a ledger on either database."""
    with open_ledger(url, key, clock=clock) as opened:
        yield opened

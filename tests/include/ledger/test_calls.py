"""Counting calls is worth less than what it stands beside."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet

from include.ledger import open_ledger

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_ledger_that_is_locked_costs_the_count_and_not_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Another process writes for longer than SQLite waits; what would be raised here could lose a token for good."""
    file = tmp_path / "ledger.db"
    with open_ledger(f"sqlite:///{file}", Fernet.generate_key().decode()) as ledger:
        meter = ledger.meter("run")
        meter.count("exact", "oauth2/token", 200)
        monkeypatch.setattr("include.ledger.database.BUSY_TIMEOUT_MS", 20)
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            meter.count("exact", "oauth2/token", 200)
        assert "oauth2/token was not counted" in caplog.text
        meter.count("exact", "oauth2/token", 200)
        assert ledger.calls("run") == {("exact", "oauth2/token", 200): 2}


def test_calls_are_counted_again_after_their_count_was_removed(tmp_path: Path) -> None:
    """Retention may pass while a long run counts."""
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", Fernet.generate_key().decode()) as ledger:
        meter, other = ledger.meter("run"), ledger.meter("run")
        for one in (meter, other, meter):
            one.count("exact", "crm/Contacts", 200)
        assert ledger.calls("run") == {("exact", "crm/Contacts", 200): 3}
        ledger.retention.purge(datetime.now(UTC) + timedelta(days=1))
        assert not ledger.calls("run")
        meter.count("exact", "crm/Contacts", 200)
        assert ledger.calls("run") == {("exact", "crm/Contacts", 200): 1}

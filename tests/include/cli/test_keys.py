"""What ``exact-personio rotate-keys`` prints, and how it ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet
from typer.testing import CliRunner

from include.cli import app
from include.ledger import open_ledger
from include.ledger.run_tables import previews

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result


def ran(monkeypatch: pytest.MonkeyPatch, keys: str, *options: str) -> Result:
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_KEY", keys)
    return CliRunner().invoke(app, ["rotate-keys", *options])


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Make a ledger with the second of two keys."""
    new, old = (Fernet.generate_key().decode() for _ in range(2))
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_URL", url)
    open_ledger(url, old).close()
    return new, old


def test_from_the_old_key_to_the_new_one(keys: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    new, old = keys
    checked = ran(monkeypatch, f"{new},{old}", "--check")
    assert (checked.exit_code, "1 values need an older key" in checked.stdout) == (1, True)
    done = ran(monkeypatch, f"{new},{old}")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "ledger_secrets.sealed             1 under the newest key, 1 of them brought there now",
        "The first key opens all that the others could: they can be removed from the list on every machine.",
    ]
    alone = ran(monkeypatch, new, "--json")
    assert alone.exit_code == 0
    assert json.loads(alone.stdout)["total"] == {"newest": 1, "resealed": 0, "left": 0, "lost": 0}


def test_without_the_old_key(keys: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    new, _ = keys
    failed = ran(monkeypatch, new)
    assert failed.exit_code == 1
    assert "settings.EXACT_PERSONIO_LEDGER_KEY.wrong" in failed.stderr
    assert "Traceback" not in failed.output


def test_a_key_that_is_missing_in_the_list(keys: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    new, old = keys
    foreign = Fernet(Fernet.generate_key()).encrypt(b"{}")
    with open_ledger(None, old) as ledger, ledger._database.write() as connection:
        words = dict.fromkeys(("outcome", "reason_code", "field", "action", "existing"), "")
        row = {"run_id": "a", "source_id": "b", "sealed": foreign, "made_at": ledger._database.now(), **words}
        connection.execute(previews.insert().values(row))
    done = ran(monkeypatch, f"{new},{old}")
    assert done.exit_code == 1
    assert "1 values were sealed with a key that is not in the list" in done.stdout

"""Opening a ledger: schema, keys, settings of the engine."""

from __future__ import annotations

import multiprocessing
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from cryptography.fernet import Fernet

from include.errors import ConfigurationError
from include.ledger import open_ledger
from include.ledger.database import Database, parse_url
from include.ledger.migrate import HEAD, alembic_config, migrate, stored_version
from include.ledger.tables import VERSION_TABLE, metadata

if TYPE_CHECKING:
    from pathlib import Path


def test_the_migrations_build_the_schema_that_the_code_expects(url: str) -> None:
    """Nothing in the tables is missing from the migrations, and nothing is left over."""
    database = Database(parse_url(url))
    assert migrate(database)
    assert not migrate(database)
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        assert compare_metadata(context, metadata) == []
    assert stored_version(database) == HEAD == ScriptDirectory.from_config(alembic_config()).get_current_head()
    database.close()


def test_a_newer_schema_is_refused(url: str, key: str) -> None:
    """An old installation must not write into a ledger it does not understand."""
    open_ledger(url, key).close()
    database = Database(parse_url(url))
    with database.write() as connection:
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")  # noqa: S608
    with pytest.raises(ConfigurationError, match="newer"):
        open_ledger(url, key)


def test_sqlite_is_set_up_for_many_processes(tmp_path: Path, key: str) -> None:
    """WAL, a busy timeout of 30 seconds, full synchronisation, and a file of the owner's alone."""
    file = tmp_path / "deep" / "ledger.db"
    with open_ledger(f"sqlite:///{file}", key) as ledger, ledger._database.read() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "busy_timeout", "synchronous")
        }
    assert pragmas == {"journal_mode": "wal", "busy_timeout": 30_000, "synchronous": 2}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_key_file_is_made_once_and_only_for_its_owner(tmp_path: Path, monkeypatch: Any) -> None:
    """The embedded ledger needs no setting; its key file is read again at the next opening."""
    monkeypatch.delenv("EXACT_PERSONIO_LEDGER_KEY", raising=False)
    url = f"sqlite:///{tmp_path / 'exact_personio.db'}"
    open_ledger(url).close()
    key_file = tmp_path / "exact_personio.key"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    before = key_file.read_text()
    open_ledger(url).close()
    assert key_file.read_text() == before
    key_file.unlink()
    with pytest.raises(ConfigurationError, match="Put the key file back"):
        open_ledger(url)
    assert not key_file.exists()


def _open(url: str) -> bool:
    with open_ledger(url):
        return True


def test_processes_agree_on_a_new_key_file(tmp_path: Path, monkeypatch: Any) -> None:
    """Of processes that start together one makes the key, the others use it."""
    monkeypatch.delenv("EXACT_PERSONIO_LEDGER_KEY", raising=False)
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert pool.map(_open, [f"sqlite:///{tmp_path / 'l.db'}"] * 3, chunksize=1) == [True] * 3
    assert sorted(path.suffix for path in tmp_path.iterdir() if path.suffix == ".key") == [".key"]


def test_keys_can_be_rotated(url: str, key: str, ready: Any) -> None:
    """With the new key first and the old one behind it all stays readable, and hashes stay the same."""
    with open_ledger(url, key) as ledger:
        digest = ledger._cipher.email_digest("ada@example.org")
    new = Fernet.generate_key().decode()
    with open_ledger(url, f"{new}, {key}") as ledger:
        assert ledger._cipher.email_digest("ada@example.org") == digest
    with pytest.raises(ConfigurationError, match="opens this ledger") as caught:
        open_ledger(url, new)
    assert new not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "key", "reason"),
    [
        ("mysql://u:secret-word@h/d", None, "settings.EXACT_PERSONIO_LEDGER_URL.invalid"),
        ("not a url secret-word", None, "settings.EXACT_PERSONIO_LEDGER_URL.invalid"),
        ("sqlite://", "secret-word", "settings.EXACT_PERSONIO_LEDGER_KEY.invalid"),
        ("postgresql://u:secret-word@h/d", None, "settings.EXACT_PERSONIO_LEDGER_KEY.missing"),
    ],
    ids=["other database", "no url", "no key", "postgresql without key"],
)
def test_wrong_settings_get_one_sentence_without_the_secret(
    url: str, key: str | None, reason: str, monkeypatch: Any
) -> None:
    """The text names the setting and the way out, never its value."""
    monkeypatch.delenv("EXACT_PERSONIO_LEDGER_KEY", raising=False)
    with pytest.raises(ConfigurationError) as caught:
        open_ledger(url, key)
    assert caught.value.reason_code == reason
    assert "secret-word" not in str(caught.value)
    assert caught.value.way_out


def test_a_ledger_survives_a_fork(tmp_path: Path, key: str) -> None:
    """Airflow forks a process per task: an opened ledger works in parent and child."""
    code = """
import os, sys
from include.ledger import open_ledger
ledger = open_ledger(sys.argv[1], sys.argv[2])
ledger.meter("r").count("exact", "current/Me", 200)
child = os.fork()
ledger.meter("r").count("exact", "current/Me", 200)
if not child:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert ledger.calls("r") == {("exact", "current/Me", 200): 3}, ledger.calls("r")
"""
    url = f"sqlite:///{tmp_path / 'l.db'}"
    subprocess.run([sys.executable, "-c", code, url, key], check=True, cwd=os.getcwd(), timeout=60)  # noqa: PTH109


def test_alembic_is_imported_only_to_migrate(tmp_path: Path, key: str) -> None:
    """Every task opens the ledger; an up-to-date one costs no import of Alembic."""
    url = f"sqlite:///{tmp_path / 'l.db'}"
    open_ledger(url, key).close()
    code = (
        "import sys; from include.ledger import open_ledger; open_ledger(*sys.argv[1:]).close();"
        "sys.exit(any(name.split('.')[0] in ('alembic', 'httpx', 'pandas') for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code, url, key], check=True, timeout=60)

"""A database that cannot be used is told in one sentence, with the way out and without the password."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from include.errors import ConfigurationError, ExactPersonioError, RetryLaterError
from include.ledger import database as ledger_database
from include.ledger import open_ledger
from include.ledger.migrate import migrate
from include.ledger.opening import told_plainly, told_while_open

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = "secret-word"


def refused(url: str, key: str, kind: type[ExactPersonioError] = ConfigurationError) -> ExactPersonioError:
    with pytest.raises(kind) as caught:
        open_ledger(url, key)
    error = caught.value
    assert PASSWORD not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__
    assert "\n" not in str(error)
    assert error.way_out
    assert error.what.startswith("The ledger at ")
    return error


def test_a_server_that_does_not_run(free_port: int, key: str) -> None:
    """The place is named, so that a wrong port is seen; a database that restarts is worth another try."""
    error = refused(f"postgresql://me:{PASSWORD}@127.0.0.1:{free_port}/ledger", key, RetryLaterError)
    assert error.reason_code == "ledger.database.unreachable"
    assert f"postgresql://127.0.0.1:{free_port}/ledger" in error.what


def test_a_password_in_the_query_does_not_show(free_port: int, key: str) -> None:
    refused(f"postgresql://me@127.0.0.1:{free_port}/ledger?password={PASSWORD}", key, RetryLaterError)


def test_a_password_with_an_at_sign_is_not_taken_for_the_host(key: str) -> None:
    """The rest of it must not come out as the name of a server."""
    error = refused(f"postgresql://me:pa@@{PASSWORD}@127.0.0.1/ledger", key)
    assert "EXACT_PERSONIO_LEDGER_URL" in error.what


@pytest.mark.parametrize("change", [{"database": "nowhere"}, {"username": "nobody_here"}], ids=["database", "user"])
def test_a_server_without_the_database_or_the_user(postgres_server: str, key: str, change: Any) -> None:
    url = make_url(postgres_server).set(password=PASSWORD, **change)
    error = refused(url.render_as_string(hide_password=False), key)
    assert error.reason_code == "ledger.database.missing"


def test_a_user_without_rights(postgres_server: str, key: str) -> None:
    """PostgreSQL lets nobody but the owner create tables in the public schema, from 15 on."""
    admin = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("CREATE ROLE guest LOGIN"))
        connection.execute(text("CREATE SCHEMA closed"))
        connection.execute(text("GRANT USAGE ON SCHEMA closed TO guest"))
    try:
        url = make_url(postgres_server).set(username="guest", password=PASSWORD)
        url = url.update_query_dict({"options": "-csearch_path=closed"})
        error = refused(url.render_as_string(hide_password=False), key)
        assert error.reason_code == "ledger.database.denied"
    finally:
        with admin.connect() as connection:
            connection.execute(text("DROP SCHEMA closed CASCADE"))
            connection.execute(text("DROP ROLE guest"))
        admin.dispose()


def test_a_missing_folder_is_made(tmp_path: Path, key: str) -> None:
    file = tmp_path / "not" / "yet" / "ledger.db"
    open_ledger(f"sqlite:///{file}", key).close()
    assert file.exists()


@pytest.mark.parametrize("with_key", [True, False], ids=["key given", "key file"])
def test_a_folder_that_is_a_file(tmp_path: Path, key: str, with_key: bool, monkeypatch: Any) -> None:
    monkeypatch.delenv("EXACT_PERSONIO_LEDGER_KEY", raising=False)
    (tmp_path / "file").write_text("x")
    place = tmp_path / "file" / "ledger.db"
    error = refused(f"sqlite:///{place}", key if with_key else "")
    assert error.reason_code == "ledger.database.no_file"
    assert str(place) in error.what


def test_a_folder_in_place_of_the_file(tmp_path: Path, key: str) -> None:
    assert refused(f"sqlite:///{tmp_path}", key).reason_code == "ledger.database.no_file"


def test_a_folder_that_may_not_be_written(tmp_path: Path, key: str, monkeypatch: Any) -> None:
    """Root may write everywhere, so the system's answer is put in its place there."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    if os.geteuid() == 0:

        def deny(*_: Any, **__: Any) -> int:
            raise PermissionError(13, os.strerror(13))

        monkeypatch.setattr("include.ledger.database.os.open", deny)
    assert refused(f"sqlite:///{folder / 'ledger.db'}", key).reason_code == "ledger.database.denied"


def test_a_file_that_is_no_database(tmp_path: Path, key: str) -> None:
    """It is left as it is."""
    file = tmp_path / "ledger.db"
    file.write_text("This is a letter to the bank, and no database at all.\n" * 100)
    before = file.read_bytes()
    assert refused(f"sqlite:///{file}", key).reason_code == "ledger.database.no_database"
    assert file.read_bytes() == before


def test_a_full_disk(tmp_path: Path, key: str, monkeypatch: Any) -> None:
    """SQLite itself says it, here because the file may not grow."""
    connect = ledger_database._on_sqlite_connect

    def small(connection: sqlite3.Connection, record: object) -> None:
        connect(connection, record)
        connection.execute("PRAGMA max_page_count=3")

    monkeypatch.setattr(ledger_database, "_on_sqlite_connect", small)
    assert refused(f"sqlite:///{tmp_path / 'ledger.db'}", key).reason_code == "ledger.database.disk_full"


def test_a_busy_database_is_tried_again_later(tmp_path: Path, key: str, monkeypatch: Any) -> None:
    """Somebody else writes for too long: that is nobody's mistake."""
    file = tmp_path / "ledger.db"
    open_ledger(f"sqlite:///{file}", key).close()
    monkeypatch.setattr(ledger_database, "BUSY_TIMEOUT_MS", 50)
    monkeypatch.setattr("include.ledger.ledger.migrate", _write_something)
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(RetryLaterError) as caught:
        open_ledger(f"sqlite:///{file}", key)
    assert caught.value.reason_code == "ledger.database.busy"
    holder.close()


def _write_something(database: ledger_database.Database) -> bool:
    with database.write():
        return migrate(database)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("FATAL: the database system is shutting down", "busy"),
        ("FATAL: the database system is starting up", "busy"),
        ("FATAL: remaining connection slots are reserved for roles with the SUPERUSER attribute", "busy"),
        ("deadlock detected", "busy"),
        ("server closed the connection unexpectedly", "unreachable"),
        ("terminating connection due to administrator command", "unreachable"),
        ("could not receive data from server: Connection reset by peer", "unreachable"),
        ("failed to resolve host 'db': [Errno -3] Temporary failure in name resolution", "unreachable"),
    ],
)
def test_what_a_restart_says_is_worth_another_try(said: str, reason: str) -> None:
    """At the opening, and in the middle of the work."""
    url = make_url("postgresql://me@127.0.0.1/ledger")
    with pytest.raises(RetryLaterError) as caught, told_plainly(url):
        raise OperationalError("SELECT 1", {}, Exception(said))
    assert caught.value.reason_code == f"ledger.database.{reason}"
    with pytest.raises(RetryLaterError) as caught, told_while_open(url):
        raise OperationalError("SELECT 1", {}, Exception(said))
    assert caught.value.reason_code == "ledger.database.lost"

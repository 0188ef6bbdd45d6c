"""A ledger in a file stays open for a piece of work, and not a moment longer."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, text

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.ledger.database import Database


def opened(database: Database) -> list[object]:
    """Return a list that every connection is added to from now on."""
    found: list[object] = []
    event.listen(database.engine, "connect", lambda connection, _record: found.append(connection))
    return found


def write(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("DELETE FROM ledger_failures"))


def fail_half_way(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("INSERT INTO ledger_secrets (name, sealed) VALUES ('half', x'00')"))
        raise RuntimeError("half way")


def open_files(database: Database) -> int:
    return sum(one.exists() and one.readlink() == database.file for one in Path("/proc/self/fd").iterdir())


def test_transactions_of_a_block_share_a_connection(sqlite_ledger: Ledger) -> None:
    database = sqlite_ledger._database
    found = opened(database)
    with sqlite_ledger.kept_open():
        for _ in range(5):
            write(database)
        assert len(found) == 1
    assert open_files(database) == 0
    write(database)
    assert len(found) == 2


def test_a_transaction_within_another_opens_its_own(sqlite_ledger: Ledger) -> None:
    database = sqlite_ledger._database
    found = opened(database)
    with sqlite_ledger.kept_open(), sqlite_ledger.kept_open():
        with database.read() as outer:
            outer.execute(text("SELECT 1"))
            write(database)
        write(database)
        assert len(found) == 2
    assert open_files(database) == 0


def test_a_failed_transaction_leaves_nothing_behind(sqlite_ledger: Ledger) -> None:
    """What it wrote is gone, and the next one can write."""
    database = sqlite_ledger._database
    with sqlite_ledger.kept_open():
        with pytest.raises(RuntimeError, match="half way"):
            fail_half_way(database)
        write(database)
        with database.read() as connection:
            count = text("SELECT count(*) FROM ledger_secrets WHERE name = 'half'")
            assert connection.execute(count).scalar_one() == 0


def test_a_forked_child_opens_its_own(sqlite_ledger: Ledger) -> None:
    """Both go on; the child's end does not disturb the parent."""
    database = sqlite_ledger._database
    with sqlite_ledger.kept_open():
        write(database)
        found = opened(database)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                with database.read() as connection:
                    connection.execute(text("SELECT count(*) FROM ledger_failures"))
                status = 0 if len(found) == 1 else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        write(database)
        assert found == []


def test_others_read_and_write_meanwhile(sqlite_ledger: Ledger) -> None:
    """What is kept open holds no lock between two transactions."""
    database = sqlite_ledger._database
    with sqlite_ledger.kept_open():
        write(database)
        other = sqlite3.connect(str(database.file), timeout=0, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        other.execute("COMMIT")
        other.close()
        write(database)

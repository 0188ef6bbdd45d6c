"""New ledgers of the tests get their schema by repeating what the migrations did for the first of them.

To run all migrations takes longer than most tests. Whatever is not new is migrated as ever.
"""

from __future__ import annotations

import functools
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import column, event, select, table

from include.ledger import migrate
from include.ledger.tables import VERSION_TABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from include.ledger.database import Database

_LOOKS = ("SELECT", "PRAGMA", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")


class ReplayedSchema:
    """Stands in for the upgrade to the newest schema.

    :param upgrade: the real one.
    :param prepare: what is done to a file before it is upgraded.
    """

    def __init__(self, upgrade: Callable[[Connection], None], prepare: Callable[[Database], None]) -> None:
        self._upgrade = upgrade
        self._prepare = prepare
        self._made: dict[str, list[tuple[str, Any]]] = {}

    def upgrade(self, connection: Connection) -> None:
        """Bring the schema up to date."""
        dialect = connection.dialect.name
        if not _is_new(connection):
            if _version(connection) != migrate.HEAD:
                self._upgrade(connection)
        elif dialect in self._made:
            _repeat(connection, self._made[dialect])
        else:
            self._made[dialect] = self._recorded(connection)

    def prepare(self, database: Database) -> None:
        """Make an empty file the ledger that the recorded statements make."""
        file = database.file
        if (
            file
            and not file.stat().st_size
            and "sqlite" in self._made
            and _has_room(database, len(self._file) // 4096)
        ):
            file.write_bytes(self._file)
        else:
            self._prepare(database)

    @functools.cached_property
    def _file(self) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "ledger.db")
            made = sqlite3.connect(path, isolation_level=None)
            made.execute("PRAGMA journal_mode=WAL")
            for statement, values in self._made["sqlite"]:
                made.execute(statement, values or ())
            # The last one to close it copies the log into the file.
            made.close()
            return path.read_bytes()

    def _recorded(self, connection: Connection) -> list[tuple[str, Any]]:
        made: list[tuple[str, Any]] = []

        def remember(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
            if not statement.lstrip().upper().startswith(_LOOKS):
                made.append((statement, values))

        event.listen(connection, "before_cursor_execute", remember)
        self._upgrade(connection)
        event.remove(connection, "before_cursor_execute", remember)
        return made


def _repeat(connection: Connection, made: list[tuple[str, Any]]) -> None:
    """Make the statements; PostgreSQL takes those without values as one text."""
    if connection.dialect.name == "postgresql" and not any(values for _, values in made):
        made = [("; ".join(statement for statement, _ in made), ())]
    for statement, values in made:
        connection.exec_driver_sql(statement, values or ())


def _has_room(database: Database, pages: int) -> bool:
    """Say whether the ledger's own connections let the file grow so far: a test may have filled the disk."""
    with database.read() as connection:
        return bool(connection.exec_driver_sql("PRAGMA max_page_count").scalar_one() >= pages)


def _is_new(connection: Connection) -> bool:
    return not connection.dialect.has_table(connection, VERSION_TABLE)


def _version(connection: Connection) -> str:
    return str(connection.execute(select(column("version_num")).select_from(table(VERSION_TABLE))).scalar())


def install() -> None:
    """Let all ledgers that this process opens get their schema so."""
    replayed = ReplayedSchema(migrate._upgrade, migrate._switch_to_wal)
    migrate._upgrade, migrate._switch_to_wal = replayed.upgrade, replayed.prepare

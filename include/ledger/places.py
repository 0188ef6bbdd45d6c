"""Places: at most so many holders at once, among all processes; whatever ends a holder frees its place.

Neither kind writes to the database, so a call that needs one costs no transaction more than it did: on SQLite a
place is a locked file beside the ledger, on PostgreSQL an advisory lock of the transaction that reads anyway.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from include.ledger.database import Database

LOST_AFTER_MS: Final = 180_000
"""PostgreSQL frees the place of a host that vanished without a word after so long; no call lasts longer."""

_TAKE: Final = text(
    "SELECT pg_try_advisory_xact_lock(:name, :number),"
    f" set_config('idle_in_transaction_session_timeout', '{LOST_AFTER_MS}', true)"
)
_OTHERS: Final = text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2"
    " AND classid = CAST(:name AS oid) AND pid <> pg_backend_pid()"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class Place:
    """One place, held until :meth:`leave`; as it is here, of a ledger in memory, which nobody else can see."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Read the ledger as it is now."""
        with self._database.read() as connection:
            yield connection

    def others(self) -> int:
        """Return how many of the other places are held; one that is being looked at counts, too."""
        return 0

    def leave(self) -> None:
        """Give the place back."""


def take(database: Database, name: str, count: int) -> Place | None:
    """Take one of the places, None if all are held.

    :param name: whose places they are.
    :param count: how many there are; the same in every process.
    """
    digest = hashlib.sha256(name.encode()).digest()
    if not database.is_sqlite:
        return _taken_in_server(database, int.from_bytes(digest[:4], "big") >> 1, count)
    if database.file is None:
        return Place(database)
    files = [f"{database.file}.{digest.hex()[:16]}-{number}.lock" for number in range(count)]
    for file in files:
        descriptor = os.open(file, os.O_CREAT | os.O_RDWR, 0o600)
        if _locked(descriptor):
            return _FilePlace(database, descriptor, [other for other in files if other != file])
        os.close(descriptor)
    return None


class _FilePlace(Place):
    def __init__(self, database: Database, descriptor: int, others: list[str]) -> None:
        super().__init__(database)
        self._descriptor = descriptor
        self._others = others

    def others(self) -> int:
        return sum(_is_held(file) for file in self._others)

    def leave(self) -> None:
        # Not by closing alone: a child that was forked meanwhile has the file open, too.
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        os.close(self._descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_held(file: str) -> bool:
    try:
        descriptor = os.open(file, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not _locked(descriptor)
    finally:
        os.close(descriptor)


class _ServerPlace(Place):
    def __init__(self, database: Database, connection: Connection, name: int) -> None:
        super().__init__(database)
        self._connection = connection
        self._name = name

    @contextmanager
    def read(self) -> Iterator[Connection]:
        # The transaction that holds the lock; READ COMMITTED: each query sees what was committed before it.
        yield self._connection

    def others(self) -> int:
        return int(self._connection.execute(_OTHERS, {"name": self._name}).scalar_one())

    def leave(self) -> None:
        # A connection that broke meanwhile has lost its lock already; the answer of the call matters more.
        with suppress(DBAPIError):
            self._connection.close()


def _taken_in_server(database: Database, name: int, count: int) -> Place | None:
    connection = database.engine.connect()
    try:
        for number in range(count):
            if connection.execute(_TAKE, {"name": name, "number": number}).scalar_one():
                return _ServerPlace(database, connection, name)
    except BaseException:
        connection.close()
        raise
    connection.close()
    return None

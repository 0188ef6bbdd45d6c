"""Locks between processes that may be held for longer than a transaction should be open."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from contextlib import contextmanager, suppress
from threading import RLock
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from include.errors import RetryLaterError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection

    from include.ledger.database import Database

WAIT_SECONDS = 180.0
"""Longer than a token call of 60 seconds and its one repetition."""

_POLL_SECONDS = 0.02
_memory_lock = RLock()


@contextmanager
def exclusive(
    database: Database, name: str, *, wait_seconds: float = WAIT_SECONDS, lost_after_seconds: float | None = None
) -> Iterator[None]:
    """Hold the named lock: one holder at a time among all processes that use this ledger.

    SQLite has a single write lock for everything. Holding it through a token call, which may last a
    minute, would stop every other worker; so the lock is a file beside the database. The operating
    system, and PostgreSQL alike, release the lock when its holder dies.

    :param wait_seconds: how long to wait for it.
    :param lost_after_seconds: PostgreSQL takes it away from a holder that has kept it for so long: of a host that
        vanished without a word it would not hear for hours. None: as the server is set.
    :raises RetryLaterError: if another process holds it for too long.
    """
    if not database.is_sqlite:
        with _advisory(database, name, wait_seconds, lost_after_seconds):
            yield
    elif database.file is None:
        with _memory_lock:
            yield
    else:
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        with _file_lock(database.file.with_name(f"{database.file.name}.{digest}.lock"), name, wait_seconds):
            yield


def serialise(connection: Connection, name: str) -> None:
    """Wait until no other transaction holds the name, and hold it to the end of this one.

    SQLite has one writer anyway. To be called first in a transaction: who holds rows already may wait for ever.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _number(name)})


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


@contextmanager
def _file_lock(path: Path, name: str, wait_seconds: float) -> Iterator[None]:
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        deadline = time.monotonic() + wait_seconds
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                raise _held_too_long(name)
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        # Closing releases the lock. The file stays: removing it would let two processes lock two files.
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _advisory(database: Database, name: str, wait_seconds: float, lost_after_seconds: float | None) -> Iterator[None]:
    limits = {"lock_timeout": wait_seconds, "idle_in_transaction_session_timeout": lost_after_seconds}
    connection = database.engine.connect()
    try:
        for setting, seconds in limits.items():
            if seconds is not None:
                values = {"name": setting, "value": f"{int(seconds * 1000)}ms"}
                connection.execute(text("SELECT set_config(:name, :value, true)"), values)
        try:
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _number(name)})
        except OperationalError as error:
            raise _held_too_long(name) from error
        yield
    finally:
        # A connection that broke meanwhile has lost its lock already; what was done under it matters more.
        with suppress(DBAPIError):
            connection.close()


def _held_too_long(name: str) -> RetryLaterError:
    return RetryLaterError(
        f"Another process has held the ledger's lock {name!r} for too long.",
        reason_code="ledger.lock.held",
        way_out="Try again later; if it stays, look for a process that hangs.",
    )

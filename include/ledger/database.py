"""The engine, and the two kinds of transaction: `read` and `write`."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet, finalize

from sqlalchemy import create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import QueuePool, StaticPool

from include.errors import ConfigurationError
from include.ledger.file_pool import FilePool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import URL, Connection, Engine, Table

BUSY_TIMEOUT_MS = 30_000
CACHE_KIB = 16_000
LOG_PAGES = 8_000
"""Of 4 KiB: when there are so many, or at the last close, SQLite's log is copied into the file."""
MEMORY = (None, "", ":memory:")
# A path to PostgreSQL that is dead is noticed (idle: seconds; unanswered: milliseconds) before a lease ends, which is
# two minutes; the system's own patience is two hours.
_PATH = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 30_000}


def utc_now() -> datetime:
    """Return the current time, aware."""
    return datetime.now(UTC)


def parse_url(url: str) -> URL:
    """Parse a ledger URL and choose the driver.

    :raises ConfigurationError: if it is not a database this project runs on.
    """
    way_out = "Use sqlite:////path/to/file.db or postgresql+psycopg://user:password@host/database."
    reason = "settings.EXACT_PERSONIO_LEDGER_URL.invalid"
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # The cause would quote the URL with its password.
        raise ConfigurationError("The ledger's URL is not a URL.", reason_code=reason, way_out=way_out) from None
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend == "sqlite":
        return parsed.set(drivername="sqlite+pysqlite")
    raise ConfigurationError(f"The ledger does not run on {backend}.", reason_code=reason, way_out=way_out)


def sqlite_file(url: URL) -> Path | None:
    """Return the file behind a SQLite URL; None for PostgreSQL and for a database in memory."""
    if url.get_backend_name() != "sqlite" or url.database in MEMORY:
        return None
    return Path(str(url.database)).expanduser().absolute()


@dataclass(slots=True)
class KnownErasures:
    """What this process knows of erasures; see `include.ledger.tombstones`.

    :param some: whether anybody was ever erased; once it is so, it stays so.
    :param asked_at: when that was last asked, by the machine's monotonic clock in seconds.
    """

    some: bool = False
    asked_at: float = float("-inf")


class Database:
    """One engine and how the ledger uses it.

    :param url: parsed by `parse_url`.
    :param clock: replaces the system's clock in tests.
    """

    def __init__(self, url: URL, clock: Callable[[], datetime] = utc_now) -> None:
        self.now = clock
        self.erasures = KnownErasures()
        self.file = sqlite_file(url)
        if self.file is not None:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            # Personal data is encrypted inside, yet nobody else needs to see who delivered what when.
            with_mode = os.open(self.file, os.O_CREAT | os.O_RDWR, 0o600)
            os.close(with_mode)
            url = url.set(database=str(self.file))
        self.engine: Engine = _make_engine(url)
        self._writer = self.engine.execution_options(ledger_write=True)
        # Whoever forgets to close it leaves no connection open.
        finalize(self, self.engine.dispose)

    @property
    def is_sqlite(self) -> bool:
        """Whether locks are files and the whole database has one writer."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that only reads."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that writes; it is committed at the end of the block.

        On SQLite it takes the write lock at once: a transaction that began as a reader and then
        wants to write fails with "database is locked" without waiting, whatever the busy timeout.
        """
        with self._writer.begin() as connection:
            yield connection

    def kept_open(self) -> AbstractContextManager[None]:
        """Return a block in which SQLite's file stays open; on PostgreSQL the connection does so anyway.

        For work that has many transactions and starts no process that uses the ledger: see `FilePool`.
        """
        pool = self.engine.pool
        return pool.keeping() if isinstance(pool, FilePool) else nullcontext()

    def insert(self, table: Table) -> Any:
        """Return the dialect's own INSERT, which knows ``ON CONFLICT``; both spell it the same."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()


_pooled: WeakSet[Engine] = WeakSet()


def _forget_connections() -> None:
    """Let a forked child open connections of its own; the parent goes on with those that both hold now."""
    for engine in list(_pooled):
        engine.dispose(close=False)


# Airflow forks a process per task, and a connection must not be used on both sides of a fork.
os.register_at_fork(after_in_child=_forget_connections)


def _make_engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        in_memory = sqlite_file(url) is None
        engine = create_engine(
            url,
            poolclass=StaticPool if in_memory else FilePool,
            hide_parameters=True,
            connect_args={"check_same_thread": False} if in_memory else {},
        )
        event.listen(engine, "connect", _on_sqlite_connect)
        event.listen(engine, "begin", _on_sqlite_begin)
        return engine
    try:
        engine = _pooled_engine(url)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise ConfigurationError(
            "The PostgreSQL driver is not installed.",
            reason_code="settings.EXACT_PERSONIO_LEDGER_URL.no_driver",
            way_out="Install it: pip install 'exact-personio-airflow[postgres]'.",
        ) from error
    _pooled.add(engine)
    return engine


def _pooled_engine(url: URL) -> Engine:
    """Return an engine that keeps one connection.

    A load has ten transactions per record. Opening a connection for each costs the server a process and both sides
    the hashing of the password, ten times what the transaction costs. More than one is kept by nobody, so a server
    with a hundred connections serves a hundred processes. It is tried before use: the server may have been away.
    What the URL says of libpq's options counts more than ours.
    """
    return create_engine(
        url,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=-1,
        pool_pre_ping=True,
        hide_parameters=True,
        # PgBouncer in transaction mode knows no prepared statement of another connection to the server.
        connect_args={k: v for k, v in _PATH.items() if k not in url.query} | {"prepare_threshold": None},
    )


def _on_sqlite_connect(connection: Any, _record: object) -> None:
    # The driver's own BEGIN is deferred and left out before DDL; we send our own (SQLAlchemy's recipe).
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    # In WAL mode NORMAL may lose the last commits on a power cut: a lost `sending` is a double applicant.
    connection.execute("PRAGMA synchronous=FULL")
    # A page of the feed changes more pages of the file than the two megabytes hold that are usual, and those that do
    # not fit are written twice; and its log is copied into the file after every page of the feed, if the usual 1,000
    # pages of it are the limit.
    connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
    connection.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES}")


def _on_sqlite_begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("ledger_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

"""On PostgreSQL a process keeps one connection: not more, not across a fork, and not when the server was away."""

from __future__ import annotations

import gc
import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

import postgres
from include.ledger import open_ledger
from include.ledger.database import Database, parse_url
from include.ledger.scrubbing import scrub

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def database(postgres_server: str) -> Iterator[Database]:
    with postgres.schema(postgres_server) as address:
        opened = Database(parse_url(address))
        yield opened
        opened.close()


def backend(database: Database) -> int:
    """Return which of the server's processes serves a transaction."""
    with database.write() as connection:
        return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


def alive(database: Database, *backends: int) -> int:
    """Return how many of the server's processes are still there."""
    with database.read() as connection:
        query = text("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(:pids)")
        return int(connection.execute(query, {"pids": list(backends)}).scalar_one())


def test_transactions_share_a_connection(database: Database) -> None:
    """Opening one costs ten times what a transaction costs, and a load has ten transactions per record."""
    assert len({backend(database) for _ in range(5)}) == 1


def test_no_second_one_is_kept(database: Database) -> None:
    """What two transactions at once needed is given back: a hundred processes need a hundred connections."""
    with database.read() as outer:
        mine = outer.execute(text("SELECT pg_backend_pid()")).scalar_one()
        other = backend(database)
    assert other != mine
    deadline = time.monotonic() + 10  # the server ends a process after its client has gone
    while alive(database, mine, other) > 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert alive(database, mine, other) == 1


def test_a_forked_child_opens_its_own(database: Database) -> None:
    """Both go on after the fork, each with a connection of its own; the child's end does not cut the parent's."""
    mine = backend(database)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, str(backend(database)).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    theirs = int(os.read(reading, 100))
    os.close(reading)
    os.close(writing)
    assert theirs != mine
    assert backend(database) == mine


def test_a_server_that_was_away_is_no_error(database: Database, postgres_server: str) -> None:
    """A restart between two transactions costs nobody an attempt."""
    mine = backend(database)
    killer = Database(parse_url(postgres_server))
    with killer.write() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": mine})
    assert backend(database) != mine
    killer.close()


def test_nothing_of_a_transaction_stays_on_it(database: Database) -> None:
    """A lock that was held to the end of a transaction, and a limit set for it, are gone in the next one."""
    with database.read() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(7), set_config('lock_timeout', '77s', true)"))
    with database.read() as connection:
        left = connection.execute(
            text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
        )
        assert left.scalar_one() == 0
        assert connection.execute(text("SHOW lock_timeout")).scalar_one() != "77s"


def test_scrubbing_leaves_no_limit_behind(postgres_server: str, key: str) -> None:
    """Its own limit on waiting for a table is not the next transaction's."""
    with postgres.schema(postgres_server) as url, open_ledger(url, key) as ledger:
        before = limit_of(ledger._database)
        assert scrub(ledger._database)
        assert limit_of(ledger._database) == before


def limit_of(database: Database) -> str:
    with database.read() as connection:
        return str(connection.execute(text("SHOW lock_timeout")).scalar_one())


def test_who_forgets_to_close_leaves_nothing_open(postgres_server: str) -> None:
    """Neither at the server, nor as a warning at some later time."""
    watcher = Database(parse_url(postgres_server))
    forgotten = Database(parse_url(postgres_server))
    mine = backend(forgotten)
    del forgotten
    gc.collect()
    deadline = time.monotonic() + 10
    while alive(watcher, mine) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert alive(watcher, mine) == 0
    watcher.close()


@pytest.mark.parametrize(("asked", "idle"), [("", "30"), ("keepalives_idle=77", "77")], ids=["ours", "the URL's"])
def test_a_dead_path_is_noticed_and_nothing_is_prepared(postgres_server: str, asked: str, idle: str) -> None:
    """Behind PgBouncer the next transaction may meet another connection, which knows no statement of this one."""
    url = parse_url(postgres_server).update_query_string(asked)
    database = Database(url)
    with database.read() as connection:
        for _ in range(7):  # psycopg prepares what comes for the sixth time
            connection.execute(text("SELECT 1"))
        assert connection.execute(text("SELECT count(*) FROM pg_prepared_statements")).scalar_one() == 0
        driver: Any = connection.connection.driver_connection
        options = driver.info.get_parameters()
        assert options["keepalives_idle"] == idle
        assert options["tcp_user_timeout"] == "30000"
    database.close()

"""An existing ledger migrates by itself, and loses nothing."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from alembic import command
from sqlalchemy import insert, inspect, text

from forks import FORKS
from include.ledger import open_ledger
from include.ledger.crypto import Cipher
from include.ledger.database import Database, parse_url
from include.ledger.migrate import HEAD, alembic_config, migrate, stored_version
from include.ledger.tables import calls, deliveries, staged, tokens, watermarks, windows
from include.ledger.watermarks import Watermark
from include.records import StreamKey, Window

if TYPE_CHECKING:
    from collections.abc import Iterator

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
STREAM = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
SOURCE = "00000000-0000-4000-8000-000000000001"
TO: Any = (4242, "application", 1001)
_STREAM = {"dag_id": STREAM.dag_id, "division": STREAM.division, "entity": STREAM.entity}


@pytest.fixture
def first_schema(url: str) -> Iterator[Database]:
    """Make a database as revision 0001 left it."""
    database = at_revision(url, "0001")
    yield database
    database.close()


def at_revision(url: str, revision: str) -> Database:
    database = Database(parse_url(url))
    with database.write() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    return database


def fill(database: Database, key: str) -> None:
    """Put in what the first version had stored: only columns that existed then are named."""
    cipher = Cipher([key])
    cipher.unlock(database)
    delivery = {
        **_STREAM,
        "key": "k1",
        "company": 4242,
        "destination": "application",
        "job": 1001,
        "source_id": SOURCE,
        "state": "ready",
        "decided_version": 7,
        "fingerprint": "m1",
        "content_hash": "h",
        "trace": None,
        "sealed": cipher.seal({"payload": {"first_name": "Ada"}, "email": "ada@example.org"}),
        "email_hash": cipher.email_digest("ada@example.org"),
        "reason_code": "",
        "field": "",
        "attempt": 0,
        "was_in_doubt": False,
        "run_id": "r",
        "decided_at": AT,
        "updated_at": AT,
    }
    row = {
        **_STREAM,
        "source_id": SOURCE,
        "row_version": 9,
        "created": AT,
        "run_id": "r",
        "staged_at": AT,
        "content_hash": "h",
        "sealed": cipher.seal({"FirstName": "Ada"}),
    }
    pair = cipher.seal({"access": "a", "refresh": "r"})
    token = {"connection_id": "exact", "sealed": pair, "obtained_at": AT, "expires_at": AT, "generation": 3}
    call = {"run_id": "r", "service": "exact", "endpoint": "current/Me", "status": 200, "count": 4}
    with database.write() as connection:
        for table, values in ((deliveries, delivery), (staged, row), (tokens, token), (calls, call)):
            connection.execute(insert(table).values(values))


def test_a_ledger_of_the_first_version_goes_on(first_schema: Database, url: str, key: str) -> None:
    """Deliveries, rows, tokens and counts are what they were, and take what the new columns are for."""
    fill(first_schema, key)
    assert stored_version(first_schema) == "0001"
    with open_ledger(url, key) as ledger:
        assert stored_version(ledger._database) == HEAD == "0011"
        assert [row.row for chunk in ledger.staging.undecided(STREAM, "application", 1001) for row in chunk] == [
            {"FirstName": "Ada"}
        ]
        claim = ledger.deliveries.claim(*TO, run_id="r2")
        assert claim is not None
        assert claim.payload == {"first_name": "Ada"}
        assert ledger.deliveries.settle(claim, "created", remote_id="11", result={"warnings": ["w"]})
        assert [found.result for found in ledger.deliveries.results(SOURCE)] == [{"warnings": ["w"]}]
        assert ledger.deliveries.sources_of("ada@example.org") == [(124132, "Contacts", SOURCE)]
        token = ledger.vault("exact").read()
        assert token is not None
        assert (token.refresh_token, token.generation) == ("r", 3)
        ledger.vault("exact", "host|id").save("a2", "r2", AT, AT)
        assert [chain.generation for chain in ledger.chains("host|id")] == [4]
        assert ledger.calls("r") == {("exact", "current/Me", 200): 4}


def contents(database: Database) -> dict[str, list[Any]]:
    """Return every row of every table, in clear and in cipher, as it is stored."""
    with database.read() as connection:
        found = inspect(connection).get_table_names()
        return {name: list(connection.execute(text(f'SELECT * FROM "{name}"'))) for name in found}  # noqa: S608


def test_every_step_down_and_up_again_changes_no_row(first_schema: Database, url: str, key: str) -> None:
    """Whoever has to go back to an older version of the package takes its records along, and back again."""
    fill(first_schema, key)
    before = contents(first_schema)
    with first_schema.write() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        for number in range(int(HEAD) - 1, 0, -1):
            command.upgrade(config, "head")
            command.downgrade(config, f"{number:04}")
    assert contents(first_schema) == before
    with open_ledger(url, key) as ledger:
        claim = ledger.deliveries.claim(*TO, run_id="r2")
        assert claim is not None
        assert claim.payload == {"first_name": "Ada"}


def begin(url: str, key: str, ready: Any) -> tuple[bool, str]:
    """Start as a worker does; return whether this one migrated, and the address that it then reads."""
    ready.wait()
    database = Database(parse_url(url))
    migrated = migrate(database)
    database.close()
    with open_ledger(url, key) as ledger:
        token = ledger.vault("exact").read()
    assert token is not None
    return migrated, token.refresh_token


def test_ten_workers_that_start_at_once_migrate_once(first_schema: Database, url: str, key: str) -> None:
    """One does the work, the others wait for it; all of them go on with what was there."""
    fill(first_schema, key)
    with FORKS.Manager() as manager, FORKS.Pool(10) as pool:
        ready = manager.Barrier(10)
        told = pool.starmap(begin, [(url, key, ready)] * 10, chunksize=1)
    assert Counter(told) == {(True, "r"): 1, (False, "r"): 9}
    assert stored_version(first_schema) == HEAD


def test_a_watermark_goes_on_without_its_witness(url: str, key: str) -> None:
    """The row of revision 0002 keeps its value; what 0003 adds is not known yet."""
    database = at_revision(url, "0002")
    begun = {"value": 700, "run_id": "r1", "created_from": AT, "committed_at": AT}
    with database.write() as connection:
        connection.execute(insert(watermarks).values({**_STREAM, **begun}))
    database.close()
    with open_ledger(url, key) as ledger:
        assert stored_version(ledger._database) == HEAD
        assert ledger.watermarks.get(STREAM) == Watermark(700, "r1", AT, AT, witness=None, moved=None)
        ledger.watermarks.note(STREAM, 700, witness=SOURCE, moved="/Date(1782404052000)/|")
        assert ledger.watermarks.advance(STREAM, expected=700, to=700, run_id="r2", created_from=AT)
        mark = ledger.watermarks.get(STREAM)
        assert mark is not None
        assert (mark.witness, mark.moved) == (SOURCE, "/Date(1782404052000)/|")


def test_calls_of_unknown_age_are_as_old_as_the_migration(first_schema: Database, url: str, key: str) -> None:
    """They are neither thrown away at once nor kept for good."""
    fill(first_schema, key)
    with open_ledger(url, key) as ledger:
        now = datetime.now(UTC)
        assert ledger.retention.purge(now - timedelta(hours=1))["calls"] == 0
        assert ledger.retention.purge(now + timedelta(hours=1))["calls"] == 1


def test_a_window_pinned_before_there_were_terms_is_a_plain_one(url: str, key: str) -> None:
    """A run that was under way when 0004 came goes on with the window it had."""
    database = at_revision(url, "0003")
    pinned = {**_STREAM, "run_id": "r1", "mode": "live", "after": 7, "created_from": AT, "advances": True}
    with database.write() as connection:
        connection.execute(insert(windows).values({**pinned, "pinned_at": AT}).inline())
    database.close()
    with open_ledger(url, key) as ledger:
        assert ledger.windows.get(STREAM, "r1") == Window("live", 7, AT)
        assert ledger.windows.pin(STREAM, "r1", Window("window", 9, advances=False)) == Window("live", 7, AT)
        assert ledger.windows.counted(STREAM, "r1") == {}


def test_what_is_for_watching_comes_and_goes_without_touching_a_delivery(url: str, key: str) -> None:
    """Down to 0006 and up again: the indexes and the alarms are new, the records are the same."""
    database = at_revision(url, HEAD)
    fill(database, key)
    with database.write() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0006")
    assert stored_version(database) == "0006"
    database.close()
    with open_ledger(url, key) as ledger:
        assert stored_version(ledger._database) == HEAD
        assert [(one.state, one.count) for one in ledger.vitals.pending()] == [("ready", 1)]
        assert ledger.alarms.standing() == []
        claim = ledger.deliveries.claim(*TO, run_id="r2")
        assert claim is not None
        assert claim.payload == {"first_name": "Ada"}

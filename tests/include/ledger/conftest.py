from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import event

import postgres
from include.ledger import open_ledger
from include.records import Decision, SourceRow, StreamKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from include.ledger import Ledger

STREAM = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def key() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
        return
    with postgres.schema(request.getfixturevalue("postgres_server")) as address:
        yield address


@pytest.fixture
def ledger(url: str, key: str, clock: Clock) -> Iterator[Ledger]:
    with open_ledger(url, key, clock=clock) as opened:
        yield opened


@pytest.fixture
def sqlite_ledger(tmp_path: Path, key: str, clock: Clock) -> Iterator[Ledger]:
    """Open a ledger whose query plans can be read."""
    with open_ledger(f"sqlite:///{tmp_path / 'plans.db'}", key, clock=clock) as opened:
        yield opened


@pytest.fixture
def plans(sqlite_ledger: Ledger) -> Callable[..., dict[str, list[str]]]:
    """Return a function that runs some work and tells SQLite's plan of each statement it made."""
    engine = sqlite_ledger._database.engine

    def explain(work: Callable[[], object]) -> dict[str, list[str]]:
        statements: list[tuple[str, Any]] = []

        def remember(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            statements.append((statement, parameters))

        event.listen(engine, "before_cursor_execute", remember)
        work()
        event.remove(engine, "before_cursor_execute", remember)
        told = [(text, values) for text, values in statements if not text.startswith("BEGIN")]
        with sqlite_ledger._database.read() as connection:
            return {
                text: [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)]
                for text, values in told
            }

    return explain


@pytest.fixture
def stream() -> StreamKey:
    return STREAM


@pytest.fixture
def source() -> Callable[..., SourceRow]:
    def make(number: int, version: int = 1, name: str = "Ada") -> SourceRow:
        created = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
        return SourceRow(source_id(number), version, created, {"ID": source_id(number), "FirstName": name})

    return make


@pytest.fixture
def ready() -> Callable[..., Decision]:
    def make(number: int, version: int = 1, name: str = "Ada") -> Decision:
        email = f"person{number}@example.org"
        payload = {"first_name": name, "email": email}
        return Decision(source_id(number), version, "ready", payload=payload, email=email)

    return make


@pytest.fixture
def rejected() -> Callable[..., Decision]:
    def make(number: int, version: int = 1) -> Decision:
        return Decision(source_id(number), version, "rejected", "exact.Email.missing", "email")

    return make


def source_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"

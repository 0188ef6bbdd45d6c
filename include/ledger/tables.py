"""The schema, the same on SQLite and PostgreSQL; `migrations/` builds it step by step.

Those that stand by themselves are in modules of their own, beside this one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

if TYPE_CHECKING:
    from sqlalchemy import Dialect

# The prefix keeps the ledger apart from other tables when it lives in a database that others use too.
metadata = MetaData()
VERSION_TABLE = "ledger_version"


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, stored as UTC; SQLite has no zones, so they are taken off and put back on."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times: nobody could say later what they meant."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError("the ledger stores aware times only, this one has no time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return an aware UTC time."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# SQLite numbers rows by itself only in a column declared INTEGER.
Id = BigInteger().with_variant(Integer(), "sqlite")
NAME = 250  # Airflow's own length of dag and run ids


def _stream(*, primary_key: bool = False) -> list[Column[Any]]:
    return [
        Column("dag_id", String(NAME), primary_key=primary_key, nullable=False),
        Column("division", BigInteger, primary_key=primary_key, nullable=False, autoincrement=False),
        Column("entity", String(20), primary_key=primary_key, nullable=False),
    ]


def _run(*, primary_key: bool = False) -> Column[str]:
    return Column("run_id", String(NAME), primary_key=primary_key, nullable=False)


secrets = Table(
    "ledger_secrets",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)

windows = Table(
    "ledger_windows",
    metadata,
    *_stream(primary_key=True),
    _run(primary_key=True),
    Column("mode", String(20), nullable=False),
    Column("after", BigInteger, nullable=False),
    Column("created_from", UtcDateTime),
    Column("created_to", UtcDateTime),
    Column("advances", Boolean, nullable=False),
    Column("reading", String(20), nullable=False, server_default="feed"),
    # Filter, bounds and what the planner counted, as JSON; nothing about people.
    Column("terms", Text),
    Column("pinned_at", UtcDateTime, nullable=False),
)

watermarks = Table(
    "ledger_watermarks",
    metadata,
    *_stream(primary_key=True),
    Column("value", BigInteger, nullable=False),
    _run(),
    Column("created_from", UtcDateTime),
    Column("committed_at", UtcDateTime, nullable=False),
    Column("witness", String(40)),
    Column("moved", String(NAME)),
    # Of a history lane: the columns that its rows were read with.
    Column("columns", Text),
)

# Per DAG, not per division alone: every DAG's mapping selects its own columns of the same record.
staged = Table(
    "ledger_staged",
    metadata,
    Column("id", Id, primary_key=True),
    *_stream(),
    Column("source_id", String(40), nullable=False),
    Column("row_version", BigInteger, nullable=False),
    Column("created", UtcDateTime),
    _run(),
    Column("staged_at", UtcDateTime, nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    # In a history lane: when Exact last showed it. What it shows no more was deleted there.
    Column("seen_at", UtcDateTime),
    # The number of the page that it was stored with last, see `include.ledger.settled`.
    Column("batch", BigInteger, nullable=False, server_default="0"),
    # The record first: it also finds it in all lanes and DAGs that read it. A second index that begins with an id
    # would cost a first import another written page per row.
    UniqueConstraint("source_id", "division", "entity", "dag_id", name="uq_ledger_staged_source"),
    # Holds all that `undecided` asks for, so that it never walks through the sealed rows.
    Index(
        "ix_ledger_staged_stored",
        *("dag_id", "division", "entity", "batch", "id", "source_id", "row_version", "created"),
    ),
)

extracts = Table(
    "ledger_extracts",
    metadata,
    *_stream(primary_key=True),
    _run(primary_key=True),
    Column("next", Text),
    Column("page", Integer, nullable=False),
    Column("done", Boolean, nullable=False),
    Column("highest", BigInteger),
    Column("read", BigInteger, nullable=False),
    Column("new", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("unchanged", BigInteger, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

deliveries = Table(
    "ledger_deliveries",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", String(64), nullable=False),
    Column("company", BigInteger, nullable=False),
    Column("destination", String(20), nullable=False),
    Column("job", BigInteger, nullable=False),
    *_stream(),
    Column("source_id", String(40), nullable=False),
    Column("state", String(20), nullable=False),
    Column("decided_version", BigInteger, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("content_hash", String(64)),
    Column("sealed", LargeBinary),
    Column("email_hash", String(64)),
    Column("trace", Text),
    Column("reason_code", String(200), nullable=False),
    Column("field", String(200), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("was_in_doubt", Boolean, nullable=False),
    Column("lease_until", UtcDateTime),
    Column("due_at", UtcDateTime),
    Column("status", Integer),
    Column("remote_id", String(100)),
    # What the service said of it, such as a warning or the employees that match: sealed like the payload.
    Column("result", LargeBinary),
    _run(),
    Column("decided_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("key", name="uq_ledger_deliveries_key"),
    Index(
        "ix_ledger_deliveries_source",
        *("source_id", "division", "entity", "destination", "job", "company"),
        *("decided_version", "state", "fingerprint"),
    ),
    # Serves the next claim in order, with and without a stream, however long the outbox is.
    Index(
        "ix_ledger_deliveries_outbox",
        *("state", "company", "destination", "job", "dag_id", "division", "entity", "id"),
    ),
    Index("ix_ledger_deliveries_due", "state", "company", "destination", "job", "due_at"),
    Index("ix_ledger_deliveries_email", "email_hash"),
    Index("ix_ledger_deliveries_remote", "remote_id"),
)
# For whoever watches: as long as what they hold, which is what waits, and what was decided lately.
_PENDING, _WANTED = text("state IN ('ready', 'retry', 'sending', 'in_doubt')"), text("state <> 'skipped_by_rule'")
_OF_STREAM = (deliveries.c[name] for name in ("dag_id", "division", "entity", "destination", "state", "decided_at"))
Index("ix_ledger_deliveries_pending", *_OF_STREAM, sqlite_where=_PENDING, postgresql_where=_PENDING)
Index("ix_ledger_deliveries_decided", deliveries.c.decided_at, sqlite_where=_WANTED, postgresql_where=_WANTED)
# For whoever lists: the newest of a stream in a state, and what was refused for the same reason.
_LISTED = ("dag_id", "division", "entity", "destination")
Index("ix_ledger_deliveries_touched", *(deliveries.c[name] for name in (*_LISTED, "state", "updated_at", "id")))
_REJECTED = text("state = 'rejected'")
Index(
    "ix_ledger_deliveries_refused",
    # The state is the same in all of it; without it SQLite would look up each row to see that.
    *(deliveries.c[name] for name in ("reason_code", "field", *_LISTED, "updated_at", "id", "state")),
    sqlite_where=_REJECTED,
    postgresql_where=_REJECTED,
)

events = Table(
    "ledger_events",
    metadata,
    Column("id", Id, primary_key=True),
    Column("delivery_id", BigInteger, nullable=False),
    _run(),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String(30), nullable=False),
    Column("from_state", String(20)),
    Column("to_state", String(20), nullable=False),
    Column("reason_code", String(200), nullable=False),
    Column("field", String(200), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("status", Integer),
    Index("ix_ledger_events_delivery", "delivery_id", "id"),
    Index("ix_ledger_events_run", "run_id", "delivery_id", "id"),
)

failures = Table(
    "ledger_failures",
    metadata,
    Column("id", Id, primary_key=True),
    _run(),
    Column("stage", String(40), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("reason_code", String(200), nullable=False),
    Column("status", Integer),
    Column("what", Text, nullable=False),
    Column("way_out", Text, nullable=False),
    Index("ix_ledger_failures_run", "run_id", "id"),
)

calls = Table(
    "ledger_calls",
    metadata,
    _run(primary_key=True),
    Column("service", String(40), primary_key=True),
    Column("endpoint", String(NAME), primary_key=True),
    Column("status", Integer, primary_key=True, autoincrement=False),
    Column("count", BigInteger, nullable=False),
    Column("last_at", UtcDateTime),
)

tokens = Table(
    "ledger_tokens",
    metadata,
    Column("connection_id", String(NAME), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("obtained_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("generation", BigInteger, nullable=False),
    # Keyed hash of host and client id: whoever knows them finds the chain, whatever its connection is called.
    Column("app", String(64), nullable=False, server_default=""),
)

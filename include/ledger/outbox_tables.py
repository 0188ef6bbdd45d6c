"""The tables of what is handed on: new records to other DAGs, single writes to the services."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from include.ledger.tables import NAME, Id, UtcDateTime, metadata

news_records = Table(
    "ledger_news",
    metadata,
    Column("id", Id, primary_key=True),
    Column("source", String(NAME), nullable=False),
    Column("record_id", String(100), nullable=False),
    Column("created", UtcDateTime),
    # Names DAG, run and task, hence longer than a name; empty while the record waits.
    Column("batch", String(1000), nullable=False),
    Column("delivered", UtcDateTime),
    UniqueConstraint("source", "record_id", name="uq_ledger_news_record"),
)
# Holds what is not delivered yet and nothing else, so that a million known records cost a claim nothing.
Index(
    "ix_ledger_news_open",
    *(news_records.c.source, news_records.c.batch, news_records.c.id),
    sqlite_where=news_records.c.delivered.is_(None),
    postgresql_where=news_records.c.delivered.is_(None),
)

news_cursors = Table(
    "ledger_news_cursors",
    metadata,
    Column("source", String(NAME), primary_key=True),
    Column("value", Text, nullable=False),
    Column("created_from", UtcDateTime),
    Column("updated_at", UtcDateTime, nullable=False),
)

writes = Table(
    "ledger_writes",
    metadata,
    # Keyed hashes both: a key may be long and may name a person, and a payload must not be guessable.
    Column("key", String(64), primary_key=True),
    Column("content_hash", String(64), nullable=False),
    Column("endpoint", String(NAME), nullable=False),
    Column("state", String(20), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("was_in_doubt", Boolean, nullable=False),
    Column("other_content", Boolean, nullable=False),
    Column("lease_until", UtcDateTime),
    Column("first_at", UtcDateTime, nullable=False),
    Column("remote_id", String(100)),
    Column("reason_code", String(200), nullable=False),
    Column("status", Integer),
    Column("run_id", String(NAME), nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

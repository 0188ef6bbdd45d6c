"""The tables of the services' limits: which slots were given, what is left of a quota, and which errors count."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table

from include.ledger.tables import NAME, Id, UtcDateTime, metadata

# Times of the pacer are integers of microseconds: they are compared and subtracted, never shown.
pacer_buckets = Table(
    "ledger_pacer_buckets",
    metadata,
    Column("bucket", String(NAME), primary_key=True),
    Column("blocked_until", BigInteger, nullable=False),
    Column("remaining", BigInteger),
    Column("remaining_until", BigInteger, nullable=False),
    # When a live run last asked for a slot: a backfill then keeps to its share.
    Column("live_at", BigInteger, nullable=False, server_default="0"),
)

pacer_grants = Table(
    "ledger_pacer_grants",
    metadata,
    Column("id", Id, primary_key=True),
    Column("bucket", String(NAME), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("lane", String(20), nullable=False, server_default="live"),
    Index("ix_ledger_pacer_grants_at", "bucket", "at"),
)

api_errors = Table(
    "ledger_api_errors",
    metadata,
    Column("id", Id, primary_key=True),
    Column("scope", String(NAME), nullable=False),
    Column("endpoint", String(NAME), nullable=False),
    Column("status", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Index("ix_ledger_api_errors_at", "scope", "endpoint", "at"),
)

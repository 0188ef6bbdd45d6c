"""The tables of erasures: whom the ledger must not take in again, by keyed hash, and how far deletions were read."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table

from include.ledger.tables import NAME, Id, UtcDateTime, metadata

erasures = Table(
    "ledger_erasures",
    metadata,
    Column("id", Id, primary_key=True),
    # What was erased together; a random name.
    Column("erasure", String(32), nullable=False),
    # ``record`` or ``email``.
    Column("kind", String(10), nullable=False),
    # Keyed hash: of a record within its division and entity, or of an address.
    Column("mark", String(64), nullable=False),
    Column("why", String(40), nullable=False),
    Column("asked_by", String(NAME), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    # When the content was out of the rows; None: the erasure was interrupted, and has to be asked for again.
    Column("blanked_at", UtcDateTime),
    # When the last old bytes were gone from the database's files; None: not yet.
    Column("finished_at", UtcDateTime),
    Column("lifted_at", UtcDateTime),
    Column("lifted_by", String(NAME)),
    Column("records", Integer, nullable=False),
    Index("ix_ledger_erasures_erasure", "erasure"),
)
# Holds all that staging and deciding ask for, and nothing of what was lifted.
Index(
    "ix_ledger_erasures_mark",
    *(erasures.c.mark, erasures.c.erasure),
    sqlite_where=erasures.c.lifted_at.is_(None),
    postgresql_where=erasures.c.lifted_at.is_(None),
)

deletion_logs = Table(
    "ledger_deletion_logs",
    metadata,
    Column("division", BigInteger, primary_key=True, autoincrement=False),
    Column("value", BigInteger, nullable=False),
    # When the division was last moved, as it was known then: the log's row versions are made anew with all others.
    Column("moved", String(NAME), nullable=False),
    Column("read_at", UtcDateTime, nullable=False),
)

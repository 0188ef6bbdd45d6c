"""The tables of reconciliation: what its runs found, how each check stands, and which differences a person accepted.

Ids of Exact and of Personio, counts and times; nothing about people.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, String, Table, Text

from include.ledger.run_tables import RUN
from include.ledger.tables import NAME, Id, UtcDateTime, metadata

reconciliations = Table(
    "ledger_reconciliations",
    metadata,
    Column("id", Id, primary_key=True),
    Column("run_id", String(RUN), nullable=False),
    Column("depth", String(20), nullable=False),
    Column("verdict", String(20), nullable=False),
    Column("began_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime, nullable=False),
    # The report as JSON.
    Column("report", Text, nullable=False),
    Index("ix_ledger_reconciliations_run", "run_id"),
)

checks = Table(
    "ledger_reconciliation_checks",
    metadata,
    # What was looked at, and for what: a stream, a position or a feed, and the code of a difference.
    Column("part", String(2 * NAME), primary_key=True),
    Column("kind", String(60), primary_key=True),
    Column("found_count", BigInteger, nullable=False),
    # The first ids, as JSON; what was told of them is kept apart, so that a death in between tells twice, not never.
    Column("subjects", Text, nullable=False),
    Column("told_count", BigInteger, nullable=False, server_default="0"),
    Column("told_subjects", Text, nullable=False, server_default="[]"),
    Column("way_out", Text, nullable=False),
    Column("since", UtcDateTime),
    Column("run_id", String(RUN), nullable=False),
    Column("checked_at", UtcDateTime, nullable=False),
)

accepted = Table(
    "ledger_reconciliation_accepted",
    metadata,
    Column("kind", String(60), primary_key=True),
    Column("subject", String(100), primary_key=True),
    # Where it was accepted; empty: everywhere, as before version 8 of the schema.
    Column("part", String(2 * NAME), primary_key=True, server_default=""),
    Column("by", String(NAME), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

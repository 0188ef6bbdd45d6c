"""The tables behind what people look at: what each run came to, and by which names a record is found."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, String, Table, Text

from include.ledger.run_tables import RUN
from include.ledger.tables import NAME, UtcDateTime, metadata

# One row per run, stream and destination: a backlog of years is drawn without counting a delivery.
run_results = Table(
    "ledger_run_results",
    metadata,
    Column("run_id", String(RUN), primary_key=True),
    Column("dag_id", String(NAME), nullable=False),
    Column("division", BigInteger, primary_key=True, autoincrement=False),
    Column("entity", String(20), primary_key=True),
    Column("destination", String(20), primary_key=True),
    Column("mode", String(20), nullable=False),
    Column("started_at", UtcDateTime),
    # None: the run is under way, or failed.
    Column("ended_at", UtcDateTime),
    Column("after", BigInteger),
    Column("reached", BigInteger),
    # Both as JSON; nothing about people.
    Column("counts", Text),
    Column("forecast", Text),
    Index("ix_ledger_run_results_ended", "ended_at"),
    Index("ix_ledger_run_results_stream", "dag_id", "division", "entity", "destination", "ended_at"),
)

# Keyed hashes of the words of a name, each alone: whoever knows a name finds the record, nobody reads a name here.
names = Table(
    "ledger_names",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("delivery_id", BigInteger, primary_key=True, autoincrement=False),
    Index("ix_ledger_names_delivery", "delivery_id"),
    # Else SQLite would keep each row twice: by its number, and by its key.
    sqlite_with_rowid=False,
)

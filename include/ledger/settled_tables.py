"""The tables that tell how far a lane is settled; nothing about people."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, String, Table

from include.ledger.tables import NAME, UtcDateTime, metadata

# The number of the page that was stored last; whoever stores one holds `rows_of` its feed, so none is given twice.
batches = Table(
    "ledger_batches",
    metadata,
    Column("dag_id", String(NAME), primary_key=True),
    Column("division", BigInteger, primary_key=True, autoincrement=False),
    Column("entity", String(20), primary_key=True),
    Column("batch", BigInteger, nullable=False),
)

# Up to which batch every row of a lane has a decision that stands, for one destination.
settled = Table(
    "ledger_settled",
    metadata,
    Column("dag_id", String(NAME), primary_key=True),
    Column("division", BigInteger, primary_key=True, autoincrement=False),
    Column("entity", String(20), primary_key=True),
    Column("destination", String(20), primary_key=True),
    Column("job", BigInteger, primary_key=True, autoincrement=False),
    Column("company", BigInteger, primary_key=True, autoincrement=False),
    # Hash of what it was decided by: under another mapping nothing is settled.
    Column("terms", String(64), nullable=False),
    Column("batch", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    # When all rows were last looked at.
    Column("whole_at", UtcDateTime, nullable=False),
)

# Goes up whenever somebody else than a lane's own run changes what a decision stands on; ends all that was settled.
epochs = Table(
    "ledger_epochs",
    metadata,
    Column("division", BigInteger, primary_key=True, autoincrement=False),
    Column("entity", String(20), primary_key=True),
    Column("epoch", BigInteger, nullable=False),
)

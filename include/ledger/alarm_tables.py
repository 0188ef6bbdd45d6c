"""The table of streams that do not go on: since when, why, and whether somebody was told; nothing about people."""

from __future__ import annotations

from sqlalchemy import Column, String, Table, Text

from include.ledger.tables import NAME, UtcDateTime, metadata

stream_alarms = Table(
    "ledger_stream_alarms",
    metadata,
    Column("dag_id", String(NAME), primary_key=True),
    Column("reason_code", String(200), nullable=False),
    Column("what", Text, nullable=False),
    Column("way_out", Text, nullable=False),
    Column("since", UtcDateTime, nullable=False),
    # The last time that it was seen to be so.
    Column("noted_at", UtcDateTime, nullable=False),
    # None: nobody knows of it yet.
    Column("told_at", UtcDateTime),
    # Set until its end was told, which removes the row.
    Column("ended_at", UtcDateTime),
)

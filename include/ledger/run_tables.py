"""The tables of single runs: what a run that is not live may send, what a preview showed, what a person approved."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, String, Table, Text

from include.ledger.tables import NAME, UtcDateTime, metadata

RUN = 2 * NAME + 1
"""``DAG/run``."""

# A delivery may be in the outbox of several runs; whoever claims it first sends it.
run_outbox = Table(
    "ledger_run_outbox",
    metadata,
    Column("run_id", String(RUN), primary_key=True),
    Column("delivery_id", BigInteger, primary_key=True, autoincrement=False),
    # What the run decided, where somebody else has the delivery waiting with other content; None: it is the same.
    Column("sealed", LargeBinary),
    Index("ix_ledger_run_outbox_delivery", "delivery_id"),
)

previews = Table(
    "ledger_previews",
    metadata,
    Column("run_id", String(RUN), primary_key=True),
    Column("source_id", String(40), primary_key=True),
    Column("outcome", String(20), nullable=False),
    Column("reason_code", String(200), nullable=False),
    Column("field", String(200), nullable=False),
    # What would be done with it, and what is there already: words of `include.sync.preview`.
    Column("action", String(40), nullable=False),
    Column("existing", String(200), nullable=False),
    # Payload and rules, sealed like a delivery's.
    Column("sealed", LargeBinary),
    Column("made_at", UtcDateTime, nullable=False),
    Index("ix_ledger_previews_age", "made_at"),
)

approvals = Table(
    "ledger_approvals",
    metadata,
    Column("run_id", String(RUN), primary_key=True),
    # Counts as JSON: what the person was shown.
    Column("asked", Text, nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("answer", String(20)),
    Column("answered_by", String(NAME)),
    Column("answered_at", UtcDateTime),
)

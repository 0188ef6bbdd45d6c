"""How each stream stands that somebody was told of, and what watching it needs to stay quick."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

UTC_TIME = sa.DateTime(timezone=True)
PENDING = sa.text("state IN ('ready', 'retry', 'sending', 'in_doubt')")
WANTED = sa.text("state <> 'skipped_by_rule'")


def upgrade() -> None:
    """Change the schema; nothing that is there is touched."""
    op.create_table(
        "ledger_stream_alarms",
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("reason_code", sa.String(length=200), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("way_out", sa.Text(), nullable=False),
        sa.Column("since", UTC_TIME, nullable=False),
        sa.Column("noted_at", UTC_TIME, nullable=False),
        sa.Column("told_at", UTC_TIME, nullable=True),
        sa.Column("ended_at", UTC_TIME, nullable=True),
        sa.PrimaryKeyConstraint("dag_id"),
    )
    op.create_index(
        "ix_ledger_deliveries_pending",
        "ledger_deliveries",
        ["dag_id", "division", "entity", "destination", "state", "decided_at"],
        sqlite_where=PENDING,
        postgresql_where=PENDING,
    )
    op.create_index(
        "ix_ledger_deliveries_decided",
        "ledger_deliveries",
        ["decided_at"],
        sqlite_where=WANTED,
        postgresql_where=WANTED,
    )


def downgrade() -> None:
    """Change it back."""
    op.drop_index("ix_ledger_deliveries_decided", "ledger_deliveries")
    op.drop_index("ix_ledger_deliveries_pending", "ledger_deliveries")
    op.drop_table("ledger_stream_alarms")

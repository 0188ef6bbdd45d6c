"""What reconciliations found, how each check stands, and which differences a person accepted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

UTC_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Change the schema; nothing that is there is touched."""
    op.create_table(
        "ledger_reconciliations",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("run_id", sa.String(length=501), nullable=False),
        sa.Column("depth", sa.String(length=20), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("began_at", UTC_TIME, nullable=False),
        sa.Column("ended_at", UTC_TIME, nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_ledger_reconciliations_run", "ledger_reconciliations", ["run_id"])
    op.create_table(
        "ledger_reconciliation_checks",
        sa.Column("part", sa.String(length=500), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("found_count", sa.BigInteger(), nullable=False),
        sa.Column("subjects", sa.Text(), nullable=False),
        sa.Column("told_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("told_subjects", sa.Text(), server_default="[]", nullable=False),
        sa.Column("way_out", sa.Text(), nullable=False),
        sa.Column("since", UTC_TIME, nullable=True),
        sa.Column("run_id", sa.String(length=501), nullable=False),
        sa.Column("checked_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("part", "kind"),
    )
    op.create_table(
        "ledger_reconciliation_accepted",
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=100), nullable=False),
        sa.Column("by", sa.String(length=250), nullable=False),
        sa.Column("at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject"),
    )


def downgrade() -> None:
    """Change it back."""
    for table in ("ledger_reconciliation_accepted", "ledger_reconciliation_checks", "ledger_reconciliations"):
        op.drop_table(table)

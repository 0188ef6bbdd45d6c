"""What people ask of a ledger with a million records: what a run came to, what was refused, whom a name means."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

UTC_TIME = sa.DateTime(timezone=True)
REJECTED = sa.text("state = 'rejected'")
STREAM = ("dag_id", "division", "entity", "destination")


def upgrade() -> None:
    """Change the schema; nothing that is there is touched."""
    op.create_table(
        "ledger_run_results",
        sa.Column("run_id", sa.String(length=501), nullable=False),
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("division", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("entity", sa.String(length=20), nullable=False),
        sa.Column("destination", sa.String(length=20), nullable=False),
        sa.Column("mode", sa.String(length=20), nullable=False),
        sa.Column("started_at", UTC_TIME, nullable=True),
        sa.Column("ended_at", UTC_TIME, nullable=True),
        sa.Column("after", sa.BigInteger(), nullable=True),
        sa.Column("reached", sa.BigInteger(), nullable=True),
        sa.Column("counts", sa.Text(), nullable=True),
        sa.Column("forecast", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", "division", "entity", "destination"),
    )
    op.create_index("ix_ledger_run_results_ended", "ledger_run_results", ["ended_at"])
    op.create_index("ix_ledger_run_results_stream", "ledger_run_results", [*STREAM, "ended_at"])
    op.create_table(
        "ledger_names",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("digest", "delivery_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_ledger_names_delivery", "ledger_names", ["delivery_id"])
    op.create_index("ix_ledger_deliveries_touched", "ledger_deliveries", [*STREAM, "state", "updated_at", "id"])
    op.create_index(
        "ix_ledger_deliveries_refused",
        "ledger_deliveries",
        # The state is the same in all of it; without it SQLite would look up each row to see that.
        ["reason_code", "field", *STREAM, "updated_at", "id", "state"],
        sqlite_where=REJECTED,
        postgresql_where=REJECTED,
    )


def downgrade() -> None:
    """Change it back."""
    op.drop_index("ix_ledger_deliveries_refused", "ledger_deliveries")
    op.drop_index("ix_ledger_deliveries_touched", "ledger_deliveries")
    op.drop_table("ledger_names")
    op.drop_table("ledger_run_results")

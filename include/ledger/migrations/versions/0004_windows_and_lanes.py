"""Windows with terms, outboxes of single runs, previews, approvals, and lanes of the pacer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema; every window that is pinned is one of the feed without terms."""
    with op.batch_alter_table("ledger_windows", schema=None) as batch_op:
        batch_op.add_column(sa.Column("reading", sa.String(length=20), server_default="feed", nullable=False))
        batch_op.add_column(sa.Column("terms", sa.Text(), nullable=True))
    with op.batch_alter_table("ledger_watermarks", schema=None) as batch_op:
        batch_op.add_column(sa.Column("columns", sa.Text(), nullable=True))
    with op.batch_alter_table("ledger_pacer_buckets", schema=None) as batch_op:
        batch_op.add_column(sa.Column("live_at", sa.BigInteger(), server_default="0", nullable=False))
    with op.batch_alter_table("ledger_pacer_grants", schema=None) as batch_op:
        batch_op.add_column(sa.Column("lane", sa.String(length=20), server_default="live", nullable=False))
    with op.batch_alter_table("ledger_staged", schema=None) as batch_op:
        batch_op.add_column(sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_ledger_staged_source", "ledger_staged", ["source_id", "division", "entity"])
    _create_tables()


def _create_tables() -> None:
    op.create_table(
        "ledger_run_outbox",
        sa.Column("run_id", sa.String(length=501), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", "delivery_id"),
    )
    op.create_index("ix_ledger_run_outbox_delivery", "ledger_run_outbox", ["delivery_id"])
    op.create_table(
        "ledger_previews",
        sa.Column("run_id", sa.String(length=501), nullable=False),
        sa.Column("source_id", sa.String(length=40), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("reason_code", sa.String(length=200), nullable=False),
        sa.Column("field", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("existing", sa.String(length=200), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "source_id"),
    )
    op.create_index("ix_ledger_previews_age", "ledger_previews", ["made_at"])
    op.create_table(
        "ledger_approvals",
        sa.Column("run_id", sa.String(length=501), nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer", sa.String(length=20), nullable=True),
        sa.Column("answered_by", sa.String(length=250), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("run_id"),
    )


def downgrade() -> None:
    """Change it back."""
    for table in ("ledger_approvals", "ledger_previews", "ledger_run_outbox"):
        op.drop_table(table)
    op.drop_index("ix_ledger_staged_source", "ledger_staged")
    for table, names in (
        ("ledger_staged", ("seen_at",)),
        ("ledger_pacer_grants", ("lane",)),
        ("ledger_pacer_buckets", ("live_at",)),
        ("ledger_watermarks", ("columns",)),
        ("ledger_windows", ("terms", "reading")),
    ):
        with op.batch_alter_table(table, schema=None) as batch_op:
            for name in names:
                batch_op.drop_column(name)

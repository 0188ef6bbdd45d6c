"""News, single writes, results of deliveries, and what retention and the search for chains need."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema; nothing that was there changes its meaning."""
    with op.batch_alter_table("ledger_deliveries", schema=None) as batch_op:
        batch_op.add_column(sa.Column("result", sa.LargeBinary(), nullable=True))
        batch_op.create_index("ix_ledger_deliveries_remote", ["remote_id"], unique=False)
    with op.batch_alter_table("ledger_tokens", schema=None) as batch_op:
        batch_op.add_column(sa.Column("app", sa.String(length=64), server_default="", nullable=False))
    with op.batch_alter_table("ledger_calls", schema=None) as batch_op:
        batch_op.add_column(sa.Column("last_at", sa.DateTime(timezone=True), nullable=True))
    # Nobody knows when the calls on record were made; their age counts from now.
    op.execute(sa.text("UPDATE ledger_calls SET last_at = CURRENT_TIMESTAMP"))
    _create_news()
    op.create_table(
        "ledger_writes",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("endpoint", sa.String(length=250), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("was_in_doubt", sa.Boolean(), nullable=False),
        sa.Column("other_content", sa.Boolean(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("remote_id", sa.String(length=100), nullable=True),
        sa.Column("reason_code", sa.String(length=200), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("run_id", sa.String(length=250), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )


def _create_news() -> None:
    op.create_table(
        "ledger_news",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source", sa.String(length=250), nullable=False),
        sa.Column("record_id", sa.String(length=100), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=True),
        sa.Column("batch", sa.String(length=1000), nullable=False),
        sa.Column("delivered", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source", "record_id", name="uq_ledger_news_record"),
    )
    op.create_index(
        "ix_ledger_news_open",
        "ledger_news",
        ["source", "batch", "id"],
        unique=False,
        sqlite_where=sa.text("delivered IS NULL"),
        postgresql_where=sa.text("delivered IS NULL"),
    )
    op.create_table(
        "ledger_news_cursors",
        sa.Column("source", sa.String(length=250), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("created_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source"),
    )


def downgrade() -> None:
    """Change it back."""
    op.drop_table("ledger_writes")
    op.drop_table("ledger_news_cursors")
    op.drop_index("ix_ledger_news_open", table_name="ledger_news")
    op.drop_table("ledger_news")
    with op.batch_alter_table("ledger_calls", schema=None) as batch_op:
        batch_op.drop_column("last_at")
    with op.batch_alter_table("ledger_tokens", schema=None) as batch_op:
        batch_op.drop_column("app")
    with op.batch_alter_table("ledger_deliveries", schema=None) as batch_op:
        batch_op.drop_index("ix_ledger_deliveries_remote")
        batch_op.drop_column("result")

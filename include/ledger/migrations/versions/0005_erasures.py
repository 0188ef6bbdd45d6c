"""Erasures of persons, and how far Exact's log of deletions was read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema; nobody was erased before."""
    op.create_table(
        "ledger_erasures",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("erasure", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("mark", sa.String(length=64), nullable=False),
        sa.Column("why", sa.String(length=40), nullable=False),
        sa.Column("asked_by", sa.String(length=250), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.String(length=250), nullable=True),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_ledger_erasures_erasure", "ledger_erasures", ["erasure"])
    standing = sa.text("lifted_at IS NULL")
    op.create_index(
        "ix_ledger_erasures_mark",
        "ledger_erasures",
        ["mark", "erasure"],
        sqlite_where=standing,
        postgresql_where=standing,
    )
    op.create_table(
        "ledger_deletion_logs",
        sa.Column("division", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("moved", sa.String(length=250), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("division"),
    )


def downgrade() -> None:
    """Change it back."""
    for table in ("ledger_deletion_logs", "ledger_erasures"):
        op.drop_table(table)

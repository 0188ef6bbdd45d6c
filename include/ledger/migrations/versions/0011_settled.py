"""How far a lane is settled, so that a run looks at what changed since and not at all that was ever read.

The index of a lane's rows follows the order in which they were last stored, instead of the order of their first time.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

STAGED, FEED, STORED = "ledger_staged", "ix_ledger_staged_feed", "ix_ledger_staged_stored"
STREAM = ("dag_id", "division", "entity")
HELD = ("id", "source_id", "row_version", "created")


def _stream() -> list[Any]:
    return [
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("division", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("entity", sa.String(length=20), nullable=False),
    ]


def upgrade() -> None:
    """Change the schema; every row counts as stored before all others."""
    op.add_column(STAGED, sa.Column("batch", sa.BigInteger(), nullable=False, server_default="0"))
    op.drop_index(FEED, STAGED)
    op.create_index(STORED, STAGED, [*STREAM, "batch", *HELD])
    op.create_table(
        "ledger_batches",
        *_stream(),
        sa.Column("batch", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(*STREAM),
    )
    op.create_table(
        "ledger_settled",
        *_stream(),
        sa.Column("destination", sa.String(length=20), nullable=False),
        sa.Column("job", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("company", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("terms", sa.String(length=64), nullable=False),
        sa.Column("batch", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("whole_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(*STREAM, "destination", "job", "company"),
    )
    op.create_table(
        "ledger_epochs",
        sa.Column("division", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("entity", sa.String(length=20), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("division", "entity"),
    )


def downgrade() -> None:
    """Change it back."""
    op.drop_table("ledger_epochs")
    op.drop_table("ledger_settled")
    op.drop_table("ledger_batches")
    op.drop_index(STORED, STAGED)
    op.drop_column(STAGED, "batch")
    op.create_index(FEED, STAGED, [*STREAM, *HELD])

"""The witness of a watermark, and when Exact moved its division to another database."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema; a watermark that is there goes on with neither: both are learnt when they are needed."""
    with op.batch_alter_table("ledger_watermarks", schema=None) as batch_op:
        batch_op.add_column(sa.Column("witness", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("moved", sa.String(length=250), nullable=True))


def downgrade() -> None:
    """Change it back."""
    with op.batch_alter_table("ledger_watermarks", schema=None) as batch_op:
        batch_op.drop_column("moved")
        batch_op.drop_column("witness")

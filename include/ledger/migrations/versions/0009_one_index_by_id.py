"""Rows of Exact are found by their id through one index instead of two.

Ids come in no order, so each index that begins with one costs a first import a written page per row. The number also
keeps older installations away: what is sealed from here on is AES-GCM, which they could not open.
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLE, UNIQUE, BY_ID = "ledger_staged", "uq_ledger_staged_source", "ix_ledger_staged_source"


def upgrade() -> None:
    """Change the schema; on SQLite the table is written anew, which needs its size in free space for a moment."""
    with op.batch_alter_table(TABLE, schema=None) as batch_op:
        batch_op.drop_index(BY_ID)
        batch_op.drop_constraint(UNIQUE, type_="unique")
        batch_op.create_unique_constraint(UNIQUE, ["source_id", "division", "entity", "dag_id"])


def downgrade() -> None:
    """Change it back."""
    with op.batch_alter_table(TABLE, schema=None) as batch_op:
        batch_op.drop_constraint(UNIQUE, type_="unique")
        batch_op.create_unique_constraint(UNIQUE, ["dag_id", "division", "entity", "source_id"])
        batch_op.create_index(BY_ID, ["source_id", "division", "entity"])

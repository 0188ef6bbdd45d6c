"""When an erasure had taken the content out, and for which part a difference was accepted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ACCEPTED = "ledger_reconciliation_accepted"
UTC_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Change the schema.

    Erasures that are there count as blanked: what they were interrupted in cannot be told any more. Differences that
    were accepted keep their kind; the part stays empty, which stands for all of them.
    """
    with op.batch_alter_table("ledger_erasures", schema=None) as batch_op:
        batch_op.add_column(sa.Column("blanked_at", UTC_TIME, nullable=True))
    op.execute("UPDATE ledger_erasures SET blanked_at = at")
    _accepted(sa.Column("part", sa.String(length=500), nullable=False, server_default=""), "kind, subject, part")


def downgrade() -> None:
    """Change it back; what was accepted for one part alone is not accepted any more."""
    op.execute(f"DELETE FROM {ACCEPTED} WHERE part <> ''")  # noqa: S608 - a name of our own
    _accepted(None, "kind, subject")
    with op.batch_alter_table("ledger_erasures", schema=None) as batch_op:
        batch_op.drop_column("blanked_at")


def _accepted(part: sa.Column[str] | None, key: str) -> None:
    """Make the table anew: SQLite cannot change the key of one."""
    op.rename_table(ACCEPTED, f"{ACCEPTED}_old")
    more = [] if part is None else [part]
    op.create_table(
        ACCEPTED,
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=100), nullable=False),
        *more,
        sa.Column("by", sa.String(length=250), nullable=False),
        sa.Column("at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint(*key.split(", "), name=f"pk_{ACCEPTED}_{len(more)}"),
    )
    copied = 'kind, subject, "by", at'
    op.execute(f"INSERT INTO {ACCEPTED} ({copied}) SELECT {copied} FROM {ACCEPTED}_old")  # noqa: S608 - the same
    op.drop_table(f"{ACCEPTED}_old")

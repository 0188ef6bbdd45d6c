"""First schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    op.create_table(
        "ledger_api_errors",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("scope", sa.String(length=250), nullable=False),
        sa.Column("endpoint", sa.String(length=250), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("ledger_api_errors", schema=None) as batch_op:
        batch_op.create_index("ix_ledger_api_errors_at", ["scope", "endpoint", "at"], unique=False)

    op.create_table(
        "ledger_calls",
        sa.Column("run_id", sa.String(length=250), nullable=False),
        sa.Column("service", sa.String(length=40), nullable=False),
        sa.Column("endpoint", sa.String(length=250), nullable=False),
        sa.Column("status", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "service", "endpoint", "status"),
    )
    op.create_table(
        "ledger_deliveries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("company", sa.BigInteger(), nullable=False),
        sa.Column("destination", sa.String(length=20), nullable=False),
        sa.Column("job", sa.BigInteger(), nullable=False),
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("division", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entity", sa.String(length=20), nullable=False),
        sa.Column("source_id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("decided_version", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("email_hash", sa.String(length=64), nullable=True),
        sa.Column("trace", sa.Text(), nullable=True),
        sa.Column("reason_code", sa.String(length=200), nullable=False),
        sa.Column("field", sa.String(length=200), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("was_in_doubt", sa.Boolean(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("remote_id", sa.String(length=100), nullable=True),
        sa.Column("run_id", sa.String(length=250), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key", name="uq_ledger_deliveries_key"),
    )
    with op.batch_alter_table("ledger_deliveries", schema=None) as batch_op:
        batch_op.create_index(
            "ix_ledger_deliveries_due", ["state", "company", "destination", "job", "due_at"], unique=False
        )
        batch_op.create_index("ix_ledger_deliveries_email", ["email_hash"], unique=False)
        batch_op.create_index(
            "ix_ledger_deliveries_outbox",
            ["state", "company", "destination", "job", "dag_id", "division", "entity", "id"],
            unique=False,
        )
        batch_op.create_index(
            "ix_ledger_deliveries_source",
            [
                "source_id",
                "division",
                "entity",
                "destination",
                "job",
                "company",
                "decided_version",
                "state",
                "fingerprint",
            ],
            unique=False,
        )

    op.create_table(
        "ledger_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.String(length=250), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("from_state", sa.String(length=20), nullable=True),
        sa.Column("to_state", sa.String(length=20), nullable=False),
        sa.Column("reason_code", sa.String(length=200), nullable=False),
        sa.Column("field", sa.String(length=200), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("ledger_events", schema=None) as batch_op:
        batch_op.create_index("ix_ledger_events_delivery", ["delivery_id", "id"], unique=False)
        batch_op.create_index("ix_ledger_events_run", ["run_id", "delivery_id", "id"], unique=False)

    op.create_table(
        "ledger_extracts",
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("division", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entity", sa.String(length=20), nullable=False),
        sa.Column("run_id", sa.String(length=250), nullable=False),
        sa.Column("next", sa.Text(), nullable=True),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("highest", sa.BigInteger(), nullable=True),
        sa.Column("read", sa.BigInteger(), nullable=False),
        sa.Column("new", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("unchanged", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("dag_id", "division", "entity", "run_id"),
    )
    op.create_table(
        "ledger_failures",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("run_id", sa.String(length=250), nullable=False),
        sa.Column("stage", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason_code", sa.String(length=200), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("way_out", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("ledger_failures", schema=None) as batch_op:
        batch_op.create_index("ix_ledger_failures_run", ["run_id", "id"], unique=False)

    op.create_table(
        "ledger_pacer_buckets",
        sa.Column("bucket", sa.String(length=250), nullable=False),
        sa.Column("blocked_until", sa.BigInteger(), nullable=False),
        sa.Column("remaining", sa.BigInteger(), nullable=True),
        sa.Column("remaining_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("bucket"),
    )
    op.create_table(
        "ledger_pacer_grants",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("bucket", sa.String(length=250), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("ledger_pacer_grants", schema=None) as batch_op:
        batch_op.create_index("ix_ledger_pacer_grants_at", ["bucket", "at"], unique=False)

    op.create_table(
        "ledger_secrets",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "ledger_staged",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("division", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entity", sa.String(length=20), nullable=False),
        sa.Column("source_id", sa.String(length=40), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=True),
        sa.Column("run_id", sa.String(length=250), nullable=False),
        sa.Column("staged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("dag_id", "division", "entity", "source_id", name="uq_ledger_staged_source"),
    )
    with op.batch_alter_table("ledger_staged", schema=None) as batch_op:
        batch_op.create_index(
            "ix_ledger_staged_feed",
            ["dag_id", "division", "entity", "id", "source_id", "row_version", "created"],
            unique=False,
        )

    op.create_table(
        "ledger_tokens",
        sa.Column("connection_id", sa.String(length=250), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("obtained_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("connection_id"),
    )
    op.create_table(
        "ledger_watermarks",
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("division", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entity", sa.String(length=20), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.String(length=250), nullable=False),
        sa.Column("created_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("committed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("dag_id", "division", "entity"),
    )
    op.create_table(
        "ledger_windows",
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("division", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entity", sa.String(length=20), nullable=False),
        sa.Column("run_id", sa.String(length=250), nullable=False),
        sa.Column("mode", sa.String(length=20), nullable=False),
        sa.Column("after", sa.BigInteger(), nullable=False),
        sa.Column("created_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("advances", sa.Boolean(), nullable=False),
        sa.Column("pinned_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("dag_id", "division", "entity", "run_id"),
    )


def downgrade() -> None:
    """Change it back."""
    op.drop_table("ledger_windows")
    op.drop_table("ledger_watermarks")
    op.drop_table("ledger_tokens")
    with op.batch_alter_table("ledger_staged", schema=None) as batch_op:
        batch_op.drop_index("ix_ledger_staged_feed")

    op.drop_table("ledger_staged")
    op.drop_table("ledger_secrets")
    with op.batch_alter_table("ledger_pacer_grants", schema=None) as batch_op:
        batch_op.drop_index("ix_ledger_pacer_grants_at")

    op.drop_table("ledger_pacer_grants")
    op.drop_table("ledger_pacer_buckets")
    op.drop_table("ledger_extracts")
    with op.batch_alter_table("ledger_events", schema=None) as batch_op:
        batch_op.drop_index("ix_ledger_events_run")
        batch_op.drop_index("ix_ledger_events_delivery")

    op.drop_table("ledger_events")
    with op.batch_alter_table("ledger_deliveries", schema=None) as batch_op:
        batch_op.drop_index("ix_ledger_deliveries_source")
        batch_op.drop_index("ix_ledger_deliveries_outbox")
        batch_op.drop_index("ix_ledger_deliveries_email")
        batch_op.drop_index("ix_ledger_deliveries_due")

    op.drop_table("ledger_deliveries")
    op.drop_table("ledger_calls")
    with op.batch_alter_table("ledger_api_errors", schema=None) as batch_op:
        batch_op.drop_index("ix_ledger_api_errors_at")

    op.drop_table("ledger_api_errors")

"""Entered by Alembic, always with the connection that `include.ledger.migrate` has opened."""

from __future__ import annotations

from alembic import context

from include.ledger import limit_tables as _limit_tables  # noqa: F401 - registers its tables
from include.ledger import outbox_tables as _outbox_tables  # noqa: F401 - registers its tables
from include.ledger import people_tables as _people_tables  # noqa: F401 - registers its tables
from include.ledger import reconciliation_tables as _reconciliation_tables  # noqa: F401 - registers its tables
from include.ledger import run_tables as _run_tables  # noqa: F401 - registers its tables
from include.ledger import settled_tables as _settled_tables  # noqa: F401 - registers its tables
from include.ledger.tables import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    # SQLite cannot alter most things in place; Alembic then rebuilds the table.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()

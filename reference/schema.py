"""The page of the ledger's tables, from the schema that the migrations build."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.ledger import ledger as _all_tables  # noqa: F401 - every module of tables is imported by it
from include.ledger.tables import metadata
from reference.markdown import code, table

if TYPE_CHECKING:
    from sqlalchemy import Table


def schema_page() -> str:
    """Return the page."""
    parts = [
        "# The ledger's tables",
        (
            "The same on SQLite and PostgreSQL. Made from the code. `BLOB` columns are encrypted, those in "
            "`_hash` are keyed. Ask the command line instead: the schema is no interface, and changes with "
            "any version."
        ),
    ]
    for one in metadata.sorted_tables:
        parts += [f"## `{one.name}`", _columns(one), *_indexes(one)]
    return "\n\n".join(parts) + "\n"


def _columns(one: Table) -> str:
    rows = [
        (
            code(column.name),
            code(str(column.type)),
            "yes" if column.primary_key else "",
            "" if column.nullable else "required",
        )
        for column in one.columns
    ]
    return table(("column", "type", "key", ""), rows)


def _indexes(one: Table) -> list[str]:
    names = sorted(
        f"{code(index.name or '')} ({', '.join(column.name for column in index.columns)})" for index in one.indexes
    )
    return [f"Indexes: {', '.join(names)}."] if names else []

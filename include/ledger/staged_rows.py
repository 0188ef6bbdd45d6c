"""Rows of a page into the ledger's table, all of them in one statement, and what is known of them in another."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ARRAY, String, any_, bindparam, func, select

from include.json_values import canonical
from include.ledger.tables import staged
from include.ledger.windows import of_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import ColumnElement, Connection, Dialect
    from sqlalchemy import Row as SqlRow

    from include.ledger.crypto import Cipher
    from include.records import Row, SourceRow, StreamKey

_COMMON: Final = ("dag_id", "division", "entity", "run_id", "staged_at", "batch")
_OWN: Final = ("source_id", "row_version", "created", "content_hash", "sealed")
_KEY: Final = ("dag_id", "division", "entity", "source_id")
_CHANGING: Final = ("row_version", "created", "run_id", "staged_at", "batch", "content_hash", "sealed")
_NONE: Final = object()
_TEXT: Final = len("2026-06-25 14:14:12.403000")
# Another run may have stored a newer version since this one looked.
_UPSERT: Final = (
    f"INSERT INTO {staged.name} ({', '.join((*_COMMON, *_OWN))}) {{values}}"
    f" ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _CHANGING)}"
    f" WHERE excluded.row_version >= {staged.name}.row_version"
)
_SQLITE: Final = _UPSERT.format(values=f"VALUES ({', '.join('?' * 11)})")
_POSTGRESQL: Final = _UPSERT.format(
    values=f"SELECT {', '.join(['%s'] * len(_COMMON))}, own.*"  # noqa: S608 - names of our own
    " FROM unnest(%s::text[], %s::bigint[], %s::timestamptz[], %s::text[], %s::bytea[]) AS own"
)


def content_of(row: Row) -> bytes:
    """Return the JSON of what makes up a row's state: pages show no row version, the feed does."""
    if "Timestamp" in row:
        row = row.copy()
        del row["Timestamp"]
    return canonical(row)


def whole(row: Row, content: bytes) -> bytes:
    """Return the JSON of a whole row, made of that of its content."""
    version = row.get("Timestamp", _NONE)
    if version is _NONE:
        return content
    rest = b"," + content[1:] if len(content) > len(b"{}") else b"}"
    if type(version) is str and version.isdigit() and version.isascii():
        return b'{"Timestamp":"' + version.encode() + b'"' + rest
    return b'{"Timestamp":' + canonical(version) + rest


def are(connection: Connection, stream: StreamKey, ids: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition that a staged row is of one of these records: one value however many there are.

    A parameter for each of a thousand costs more than the search.
    """
    if connection.dialect.name == "sqlite":
        listed = func.json_each(bindparam("ids", canonical(list(ids)).decode(), String)).table_valued("value")
        return of_stream(staged, stream) & staged.c.source_id.in_(select(listed.c.value))
    return of_stream(staged, stream) & (staged.c.source_id == any_(bindparam("ids", list(ids), ARRAY(String))))


def known(connection: Connection, stream: StreamKey, ids: Sequence[str]) -> dict[str, SqlRow[Any]]:
    """Return id -> (id, row version, hash, whether it was purged) of what is stored already."""
    columns = (staged.c.source_id, staged.c.row_version, staged.c.content_hash)
    purged = (func.length(staged.c.sealed) == 0).label("purged")
    query = select(*columns, purged).where(are(connection, stream, ids))
    return {row.source_id: row for row in connection.execute(query)}


def upsert(  # noqa: PLR0917 - what is put where
    connection: Connection,
    cipher: Cipher,
    stream: StreamKey,
    run_id: str,
    at: datetime,
    batch: int,
    rows: Sequence[tuple[SourceRow, bytes, str]],
) -> None:
    """Store rows, each unless a newer version is there; the driver is given what it wants, without a look at each.

    :param batch: the number of the page, see `include.ledger.settled`.
    :param rows: each with the JSON of its content, and the keyed hash of that.
    """
    dialect = connection.dialect
    stamp = _stamper(dialect)
    common = (stream.dag_id, stream.division, stream.entity, run_id, stamp(at), batch)
    sealed = cipher.seal_texts([whole(row.row, content) for row, content, _ in rows])
    own = [
        (row.source_id, row.row_version, stamp(row.created), digest, value)
        for (row, _, digest), value in zip(rows, sealed, strict=True)
    ]
    if dialect.name == "sqlite":
        connection.exec_driver_sql(_SQLITE, [(*common, *mine) for mine in own])
    else:
        connection.exec_driver_sql(_POSTGRESQL, (*common, *map(list, zip(*own, strict=True))))


def _stamper(dialect: Dialect) -> Callable[[datetime | None], Any]:
    """Return what the type of the columns writes for a time, in a third of its time for those that rows have."""
    write = staged.c.created.type.dialect_impl(dialect).bind_processor(dialect)
    if write is None or dialect.name != "sqlite":
        return write or (lambda at: at)
    return lambda at: write(at) if at is None or at.tzinfo is not UTC else at.isoformat(" ", "microseconds")[:_TEXT]

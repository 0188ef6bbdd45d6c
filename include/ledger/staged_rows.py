"""Rows of a page into the ledger's table, all of them in one statement, and what is known of them in another."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import ARRAY, String, and_, any_, bindparam, func, select

from include.json_values import canonical, canonical_each
from include.ledger.tables import staged
from include.ledger.windows import stream_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy import ColumnElement, Connection, Dialect, Select
    from sqlalchemy import Row as SqlRow

    from include.ledger.crypto import Cipher
    from include.records import Row, SourceRow, StreamKey

    Read = tuple[SourceRow, bytes, str]
    """A row, the JSON of its content, and the keyed hash of that."""

_COMMON: Final = ("dag_id", "division", "entity", "run_id", "staged_at", "batch")
_OWN: Final = ("source_id", "row_version", "created", "content_hash", "sealed")
_KEY: Final = ("dag_id", "division", "entity", "source_id")
_CHANGING: Final = ("row_version", "created", "run_id", "staged_at", "batch", "content_hash", "sealed")
_NONE: Final = object()
_encode: Final = msgspec.json.Encoder().encode
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


def contents_of(rows: Iterable[Row]) -> list[bytes]:
    """Return the JSON of what makes up each row's state: pages show no row version, the feed does."""
    own = [row.copy() for row in rows]
    for row in own:
        row.pop("Timestamp", None)
    return canonical_each(own)


def whole(row: Row, content: bytes) -> bytes:
    """Return the JSON of a whole row, made of that of its content."""
    version = row.get("Timestamp", _NONE)
    if version is _NONE:
        return content
    rest = b"," + content[1:] if len(content) > len(b"{}") else b"}"
    if type(version) is str and version.isdigit() and version.isascii():
        return b'{"Timestamp":"' + version.encode() + b'"' + rest
    return b'{"Timestamp":' + canonical(version) + rest


def are(dialect: str) -> ColumnElement[bool]:
    """Return the condition that a staged row is one of those that `named` names, in one value for all of them.

    A parameter for each of a thousand costs more than the search.
    """
    mine = and_(*(staged.c[name] == bindparam(f"of_{name}") for name in ("dag_id", "division", "entity")))
    if dialect == "sqlite":
        listed = func.json_each(bindparam("ids", type_=String)).table_valued("value")
        return mine & staged.c.source_id.in_(select(listed.c.value))
    return mine & (staged.c.source_id == any_(bindparam("ids", type_=ARRAY(String))))


def named(dialect: str, stream: StreamKey, ids: Sequence[str]) -> dict[str, Any]:
    """Return the parameters of `are` for these records."""
    # In order: the next one is mostly near the last one in the index.
    listed = canonical(sorted(ids)).decode() if dialect == "sqlite" else list(ids)
    return {**{f"of_{name}": value for name, value in stream_values(stream).items()}, "ids": listed}


def known(connection: Connection, stream: StreamKey, ids: Sequence[str]) -> dict[str, SqlRow[Any]]:
    """Return id -> (id, row version, hash, whether it was purged) of what is stored already."""
    dialect = connection.dialect.name
    return {row.source_id: row for row in connection.execute(_known(dialect), named(dialect, stream, ids))}


@functools.cache
def _known(dialect: str) -> Select[Any]:
    """Return the query of `known`; made once, which takes as long as looking up a page."""
    columns = (staged.c.source_id, staged.c.row_version, staged.c.content_hash)
    return select(*columns, (func.length(staged.c.sealed) == 0).label("purged")).where(are(dialect))


def upsert(  # noqa: PLR0917 - what is put where
    connection: Connection,
    cipher: Cipher,
    stream: StreamKey,
    run_id: str,
    at: datetime,
    batch: int,
    rows: Sequence[Read],
) -> None:
    """Store rows, each unless a newer version is there; the driver is given what it wants, without a look at each.

    :param batch: the number of the page, see `include.ledger.settled`.
    :param rows: each record once.
    """
    dialect = connection.dialect
    stamps = _stamper(dialect)
    common = (stream.dag_id, stream.division, stream.entity, run_id, *stamps([at]), batch)
    sealed = cipher.seal_texts([whole(row.row, content) for row, content, _ in rows])
    own = (
        [row.source_id for row, _, _ in rows],
        [row.row_version for row, _, _ in rows],
        stamps([row.created for row, _, _ in rows]),
        [digest for _, _, digest in rows],
        sealed,
    )
    if dialect.name == "sqlite":
        same = (repeat(one, len(rows)) for one in common)
        connection.exec_driver_sql(_SQLITE, list(zip(*same, *own, strict=True)))
    else:
        connection.exec_driver_sql(_POSTGRESQL, (*common, *own))


def _stamper(dialect: Dialect) -> Callable[[Sequence[datetime | None]], list[Any]]:
    """Return what the type of the columns writes for times, in a quarter of its time for those that rows have."""
    write = staged.c.created.type.dialect_impl(dialect).bind_processor(dialect)
    if write is None:
        return list
    if dialect.name != "sqlite":
        return lambda times: list(map(write, times))
    return lambda times: [write(at) if at is None or at.tzinfo is not UTC else _text(at) for at in times]


def _text(at: datetime) -> str:
    """Return a time in UTC as SQLAlchemy has SQLite store it; to have it written as JSON is the quickest way."""
    # `"2026-06-25T14:14:12.403000Z"`, without the point and what follows it where there are no microseconds.
    text = _encode(at).decode()
    return f"{text[1:11]} {text[12:20]}.{text[21:-2] or '000000'}"

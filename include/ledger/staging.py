"""Rows of the feed on their way to a decision: encrypted, newest row version wins, resumable at a page."""

from __future__ import annotations

import dataclasses
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, case, func, select

from include.ledger import staged_rows
from include.ledger.forgetting import rows_of
from include.ledger.locks import serialise
from include.ledger.page_versions import versioned as with_versions
from include.ledger.settled import next_batch, unsettle
from include.ledger.tables import extracts, staged
from include.ledger.tombstones import Tombstones, without_content
from include.ledger.waiting import StagedRow, WaitingRows
from include.ledger.windows import of_stream, stream_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection
    from sqlalchemy import Row as SqlRow

    from include.ledger.crypto import Cipher
    from include.ledger.database import Database
    from include.ledger.staged_rows import Read
    from include.records import SourceRow, StreamKey

__all__ = ["PURGED", "ResumePoint", "StageResult", "StagedRow", "Staging"]

PURGED = b""
"""Stands for the content of a row whose retention is over; its hash and version stay."""


@dataclass(frozen=True, slots=True)
class StageResult:
    """What staging a page, or all pages of a run, came to."""

    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """Where a run's extract goes on: ``next`` fetches the page after ``page``."""

    next: str | None
    page: int
    done: bool


def _added(page: Mapping[str, ColumnElement[Any]]) -> dict[str, ColumnElement[Any]]:
    """Return the columns of a run's progress when a page is added to what it has read.

    :param page: the columns of the page alone.
    """
    held = extracts.c
    # A page may have no row, and so may all pages before it.
    higher = case(
        (page["highest"] > held.highest, page["highest"]), else_=func.coalesce(held.highest, page["highest"])
    )
    return {
        **{name: page[name] for name in ("next", "page", "done", "updated_at")},
        **{name: held[name] + page[name] for name in ("read", "new", "changed", "unchanged")},
        "highest": higher,
    }


# SQLAlchemy compiles an INSERT that knows of conflicts anew each time, which takes ten times as long as this does.
_ONE_MORE: Final = (
    extracts.update()
    .where(*(column == bindparam(f"of_{column.name}") for column in extracts.primary_key))
    .values(_added({column.name: bindparam(f"page_{column.name}", type_=column.type) for column in extracts.c}))
)


class Staging(WaitingRows):
    """The staged rows and the progress of every run's extract."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher
        self._tombstones = Tombstones(database, cipher)

    def stage(
        self,
        stream: StreamKey,
        run_id: str,
        rows: Sequence[SourceRow],
        *,
        resume: str | None,
        page: int,
        versioned: bool = True,
    ) -> StageResult:
        """Store one page and where to go on after it, in one transaction.

        :param resume: what fetches the following page; None: this was the last one.
        In a history lane a row that is read again at the version it has keeps the columns that it was not read with.

        :param versioned: whether the rows have Exact's row version. Those of filtered pages have none: they get one
            that is surely not above the true one, by what any lane knows of the record, and ``Modified``.
        """
        newest = _newest(rows)
        kept, ended = list(newest.values()), False
        with self._database.write() as connection:
            # Two runs that store the same records in different orders would wait for each other; and two that tell
            # versions by what is known at the same moment would give two states the same one.
            serialise(connection, rows_of(stream))
            erased = self._tombstones.rows(connection, stream, kept)
            if not versioned:
                kept, ended = with_versions(connection, self._cipher, stream, kept)
            if stream.is_history:
                kept = self._merged(connection, stream, kept)
            kept = without_content(kept, erased)
            stored = self._store(connection, stream, run_id, kept)
            if stream.is_history:
                self._seen(connection, stream, list(newest))
            result = StageResult(len(rows), *stored, len(rows) - sum(stored))
            highest = max((row.row_version for row in kept), default=None)
            progress = {"next": resume, "page": page, "done": resume is None, "highest": highest}
            self._note_progress(connection, stream, run_id, progress | asdict(result))
            if ended:
                unsettle(connection, [(stream.division, stream.entity)])
        return result

    def _store(
        self, connection: Connection, stream: StreamKey, run_id: str, rows: list[SourceRow]
    ) -> tuple[int, int]:
        """Store what is news of these records; return how many are new and how many changed."""
        known = staged_rows.known(connection, stream, [row.source_id for row in rows])
        # Made once: its hash tells what is news, and it is what is sealed.
        contents = staged_rows.contents_of([row.row for row in rows])
        read = list(zip(rows, contents, map(self._cipher.digest_text, contents), strict=True))
        put, new, changed = _news(known, read)
        if put:
            batch = next_batch(connection, stream)
            staged_rows.upsert(connection, self._cipher, stream, run_id, self._database.now(), batch, put)
        return new, changed

    def _merged(self, connection: Connection, stream: StreamKey, rows: list[SourceRow]) -> list[SourceRow]:
        """Return the rows, each with the columns that only its stored copy of the same version has.

        A lane's rows serve every later run of it, and those need columns that this run's mapping did not read.
        """
        ids = [row.source_id for row in rows]
        query = select(staged.c.source_id, staged.c.row_version, staged.c.sealed)
        dialect = connection.dialect.name
        query = query.where(staged_rows.are(dialect))
        stored = {row.source_id: row for row in connection.execute(query, staged_rows.named(dialect, stream, ids))}
        found = {row.source_id: row for row in rows}
        for row in rows:
            held = stored.get(row.source_id)
            if held is not None and held.sealed and held.row_version == row.row_version:
                whole = {**self._cipher.open(held.sealed), **row.row}
                found[row.source_id] = dataclasses.replace(row, row=whole)
        return list(found.values())

    def _seen(self, connection: Connection, stream: StreamKey, ids: list[str]) -> None:
        """Note that Exact still shows these rows, changed or not."""
        dialect = connection.dialect.name
        mine = staged_rows.named(dialect, stream, ids)
        update = staged.update().where(staged_rows.are(dialect))
        connection.execute(update, {**mine, "seen_at": self._database.now()})

    def resume_point(self, stream: StreamKey, run_id: str) -> ResumePoint | None:
        """Return where the run's extract goes on; None if it has not stored a page."""
        row = self._extract(stream, run_id)
        return None if row is None else ResumePoint(row.next, row.page, row.done)

    def highest_seen(self, stream: StreamKey, run_id: str) -> int | None:
        """Return the highest row version the run has read; None if it has read no row."""
        row = self._extract(stream, run_id)
        return None if row is None or row.highest is None else int(row.highest)

    def source_at(self, stream: StreamKey, row_version: int) -> str | None:
        """Return the id of the record that has this row version; None if none has."""
        query = select(staged.c.source_id).where(of_stream(staged, stream), staged.c.row_version == row_version)
        with self._database.read() as connection:
            return connection.execute(query.limit(1)).scalar()

    def has_rows(self, stream: StreamKey) -> bool:
        """Return whether any row of the stream was ever stored."""
        with self._database.read() as connection:
            return (
                connection.execute(select(staged.c.id).where(of_stream(staged, stream)).limit(1)).first() is not None
            )

    def totals(self, stream: StreamKey, run_id: str) -> StageResult:
        """Return the sums over all pages of the run, whichever attempt of the task staged them."""
        row = self._extract(stream, run_id)
        return StageResult() if row is None else StageResult(row.read, row.new, row.changed, row.unchanged)

    def _extract(self, stream: StreamKey, run_id: str) -> SqlRow[Any] | None:
        query = select(extracts).where(of_stream(extracts, stream), extracts.c.run_id == run_id)
        with self._database.read() as connection:
            return connection.execute(query).one_or_none()

    def _note_progress(self, connection: Connection, stream: StreamKey, run_id: str, values: dict[str, Any]) -> None:
        values["updated_at"] = self._database.now()
        mine = {**stream_values(stream), "run_id": run_id}
        page = {f"of_{name}": value for name, value in mine.items()}
        page |= {f"page_{name}": value for name, value in values.items()}
        if values["page"] > 1 and connection.execute(_ONE_MORE, page).rowcount:
            return
        insert = self._database.insert(extracts)
        added = insert.on_conflict_do_update(index_elements=[*extracts.primary_key], set_=_added(insert.excluded))
        connection.execute(added, values | mine)


def _newest(rows: Sequence[SourceRow]) -> dict[str, SourceRow]:
    """Return each record once; of those that came more than once the highest version, and of equal ones the last."""
    newest = {row.source_id: row for row in rows}
    if len(newest) == len(rows):
        return newest
    newest = {}
    for row in rows:
        held = newest.get(row.source_id)
        if held is None or row.row_version >= held.row_version:
            newest[row.source_id] = row
    return newest


def _news(known: Mapping[str, SqlRow[Any]], read: list[Read]) -> tuple[list[Read], int, int]:
    """Return the rows that are to be stored, how many of them are new, and how many changed."""
    if not known:
        return read, len(read), 0
    put, new, changed = [], 0, 0
    for row, content, digest in read:
        held = known.get(row.source_id)
        if held is None:
            new += 1
        elif _is_news(held, row, digest):
            changed += 1
        elif not _is_purged(held, row):
            continue
        # What was purged is no news when it is read again, but another destination may still need it.
        put.append((row, content, digest))
    return put, new, changed


def _is_news(held: SqlRow[Any], row: SourceRow, digest: str) -> bool:
    """Say whether a row is to be stored; the same version counts if a new mapping selected other columns."""
    if row.row_version > held.row_version:
        return True
    return bool(row.row_version == held.row_version and digest != held.content_hash)


def _is_purged(held: SqlRow[Any], row: SourceRow) -> bool:
    return bool(held.purged) and row.row_version == held.row_version

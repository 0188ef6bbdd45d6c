"""Rows of the feed on their way to a decision: encrypted, newest row version wins, resumable at a page."""

from __future__ import annotations

import dataclasses
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, select

from include.ledger import staged_rows
from include.ledger.forgetting import rows_of
from include.ledger.locks import serialise
from include.ledger.page_versions import versioned as with_versions
from include.ledger.settled import next_batch, unsettle
from include.ledger.staged_rows import content_of
from include.ledger.tables import extracts, staged
from include.ledger.tombstones import Tombstones, without_content
from include.ledger.waiting import StagedRow, WaitingRows
from include.ledger.windows import of_stream, stream_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection
    from sqlalchemy import Row as SqlRow

    from include.ledger.crypto import Cipher
    from include.ledger.database import Database
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
        newest: dict[str, SourceRow] = {}
        for row in rows:
            held = newest.get(row.source_id)
            if held is None or row.row_version >= held.row_version:
                newest[row.source_id] = row
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
        put, new, changed, digest_text = [], 0, 0, self._cipher.digest_text
        for row in rows:
            # Made once: its hash tells what is news, and it is what is sealed.
            content = content_of(row.row)
            digest = digest_text(content)
            held = known.get(row.source_id)
            if held is None:
                new += 1
            elif _is_news(held, row, digest):
                changed += 1
            elif not _is_purged(held, row):
                continue
            # What was purged is no news when it is read again, but another destination may still need it.
            put.append((row, content, digest))
        if put:
            batch = next_batch(self._database, connection, stream)
            staged_rows.upsert(connection, self._cipher, stream, run_id, self._database.now(), batch, put)
        return new, changed

    def _merged(self, connection: Connection, stream: StreamKey, rows: list[SourceRow]) -> list[SourceRow]:
        """Return the rows, each with the columns that only its stored copy of the same version has.

        A lane's rows serve every later run of it, and those need columns that this run's mapping did not read.
        """
        ids = [row.source_id for row in rows]
        query = select(staged.c.source_id, staged.c.row_version, staged.c.sealed)
        query = query.where(staged_rows.are(connection, stream, ids))
        stored = {row.source_id: row for row in connection.execute(query)}
        found = {row.source_id: row for row in rows}
        for row in rows:
            held = stored.get(row.source_id)
            if held is not None and held.sealed and held.row_version == row.row_version:
                whole = {**self._cipher.open(held.sealed), **row.row}
                found[row.source_id] = dataclasses.replace(row, row=whole)
        return list(found.values())

    def _seen(self, connection: Connection, stream: StreamKey, ids: list[str]) -> None:
        """Note that Exact still shows these rows, changed or not."""
        mine = staged_rows.are(connection, stream, ids)
        connection.execute(staged.update().where(mine).values(seen_at=self._database.now()))

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
        mine = and_(of_stream(extracts, stream), extracts.c.run_id == run_id)
        before = connection.execute(select(extracts).where(mine).with_for_update()).mappings().one_or_none()
        values["updated_at"] = self._database.now()
        if before is None:
            values |= {**stream_values(stream), "run_id": run_id}
            connection.execute(extracts.insert().values(values))
            return
        for name in ("read", "new", "changed", "unchanged"):
            values[name] += before[name]
        seen = [version for version in (values["highest"], before["highest"]) if version is not None]
        values["highest"] = max(seen, default=None)
        connection.execute(extracts.update().where(mine).values(values))


def _is_news(held: SqlRow[Any], row: SourceRow, digest: str) -> bool:
    """Say whether a row is to be stored; the same version counts if a new mapping selected other columns."""
    if row.row_version > held.row_version:
        return True
    return bool(row.row_version == held.row_version and digest != held.content_hash)


def _is_purged(held: SqlRow[Any], row: SourceRow) -> bool:
    return bool(held.purged) and row.row_version == held.row_version

"""The staged rows that wait for a decision, a chunk at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, func, literal, select, tuple_

from include.ledger.settled import NOTHING
from include.ledger.tables import staged
from include.ledger.undecided import Question

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import Row as SqlRow
    from sqlalchemy import Select

    from include.ledger.crypto import Cipher
    from include.ledger.database import Database
    from include.ledger.undecided import Which
    from include.records import Destination, Row, StreamKey

CHUNK = 960
"""Rows per chunk of `Staging.undecided`: sixteen look-ups of 60 main contacts."""


_LAST: Final = 2**63 - 1
"""Above every row's number."""


@dataclass(frozen=True, slots=True)
class StagedRow:
    """A staged row, decrypted.

    :param row: personal data, so it does not show.
    :param asked_for: whether somebody asked for the record, so that its age does not count: a window or a backfill
        has decided on it before, a replay has marked it, or it was new once.
    """

    source_id: str
    row_version: int
    created: datetime | None
    row: Row = field(repr=False)
    asked_for: bool = False


class WaitingRows:
    """Finds what a run has to decide on."""

    _database: Database
    _cipher: Cipher

    def undecided(
        self,
        stream: StreamKey,
        destination: Destination,
        job: int | None,
        *,
        chunk: int = CHUNK,
        fingerprint: str | None = None,
        window_fingerprint: str | None = None,
        company: int | None = None,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        which: Which = "live",
        look_again: bool = False,
        seen_since: datetime | None = None,
        stored_since: int | None = None,
    ) -> Iterator[list[StagedRow]]:
        """Iterate over chunks of rows whose row version was not decided yet for this destination and job.

        A record that was sent for another job is left out: a run for another position
        is for what is new, and must not have everybody apply again.

        A row whose content was purged is left out until it is read again.

        Memory stays bounded by the chunk, and the caller may decide while iterating.

        :param fingerprint: of the mapping in use; rows that were rejected or skipped under another one
            come again.
        :param window_fingerprint: of the mapping and the window: what was not new for this window stands, too.
        :param company: Personio's company, where one division feeds several.
        :param created_from: aware. A live run also takes over what a history lane left ready, if it was created from
            then on; None: whenever it was. Other rows of a live run come whatever their age.
        :param created_to: aware, exclusive.
        :param which: ``live``; ``history``: only rows created in ``[created_from, created_to)``, also those that are
            decided and wait to be sent; ``marked``: only what is marked for replay, and of the DAG's two lanes only
            the newer row.
        :param look_again: of a history lane: rejections that a corrected main contact could change come again.
        :param seen_since: aware; leave out what Exact has not shown since: it was deleted there. None: do not ask.
        :param stored_since: the batch up to which the lane is settled, see `include.ledger.settled`; None: all rows.
        """
        question = Question(
            *(stream, destination, job or 0, company, fingerprint, window_fingerprint),
            *(created_from, created_to, which, look_again),
        )
        place = (staged.c.batch, staged.c.id)
        query = select(*place, question.asked_for().label("asked_for")).where(
            tuple_(*place) > tuple_(bindparam("batch"), bindparam("after")), *question.waiting()
        )
        query = query.order_by(*place).limit(chunk)
        # Not as one more condition: of two bounds of one index SQLite takes the lower.
        after = (NOTHING if stored_since is None else stored_since, _LAST)
        while chunk_found := self._chunk(query, after):
            found, after = chunk_found
            chunk_rows = [
                StagedRow(row.source_id, row.row_version, row.created, self._cipher.open(row.sealed), asked)
                for row, asked in found
                if row.sealed and (seen_since is None or (row.seen_at is not None and row.seen_at >= seen_since))
            ]
            if chunk_rows:
                yield chunk_rows

    def forgotten_in(  # noqa: PLR0917 - the key's parts, and the window's
        self,
        stream: StreamKey,
        destination: Destination,
        job: int,
        company: int,
        created_from: datetime | None,
        created_to: datetime | None,
        *,
        fingerprint: str,
        window_fingerprint: str | None = None,
    ) -> bool:
        """Say whether a row of a window waits for a decision, but has to be read again: retention blanked it.

        :param created_from: aware; None: no start.
        :param created_to: aware, exclusive; None: no end.
        :param fingerprint: of what decides now, like ``window_fingerprint``.
        """
        question = Question(
            *(stream, destination, job, company, fingerprint, window_fingerprint, created_from, created_to, "history")
        )
        waiting = select(staged.c.id).where(*question.waiting())
        blank = select(literal(1)).where(staged.c.id.in_(waiting), func.length(staged.c.sealed) == 0).limit(1)
        with self._database.read() as connection:
            return connection.execute(blank).first() is not None

    def _chunk(
        self, query: Select[Any], after: tuple[int, int]
    ) -> tuple[list[tuple[SqlRow[Any], bool]], tuple[int, int]] | None:
        """Return the next rows in the order of their storing, and where the ones after them begin."""
        with self._database.read() as connection:
            # Two steps: the first runs on the indexes alone, the second opens the rows it needs.
            places = connection.execute(query, {"batch": after[0], "after": after[1]}).all()
            if not places:
                return None
            asked = {row.id: bool(row.asked_for) for row in places}
            columns = (
                staged.c.id,
                staged.c.source_id,
                staged.c.row_version,
                staged.c.created,
                staged.c.sealed,
                staged.c.seen_at,
            )
            rows = {row.id: row for row in connection.execute(select(*columns).where(staged.c.id.in_(asked)))}
        last = places[-1]
        return [(rows[number], asked[number]) for number in asked], (last.batch, last.id)

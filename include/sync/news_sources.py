"""New accounts and contacts, by Exact's sync feed."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.ledger.news import Cursor
from include.records import StreamKey
from include.sync.extract import source_rows
from include.sync.moving import move_dates
from include.sync.news import Reading, source_key
from include.sync.plan import FEED_START, first_start, newest_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from include.clients.exact import ExactClient
    from include.records import Entity, SourceRow

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FeedMark:
    """Where a sync feed was left.

    :param after: the highest row version seen.
    :param witness: id of the record that had it. While the feed still shows it there, the row versions are the
        same ones; asking for it costs no call of its own.
    :param moved: when Exact moved the division to another database, which makes all row versions anew.
    """

    after: int
    witness: str = ""
    moved: str = ""

    @classmethod
    def parse(cls, text: str) -> FeedMark:
        """Read what :meth:`__str__` wrote."""
        after, witness, moved = text.split(" ")
        return cls(int(after), witness, moved)

    def __str__(self) -> str:
        return f"{self.after} {self.witness} {self.moved}"


class ExactNews:
    """New accounts or contacts of one division, by the sync feed; only ID, Created and Timestamp are read.

    .. seealso:: https://start.exactonline.nl/docs/HlpRestAPIResourcesDetails.aspx?name=SyncCRMContacts

    :param client: of the division.
    :param entity: ``Accounts`` or ``Contacts``.
    :param zone: of the site: ``Created`` is its local wall clock.
    :param consumer: who is told; each consumer has a cursor of its own.
    """

    def __init__(self, client: ExactClient, entity: Entity, zone: ZoneInfo, consumer: str) -> None:
        self._client = client
        self._entity: Entity = entity
        self._zone = zone
        self.key = exact_key(consumer, client.config.division, entity)

    def readings(self, cursor: Cursor | None, *, start_from: str, now: datetime) -> Iterator[Reading]:  # noqa: ARG002
        """Yield the feed page by page from the cursor; one call if nothing changed.

        :raises ConfigurationError: ``start_from`` is none of the three.
        :raises ProtocolError: a row came without ID or Timestamp.
        """
        if cursor is None:
            start = first_start(start_from, self._zone, lambda: newest_of(self._client, self._entity))
            mark, created_from = FeedMark(start.after, moved=self._moved()), start.created_from
            # Durable before the first read: should it fail, the next run starts at the same place.
            yield Reading((), Cursor(str(mark), created_from))
        else:
            mark, created_from = FeedMark.parse(cursor.value), cursor.created_from
        # One row version early: the witness comes along.
        for number, rows in enumerate(self._pages(max(mark.after - 1, FEED_START))):
            if number == 0 and (again := self._restart(mark, rows)) is not None:
                yield Reading((), Cursor(str(again), created_from))
                for later in self._pages(again.after):
                    again = _moved_on(again, later)
                    yield Reading(_created_since(later, created_from), Cursor(str(again), created_from))
                return
            fresh = [row for row in rows if (row.row_version, row.source_id) != (mark.after, mark.witness)]
            if fresh:
                mark = _moved_on(mark, fresh)
                yield Reading(_created_since(fresh, created_from), Cursor(str(mark), created_from))

    def position(self, cursor: Cursor | None) -> str | None:
        """Return the row version."""
        return cursor.value.split(" ")[0] if cursor else None

    def _pages(self, after: int) -> Iterator[list[SourceRow]]:
        stream = StreamKey(self.key, self._client.config.division, self._entity)
        for page in self._client.sync_pages(self._entity, after=after, select=("ID", "Created", "Timestamp")):
            yield source_rows(page, stream, self._zone)

    def _restart(self, mark: FeedMark, rows: list[SourceRow]) -> FeedMark | None:
        """Return the mark to begin anew from if Exact made new row versions, else None."""
        if mark.after <= FEED_START:
            return None
        witness = next((row.source_id for row in rows if row.row_version == mark.after), None)
        if witness is not None and mark.witness in ("", witness):
            return None
        # The witness was changed or deleted, or the division was moved: only now it is worth a call.
        moved = self._moved()
        if moved and moved == mark.moved:
            return None
        log.warning("Exact made new row versions (division moved): the feed is read again; known ids stay known.")
        return FeedMark(FEED_START, moved=moved)

    def _moved(self) -> str:
        """Return the division's dates of being moved, empty if the login may not see them.

        Then a missing witness means reading everything again, which is safe.
        """
        dates = move_dates(self._client)
        return "" if dates is None else (dates or "never").replace(" ", "_")


def exact_key(consumer: str, division: int, entity: Entity) -> str:
    """Return the name in the ledger of what a consumer is told of a division's entity."""
    return source_key(consumer, division, entity)


def _created_since(rows: list[SourceRow], created_from: datetime | None) -> list[tuple[str, datetime | None]]:
    return list(
        {
            row.source_id: (row.source_id, row.created)
            for row in rows
            if created_from is None or row.created is None or row.created >= created_from
        }.values()
    )


def _moved_on(mark: FeedMark, rows: list[SourceRow]) -> FeedMark:
    newest = max(rows, key=lambda row: row.row_version, default=None)
    if newest is None or newest.row_version < mark.after:
        return mark
    return FeedMark(newest.row_version, newest.source_id, mark.moved)

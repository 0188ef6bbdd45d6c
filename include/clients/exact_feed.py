"""Exact Online: the sync feed and the log of deletions, by row version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from include.clients.exact_paging import row_version, rows_of, select_list
from include.clients.exact_reading import ExactReading

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from include.records import Entity, Page, Row

BEFORE_EVERYTHING: Final = 1
"""The row version to start with: Exact's reference says "filter on timestamp greater than 1"."""

DELETED_AS: Final[dict[Entity, int]] = {"Accounts": 2, "Contacts": 5}
"""Exact's ``EntityType`` in the log of deletions."""

_HIGHEST: Final = 2**63 - 1


class ExactFeed(ExactReading):
    """Reads what changed since a row version."""

    def divisions(self) -> list[Row]:
        """Return the divisions that the login may use, with ``DivisionMoveDate``.

        When that date changes, Exact has made new Timestamps: everything has to be read again.
        """
        columns = ("Code", "Description", "DivisionMoveDate", "DivisionHRLinkUnlinkDate", "Status")
        return [row for page in self.pages("system/Divisions", select=columns) for row in page.rows]

    def sync_pages(
        self, entity: Entity, *, after: int, select: Sequence[str], resume: str | None = None, first: int = 1
    ) -> Iterator[Page]:
        """Yield the rows changed after a row version, up to 1,000 a page, oldest change first.

        A row that is touched while the feed is read comes again: the highest ``Timestamp`` wins.

        :param after: row version, exclusive.
        :param select: columns; ``Timestamp`` and ``ID`` are always added.
        :param resume: ``Page.next`` of the last page that was kept.
        :param first: number of the first page yielded.
        """
        options = {
            "$filter": f"Timestamp gt {int(after)}L",
            "$select": select_list(select, "Timestamp", "ID"),
        }
        return self._pages(f"sync/CRM/{entity}", options, resume, first)

    def deleted_pages(self, *, after: int, resume: str | None = None, first: int = 1) -> Iterator[Page]:
        """Yield Exact's log of deletions; it holds two months and has Timestamps of its own.

        :param after: row version of this log, exclusive.
        :param resume: ``Page.next`` of the last page that was kept.
        :param first: number of the first page yielded.
        """
        columns = ("Timestamp", "EntityKey", "EntityType", "DeletedDate")
        options = {"$filter": f"Timestamp gt {int(after)}L", "$select": select_list(columns)}
        return self._pages("sync/Deleted", options, resume, first)

    def newest_timestamp(self, entity: Entity) -> int:
        """Return the highest row version there is, in few calls, or 1 if there is no row.

        Exact hands it out for no CRM entity. The search leaps ahead in growing steps until a page is the last
        one or empty, then halves the rest. The result was seen in a row, so starting after it loses nothing.
        """
        newest, more = self._probe(entity, BEFORE_EVERYTHING)
        if newest is None:
            return BEFORE_EVERYTHING
        step, ceiling = max(newest - BEFORE_EVERYTHING, 1), _HIGHEST
        while more and newest < ceiling:
            if ceiling == _HIGHEST:
                middle = min(newest + step, _HIGHEST - 1)
                step *= 2
            else:
                middle = (newest + ceiling) // 2
            found, more_after = self._probe(entity, middle)
            if found is None:
                ceiling = middle  # nothing lies above it
            else:
                newest, more = max(newest, found), more_after
        return newest

    def _probe(self, entity: Entity, after: int) -> tuple[int | None, bool]:
        endpoint = f"sync/CRM/{entity}"
        options = {"$filter": f"Timestamp gt {after}L", "$select": "Timestamp"}
        reply = self._calls.call("GET", self._url(endpoint, options), endpoint)
        rows, link = rows_of(reply.json, endpoint)
        return max((row_version(row) for row in rows), default=None), link is not None

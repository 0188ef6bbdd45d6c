"""Finding what was never read: by halves, so that the calls grow with what is lost and hardly with what there is."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from include.ledger.reading_ranges import Range
from include.reconcile.intervals import near_change, within
from include.records import RecordFilter
from include.sync.pages import condition, created_at, endpoint

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from include.clients.exact import ExactClient
    from include.ledger import Ledger
    from include.ledger.reading_ranges import Feed

MOST_CALLS: Final = 40
"""Calls that looking for unread records of one feed may take."""

FEW: Final = 120
"""So many records are listed instead of being halved once more: two pages."""

_PAGE: Final = 60
_DAY: Final = timedelta(days=1)
_SHORTEST: Final = timedelta(minutes=1)


class Search:
    """Looks for the records of a feed that were never read.

    :param ledger: the open ledger.
    :param feed: whose rows were read.
    :param client: of the division.
    :param zone: of the site.
    :param deleted: when the records were created that Exact has deleted, in order.
    :param count: how many records of an interval Exact has.
    """

    def __init__(  # noqa: PLR0917 - what is compared, and how
        self,
        ledger: Ledger,
        feed: Feed,
        client: ExactClient,
        zone: ZoneInfo,
        deleted: list[datetime],
        count: Callable[[Range], int],
    ) -> None:
        self._ledger = ledger
        self._feed = feed
        self._client = client
        self._zone = zone
        self._deleted = deleted
        self._count = count
        self._left = MOST_CALLS
        self.found: dict[str, datetime | None] = {}
        self.bounds: list[Range] = []
        """Intervals in which something is unread, as narrow as they were found."""

    def find(self, one: Range, counted: int) -> None:
        """Look through an interval that holds something unread.

        :param counted: how many records Exact has in it.
        """
        middle = self._middle(one)
        if counted <= FEW or middle is None:
            self._list(one, counted)
            return
        if self._left < 1:
            self.bounds.append(one)
            return
        self._left -= 1
        lower, upper = Range(one.start, middle), Range(middle, one.end)
        below = self._count(lower)
        for half, number in ((lower, below), (upper, counted - below)):
            if number > self._read(half):
                self.find(half, number)

    def _middle(self, one: Range) -> datetime | None:
        """Return where to halve: at what was read, so that no half is empty; None: it cannot be halved any more."""
        middle = self._ledger.ranges.middle(self._feed, one)
        while middle is not None and near_change(middle, self._zone):
            middle -= _DAY
        inside = middle is not None and (one.start is None or one.start + _SHORTEST < middle) and middle < one.end
        return middle if inside else None

    def _read(self, one: Range) -> int:
        return self._ledger.ranges.count(self._feed, one) - within(self._deleted, one)

    def _list(self, one: Range, counted: int) -> None:
        calls = max(-(-counted // _PAGE), 1)
        if calls > self._left:
            self.bounds.append(one)
            return
        self._left -= calls
        meant = condition(one.start, one.end, RecordFilter(), self._feed.entity, self._zone)
        for page in self._client.pages(endpoint(self._feed.entity), select=("ID", "Created"), filter=meant):
            there = {str(row["ID"]).lower(): created_at(row, self._zone) for row in page.rows}
            known = {source_id for source_id, _ in self._ledger.ranges.known(self._feed, sorted(there))}
            unread = {source_id: created for source_id, created in there.items() if source_id not in known}
            self.found |= unread
            self.bounds += [Range(created, created + _SHORTEST) for created in unread.values() if created is not None]


def first_day(bounds: list[Range]) -> str:
    """Return the day on which the first of some intervals begins, empty if that is the beginning."""
    starts = [one.start for one in bounds]
    known = [start for start in starts if start is not None]
    return (
        (min(known) - timedelta(days=1)).date().isoformat() if known and len(known) == len(starts) else "1990-01-01"
    )


def last_day(bounds: list[Range]) -> str:
    """Return a day after the last of some intervals."""
    return (max(one.end for one in bounds) + timedelta(days=1)).date().isoformat() if bounds else ""

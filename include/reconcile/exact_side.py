"""Exact's side: whatever exists there in the intervals that were read was read. Counted first, then looked for."""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from include.clients.exact import DELETED_AS
from include.errors import AbortError, ConfigurationError
from include.reconcile.balance import trigger
from include.reconcile.findings import GONE, UNREAD, Finding, Part, still_open
from include.reconcile.intervals import quietened, within
from include.reconcile.unread import Search, first_day, last_day
from include.records import RecordFilter
from include.sync.pages import condition, endpoint
from include.sync.progress import Progress

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from include.clients.exact import ExactClient
    from include.ledger import Ledger
    from include.ledger.reading_ranges import Feed, Range
    from include.records import Entity

log = logging.getLogger(__name__)

MOST_RANGES: Final = 12
"""Intervals that are compared per feed; months that were backfilled one after the other are one."""


@dataclass(frozen=True, slots=True)
class Site:
    """One division of Exact.

    :param zone: of its site: dates are local wall clocks.
    """

    client: ExactClient
    zone: ZoneInfo


class ExactSide:
    """Compares feeds of Exact with the rows that were read; a log of deletions and a count are read once.

    :param ledger: the open ledger.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._deleted: dict[tuple[int, Entity], list[str]] = {}
        self._counted: dict[tuple[int, str, str], int] = {}

    def prove(self, feed: Feed, site: Site | None) -> Part:
        """Return what holds for a feed.

        In ``counts``: ``ranges`` with ``from``, ``to``, ``counted`` at Exact, ``read``, ``deleted`` of these, and
        ``unread``: how many more Exact has than were read and not deleted.

        :param site: None: no connection leads to the division.
        :raises RetryLaterError: a limit or an outage.
        """
        part = Part("feed", str(feed), {"dag": feed.dag, "division": feed.division, "entity": feed.entity})
        try:
            if site is None:
                raise ConfigurationError(
                    f"No connection leads to division {feed.division} at Exact.",
                    reason_code="exact.division.other",
                    way_out="Name its connection with --conn-id, or in the DAG's form.",
                )
            self._compare(feed, site, part)
        except AbortError as error:
            part.cannot(f"Nothing is proven of what Exact has: {error.what}", error)
        return part

    def _compare(self, feed: Feed, site: Site, part: Part) -> None:
        ranges = [quiet for one in self._ledger.ranges.of(feed) if (quiet := quietened(one, site.zone)) is not None]
        deleted = self._deletions(feed, site) if ranges else []
        part.counts = {"ranges": [], "unread": 0, "gone": 0, "ranges_left_out": max(len(ranges) - MOST_RANGES, 0)}
        search = Search(self._ledger, feed, site.client, site.zone, deleted, lambda one: self._count(feed, site, one))
        for one in ranges[-MOST_RANGES:]:
            counted, read, gone = (
                self._count(feed, site, one),
                self._ledger.ranges.count(feed, one),
                within(deleted, one),
            )
            gap = counted - (read - gone)
            row = {"from": one.start.isoformat() if one.start else None, "to": one.end.isoformat()}
            part.counts["ranges"].append({**row, "counted": counted, "read": read, "deleted": gone, "unread": gap})
            if gap > 0:
                part.counts["unread"] += gap
                search.find(one, counted)
            else:
                part.counts["gone"] -= gap
        if ranges:
            # Only now: whoever was refused halfway has not looked.
            part.checked.append(UNREAD)
        self._tell(feed, part, search)

    def _tell(self, feed: Feed, part: Part, search: Search) -> None:
        accepted = self._ledger.reconciliations.accepted(UNREAD, part.name)
        count, ids, taken = still_open(part.counts["unread"], sorted(search.found), accepted)
        part.counts["accepted"] = taken
        if count:
            days = {"created_from": first_day(search.bounds), "created_to": last_day(search.bounds)}
            part.findings.append(
                Finding(
                    UNREAD,
                    "difference",
                    count,
                    ids,
                    f"{count} {feed.entity.lower()} exist at Exact and were never read"
                    + ("." if len(search.found) >= count else f"; {len(search.found)} of them could be named."),
                    f"Read them: {trigger(feed.dag, division=feed.division, **days)}",
                )
            )
        if part.counts["gone"]:
            part.findings.append(
                Finding(
                    GONE,
                    "information",
                    part.counts["gone"],
                    (),
                    f"{part.counts['gone']} {feed.entity.lower()} that were read are not at Exact any more, and its "
                    "log of deletions, which holds two months, does not name them: as many unread ones could hide "
                    "behind them.",
                    "Nothing, if they were deleted there long ago.",
                )
            )

    def _count(self, feed: Feed, site: Site, one: Range) -> int:
        """Return how many records of an interval Exact has; two DAGs of one feed ask once."""
        meant = condition(one.start, one.end, RecordFilter(), feed.entity, site.zone)
        key = (feed.division, feed.entity, meant)
        if key not in self._counted:
            self._counted[key] = site.client.count(endpoint(feed.entity), meant)
        return self._counted[key]

    def _deletions(self, feed: Feed, site: Site) -> list[datetime]:
        """Return when the records were created that this feed has and Exact has deleted, in order."""
        key = (feed.division, feed.entity)
        if key not in self._deleted:
            found: dict[Entity, list[str]] = defaultdict(list)
            progress = Progress("deletions of Exact read")
            kinds = {number: entity for entity, number in DELETED_AS.items()}
            for page in site.client.deleted_pages(after=1):
                for row in page.rows:
                    entity = kinds.get(int(row.get("EntityType") or 0))
                    if entity is not None:
                        found[entity].append(str(row["EntityKey"]).lower())
                progress.add(len(page.rows))
            self._deleted |= {(feed.division, entity): sorted(set(found[entity])) for entity in DELETED_AS}
        known = self._ledger.ranges.known(feed, self._deleted[key])
        return sorted(created for _, created in known if created is not None)

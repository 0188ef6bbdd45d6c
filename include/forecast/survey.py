"""What Exact holds of the windows: all of it where that takes few calls, else counts and a sample of each part.

An unsorted list of Exact comes in the order of its ids, which are random. The first pages of a part are therefore a
fair sample of it; a part is a stretch of time, so that years with many records and years with few are all heard.
"""

from __future__ import annotations

import dataclasses
import logging
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Final

from include.clients.exact_feed import BEFORE_EVERYTHING
from include.forecast.spans import Span, found_in
from include.ledger.staging import StagedRow
from include.sync.filters import matches
from include.sync.pages import EVERYTHING, condition, created_at, endpoint
from include.sync.planning_lane import lane_columns
from include.sync.reading import PAGE_ROWS, Lane, choose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from include.clients.exact import ExactClient
    from include.records import Entity, RecordFilter, Row
    from include.transform import Mapping

log = logging.getLogger(__name__)

PARTS: Final = 10
"""About so many stretches of time a sample is taken from; each costs a call to count it."""
WORTH: Final = 2
"""Certainty is worth so many times the calls of a sample."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A row that was read, and for how many it stands."""

    row: StagedRow = field(repr=False)
    span: int
    weight: float


@dataclass
class Survey:
    """What was found.

    :param counted: per window: how many records Exact counts, estimated where it was sampled.
    :param heard: the rows that the run's filter means.
    :param complete: whether every record was read.
    :param how: in one sentence, for people.
    """

    counted: list[float]
    heard: list[Heard] = field(default_factory=list)
    complete: bool = True
    how: str = ""


@dataclass(frozen=True)
class Surveyor:
    """Looks at the windows at Exact, in as few calls as it can.

    :param mapping: names the columns that are needed.
    :param where: which records are meant.
    :param zone: the site's time zone.
    :param spans: the windows, in order, without gaps.
    :param sample: rows to try the mapping on where reading all of them costs more.
    """

    client: ExactClient
    mapping: Mapping
    where: RecordFilter
    zone: ZoneInfo
    spans: Sequence[Span]
    sample: int

    @property
    def entity(self) -> Entity:
        """Whose rows."""
        return self.mapping.entity

    @property
    def whole(self) -> Span:
        """From the first window's start to the last one's end."""
        return Span(self.spans[0].start, self.spans[-1].end)

    def look(self) -> Survey:
        """Return what there is; the counts come first, for they decide how it is read."""
        choice = choose(Lane(), lambda: self.count(self.whole), lambda: self.total)
        sampled = PARTS + -(-self.sample // PAGE_ROWS)
        if choice.reading == "nothing":
            return Survey([0.0] * len(self.spans), how="Exact counts no record.")
        if choice.calls > WORTH * sampled:
            return self._sampled(choice.records or 0)
        if choice.reading == "feed":
            return self._all(self._feed(), f"All {self.total} records of the feed were read.")
        return self._all(self._pages(self.whole), f"All {choice.records} records were read.")

    @cached_property
    def total(self) -> int:
        """How many records there are altogether; costs a call, once."""
        return self.client.count(endpoint(self.entity), EVERYTHING)

    def count(self, span: Span) -> int:
        """Return how many records of a stretch of time Exact counts."""
        return self.client.count(endpoint(self.entity), self._filter(span))

    def _filter(self, span: Span) -> str:
        return condition(span.start, span.end, self.where, self.entity, self.zone)

    def _all(self, rows: Iterable[Row], how: str) -> Survey:
        counts: Counter[int] = Counter()
        found, seen = Survey([], how=how), set[str]()
        asked = asked_of_exact(self.where, self.entity)
        for row in rows:
            number = found_in(self.spans, created_at(row, self.zone))
            # A row that somebody changes while the feed is read comes twice.
            if number is None or str(row["ID"]) in seen or not matches(asked, row, self.zone):
                continue
            seen.add(str(row["ID"]))
            counts[number] += 1
            if matches(self.where, row, self.zone):
                found.heard.append(Heard(staged(row, self.zone), number, 1.0))
        found.counted = [float(counts[number]) for number in range(len(self.spans))]
        return found

    def _sampled(self, records: int) -> Survey:
        parts = self._parts()
        sizes = [self.count(part) for part in parts]
        found = Survey([0.0] * len(self.spans), complete=False)
        for part, size in zip(parts, sizes, strict=True):
            if size:
                pages = max(round(self.sample * size / sum(sizes) / PAGE_ROWS), 1)
                self._hear(part, size, list(islice(self._pages(part), pages * PAGE_ROWS)), found)
        found.how = f"{len(found.heard)} of {records} records were read, a sample of {len(parts)} stretches of time."
        return found

    def _hear(self, part: Span, size: int, rows: Sequence[Row], found: Survey) -> None:
        """Let the rows of one part stand for all of it."""
        weight = size / max(len(rows), 1)
        for row in rows:
            number = found_in([part], created_at(row, self.zone))
            number = None if number is None else found_in(self.spans, created_at(row, self.zone))
            if number is None:
                continue
            found.counted[number] += weight
            if matches(self.where, row, self.zone):
                found.heard.append(Heard(staged(row, self.zone), number, weight))

    def _parts(self) -> list[Span]:
        """Return stretches of time: groups of windows, or pieces of the only one."""
        if len(self.spans) >= PARTS:
            edges = [len(self.spans) * part // PARTS for part in range(PARTS + 1)]
            return [Span(self.spans[first].start, self.spans[last - 1].end) for first, last in pairwise(edges)]
        pieces = max(round(PARTS / len(self.spans)), 1)
        return [piece for span in self.spans for piece in _pieces(span, pieces, self._oldest)]

    def _oldest(self) -> datetime | None:
        first = self.client.pages(
            endpoint(self.entity), select=("ID", "Created"), filter=self._filter(self.whole), orderby="Created", top=1
        )
        return next((created_at(row, self.zone) for page in first for row in page.rows), None)

    def _pages(self, span: Span) -> Iterator[Row]:
        for page in self.client.pages(endpoint(self.entity), select=self.columns, filter=self._filter(span)):
            yield from page.rows

    def _feed(self) -> Iterator[Row]:
        for page in self.client.sync_pages(self.entity, after=BEFORE_EVERYTHING, select=self.columns):
            yield from page.rows

    @property
    def columns(self) -> tuple[str, ...]:
        """What is read of every row, the same as a run of the history lane reads."""
        return lane_columns(self.mapping.select, self.entity)


def asked_of_exact(where: RecordFilter, entity: Entity) -> RecordFilter:
    """Return the part of a filter by which Exact counts; the rest is compared here, see `include.sync.filters`."""
    if entity == "Accounts":
        return where
    return dataclasses.replace(where, country=(), only_main_contacts=False, account_role="")


def _pieces(span: Span, count: int, oldest: Callable[[], datetime | None]) -> list[Span]:
    start = span.start or oldest()
    if start is None or span.end is None:
        return [span]
    step = (span.end - start) / count
    edges = [span.start, *(start + step * number for number in range(1, count)), span.end]
    return [Span(first, last) for first, last in pairwise(edges)]


def staged(row: Row, zone: ZoneInfo) -> StagedRow:
    """Return a row of Exact as the mapping takes it."""
    return StagedRow(str(row["ID"]).lower(), 1, created_at(row, zone), row)

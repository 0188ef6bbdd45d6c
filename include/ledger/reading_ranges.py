"""Which intervals of `Created` a DAG has read as a whole, and how many records of them it has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, or_, select

from include.ledger.balances import first_in
from include.ledger.tables import extracts, staged, watermarks, windows
from include.ledger.undecided import created_within
from include.ledger.window_terms import filter_in, read_terms
from include.records import HISTORY, RecordFilter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Select

    from include.ledger.database import Database
    from include.records import Entity

CLOCKS_APART: Final = timedelta(minutes=10)
"""What was created so shortly before a run began to read may have come with the next one: clocks differ."""

SLICE: Final = 500


@dataclass(frozen=True, slots=True)
class Feed:
    """What one DAG reads, in both of its lanes."""

    dag: str
    division: int
    entity: Entity

    def __str__(self) -> str:
        return f"{self.dag}/{self.division}/{self.entity}"

    @property
    def lanes(self) -> tuple[str, str]:
        """The names of its lanes, the live one first."""
        return self.dag, f"{self.dag}{HISTORY}"


@dataclass(frozen=True, slots=True)
class Range:
    """A half-open interval of `Created`.

    :param start: aware; None: since the beginning.
    :param end: aware, exclusive.
    """

    start: datetime | None
    end: datetime


class ReadingRanges:
    """Questions about what was read; nothing here writes.

    :param database: the ledger's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, feed: Feed) -> list[Range]:
        """Return the intervals that the DAG has read as a whole, apart from each other, the oldest first."""
        return merged([*self._live(feed), *self._history(feed)])

    def count(self, feed: Feed, within: Range) -> int:
        """Return how many records of an interval were read, each once."""
        total = 0
        for number in range(len(feed.lanes)):
            where = first_in(feed.division, feed.entity, feed.lanes, number)
            query = select(func.count()).select_from(staged).where(*where, *created_within(within.start, within.end))
            with self._database.read() as connection:
                total += int(connection.execute(query).scalar_one())
        return total

    def middle(self, feed: Feed, within: Range) -> datetime | None:
        """Return the moment before which about half of an interval's records were created; None: there are none.

        Of the lane that has more of them: for halving, about is enough.
        """
        found: list[tuple[int, datetime]] = []
        for lane in feed.lanes:
            here = first_in(feed.division, feed.entity, (lane,), 0) + created_within(within.start, within.end)
            with self._database.read() as connection:
                count = int(connection.execute(select(func.count()).select_from(staged).where(*here)).scalar_one())
                half = select(staged.c.created).where(*here).order_by(staged.c.created).offset(count // 2).limit(1)
                if count:
                    found.append((count, connection.execute(half).scalar_one()))
        return max(found)[1] if found else None

    def known(self, feed: Feed, ids: Sequence[str]) -> Iterator[tuple[str, datetime | None]]:
        """Yield those of some records that were read, each once, with when they were created.

        :param ids: at Exact, lower case.
        """
        query = select(staged.c.source_id, func.min(staged.c.created).label("created")).where(
            *(staged.c.dag_id.in_(feed.lanes), staged.c.division == feed.division, staged.c.entity == feed.entity)
        )
        for start in range(0, len(ids), SLICE):
            some = query.where(staged.c.source_id.in_(ids[start : start + SLICE])).group_by(staged.c.source_id)
            with self._database.read() as connection:
                rows = connection.execute(some).all()
            for row in rows:
                yield row.source_id, row.created

    def _live(self, feed: Feed) -> list[Range]:
        mark = select(watermarks.c.run_id, watermarks.c.created_from).where(
            watermarks.c.dag_id == feed.dag,
            watermarks.c.division == feed.division,
            watermarks.c.entity == feed.entity,
        )
        with self._database.read() as connection:
            row = connection.execute(mark).one_or_none()
            if row is None:
                return []
            done = self._pinned(feed.dag, feed).where(windows.c.run_id == row.run_id)
            began = connection.execute(done).one_or_none()
        if began is None:
            return []
        # Whoever commits has read to the end of the feed, and began to when its window was pinned.
        return _range(row.created_from, began.pinned_at - CLOCKS_APART)

    def _history(self, feed: Feed) -> list[Range]:
        lane = f"{feed.dag}{HISTORY}"
        query = self._pinned(lane, feed).where(windows.c.mode.in_(("window", "backfill")))
        found: list[Range] = []
        with self._database.read() as connection:
            for row in connection.execute(query):
                if filter_in(read_terms(row.terms)) == RecordFilter():
                    end = row.pinned_at - CLOCKS_APART
                    found += _range(row.created_from, end if row.created_to is None else min(row.created_to, end))
        return found

    def _pinned(self, lane: str, feed: Feed) -> Select[Any]:
        """Return the query for the windows of a lane that were read to their end, or found to hold nothing."""
        read = (
            (extracts.c.dag_id == windows.c.dag_id)
            & (extracts.c.division == windows.c.division)
            & (extracts.c.entity == windows.c.entity)
            & (extracts.c.run_id == windows.c.run_id)
        )
        # What is noted of a lane itself looks like a window that reads nothing, but has no end.
        empty = (windows.c.reading == "nothing") & windows.c.created_to.is_not(None)
        names = ("created_from", "created_to", "terms", "pinned_at")
        return (
            select(*(windows.c[name] for name in names))
            .outerjoin(extracts, read)
            .where(windows.c.dag_id == lane, windows.c.division == feed.division, windows.c.entity == feed.entity)
            .where(or_(extracts.c.done, empty))
        )


def merged(ranges: Sequence[Range]) -> list[Range]:
    """Return the same intervals with those joined that touch or overlap."""
    found: list[Range] = []
    for one in sorted(ranges, key=lambda each: (each.start is not None, each.start or each.end, each.end)):
        last = found[-1] if found else None
        if last is not None and (one.start is None or one.start <= last.end):
            found[-1] = Range(last.start, max(last.end, one.end))
        else:
            found.append(one)
    return found


def _range(start: datetime | None, end: datetime) -> list[Range]:
    return [Range(start, end)] if start is None or start < end else []

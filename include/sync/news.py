"""News: records that were not there before, handed out at least once.

A source is read from where it was left, and what it finds waits in the ledger. A batch of what waits is handed
out under a name; until that batch is confirmed, the same name gets the same ids again, so whoever is killed in
between repeats and never loses. The ids are what a receiver dedupes by.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from include.ledger import Ledger
    from include.ledger.news import Cursor

log = logging.getLogger(__name__)

BATCH = 1000
"""Most ids in one batch: it travels through XCom and asset events."""
_LONGEST_KEY = 250  # what the ledger's column takes


@dataclass(frozen=True, slots=True)
class Reading:
    """What a source found, and where it stands once this is kept.

    :param records: id and, where it is known, time of creation.
    :param cursor: committed together with the records.
    :param news: False: known from now on, but nobody is told, because they were there before the start.
    """

    records: Sequence[tuple[str, datetime | None]]
    cursor: Cursor
    news: bool = True


class NewsSource(Protocol):
    """Something new records come from; its name in the ledger is ``key``."""

    key: str

    def readings(self, cursor: Cursor | None, *, start_from: str, now: datetime) -> Iterator[Reading]:
        """Yield what was found since the cursor, in the order in which it has to be kept.

        :param cursor: where the source was left; None on its first run.
        :param start_from: for the first run: ``now``, ``beginning`` or a date ``YYYY-MM-DD``.
        :param now: aware; taken before the first call, so that nothing read later is behind the cursor.
        """
        ...

    def position(self, cursor: Cursor | None) -> str | None:
        """Return the cursor in words for people: a row version or a time; None if there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Polled:
    """What one look at a source came to.

    :param new: records found by this look.
    :param waiting: records that nobody was told of yet.
    :param start: where the look began; None on a source's first run.
    :param reached: where it ended.
    """

    new: int
    waiting: int
    start: str | None = None
    reached: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as it goes to XCom."""
        return {"new": self.new, "waiting": self.waiting, "from": self.start, "to": self.reached}


def poll(ledger: Ledger, source: NewsSource, *, start_from: str, now: datetime) -> Polled:
    """Read a source once and keep what is new; ids and the cursor are committed together.

    :param ledger: the open ledger.
    :param source: what is read.
    :param start_from: for the first run: ``now``, ``beginning`` or a date ``YYYY-MM-DD``.
    :param now: aware, taken before this call.
    :raises ConfigurationError: ``start_from`` is none of these.
    """
    first = cursor = ledger.news.cursor(source.key)
    new = 0
    for reading in source.readings(cursor, start_from=start_from, now=now):
        added = ledger.news.add(source.key, reading.records, reading.cursor, expected=cursor, news=reading.news)
        if added is None:
            log.info("%s is being read by somebody else at the same time; what they find is not lost.", source.key)
            break
        new += added if reading.news else 0
        cursor = reading.cursor
    waiting = ledger.news.waiting(source.key)
    log.info("%s: %s new, %s waiting.", source.key, new, waiting)
    return Polled(new, waiting, source.position(first), source.position(cursor))


def hand_out(
    ledger: Ledger, source: str, batch: str, *, limit: int = BATCH, take_over: bool = False
) -> dict[str, Any] | None:
    """Claim what waits under the batch's name; None if nothing does.

    :param source: the source's key.
    :param batch: the same name gets the same ids until it is confirmed.
    :param limit: most ids; the rest waits for the next batch. Never more than 1,000.
    :param take_over: also take what others claimed and never confirmed.
    :return: ``source``, ``batch``, ``count`` and ``ids``: no personal data.
    """
    ids = ledger.news.claim(source, batch, limit=max(1, min(limit, BATCH)), take_over=take_over)
    return {"source": source, "batch": batch, "count": len(ids), "ids": ids} if ids else None


def source_key(*parts: object) -> str:
    """Join the parts of a source's name; a name too long for the ledger ends in its hash.

    :param parts: who asks, and for what.
    """
    name = "/".join(str(part) for part in parts)
    if len(name) <= _LONGEST_KEY:
        return name
    return f"{name[: _LONGEST_KEY - 33]}#{hashlib.sha256(name.encode()).hexdigest()[:32]}"

"""The cheapest way to read a window: filtered pages of 60, or the feed of 1,000 and filtering here.

Pages cost for every window again. The feed is read once as a whole, and from then on every window of the lane
costs one call. So pages are taken as long as the lane has not spent on them what the whole feed costs: however many
windows follow, it then costs at most twice what it would have, had they been known before.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.records import Reading

PAGE_ROWS: Final = 60
FEED_ROWS: Final = 1000


@dataclass(frozen=True, slots=True)
class Lane:
    """What is known of a history lane before a window is read.

    :param place: whether its place in the feed can be read on from: every window then costs one call.
    :param spent: calls for pages since the lane last read the whole feed.
    :param total: records there are altogether, as counted before; None: not known.
    :param busy: whether another run reads the whole feed at this moment.
    :param asks_moves: whether reading the whole feed takes a call more, for the date of the division's last move.
    """

    place: bool = False
    spent: int = 0
    total: int | None = None
    busy: bool = False
    asks_moves: bool = False

    def then(self, choice: Choice) -> Lane:
        """Return the lane as the next window finds it, when this choice has been carried out."""
        if choice.reading == "feed":
            return dataclasses.replace(self, place=True, spent=0)
        total = self.total if choice.total is None else choice.total
        return dataclasses.replace(self, spent=self.spent + choice.calls, total=total)


@dataclass(frozen=True, slots=True)
class Choice:
    """How a window is read, what that costs, and why.

    :param reading: ``feed``, ``pages`` or ``nothing``.
    :param calls: calls that reading takes; what changes meanwhile comes on top.
    :param instead: calls of the other way; None: it was not worth a call to find out.
    :param records: in the window, as counted; None: not counted.
    :param reason: one sentence for people.
    :param counted: calls that counting took.
    :param total: records there are altogether; None: not counted.
    """

    reading: Reading
    calls: int
    instead: int | None
    records: int | None
    reason: str
    counted: int = 0
    total: int | None = None


def page_calls(records: int) -> int:
    """Return how many calls filtered pages take."""
    return -(-records // PAGE_ROWS)


def feed_calls(records: int) -> int:
    """Return how many calls the whole feed takes; an empty one is asked as well."""
    return max(-(-records // FEED_ROWS), 1)


def choose(lane: Lane, count: Callable[[], int], count_all: Callable[[], int]) -> Choice:
    """Return the cheapest way to read a window.

    :param lane: what is known before.
    :param count: counts the window's records at Exact; called at most once, and not if the lane has a place.
    :param count_all: counts all records at Exact; called at most once, and only when it can change the choice.
    """
    if lane.place:
        reason = "This lane has read the whole feed before and only asks what changed since: one call."
        return Choice("feed", 1, None, None, reason)
    records = count()
    if records == 0:
        return Choice("nothing", 0, None, 0, "Exact counts no record in it.", 1)
    pages = page_calls(records)
    if lane.busy:
        reason = f"Another run reads the whole feed right now; this one takes {_pages(records)}."
        return Choice("pages", pages, None, records, reason, 1)
    rent, least = lane.spent + pages, feed_calls(max(records, lane.total or 0))
    # Counting everything is a call too: it has to be able to save more than itself.
    if lane.total is None and rent - least <= 1:
        reason = f"{_pages(records)}; the whole feed cannot take so much less that it pays to count it."
        return Choice("pages", pages, None, records, reason, 1)
    counted = 1 if lane.total is not None else 2
    total = lane.total if lane.total is not None else count_all()
    whole = feed_calls(max(total, records))
    if rent > whole:
        return Choice("feed", whole, pages, records, _for_feed(lane, records, whole), counted, total)
    reason = f"{_pages(records)}; the whole feed of {total} records would take {_calls(whole)}."
    return Choice("pages", pages, whole, records, reason, counted, total)


def _for_feed(lane: Lane, records: int, whole: int) -> str:
    spent = f", after {_calls(lane.spent)} for pages of other windows" if lane.spent else ""
    return f"The whole feed takes {_calls(whole)}, less than {_pages(records)}{spent}."


def _pages(records: int) -> str:
    return f"{records} records in {_calls(page_calls(records))} of {PAGE_ROWS}"


def _calls(number: int) -> str:
    return "1 call" if number == 1 else f"{number} calls"

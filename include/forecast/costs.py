"""What the runs would cost: the calls of each window, as the planner would decide on it, one after the other."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from include.sync.main_contacts import PER_CALL
from include.sync.reading import choose

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from include.forecast.spans import Span
    from include.forecast.survey import Survey
    from include.forecast.tally import Tally
    from include.records import Destination
    from include.sync.reading import Lane

EMPLOYEES_PER_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class WindowCost:
    """One run.

    :param records: in the window, as Exact counts them.
    :param to_send: of them.
    :param reading: ``pages``, ``feed`` or ``nothing``.
    :param why: one sentence of the planner's.
    :param exact: kind of call -> how many.
    :param personio: kind of call -> how many.
    """

    span: Span
    records: int
    to_send: int
    reading: str
    why: str
    exact: Counter[str] = field(default_factory=Counter)
    personio: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Target:
    """Where the records go, as far as it decides on the calls.

    :param employees: how many there are, for matches; None: not known.
    :param max_records: a run makes at most so many; None: all.
    """

    destination: Destination
    employees: int | None = None
    max_records: int | None = None


def simulate(  # noqa: PLR0917 - what was found, and what is asked of it
    spans: Sequence[Span], survey: Survey, tally: Tally, lane: Lane, target: Target, count_all: Callable[[], int]
) -> list[WindowCost]:
    """Return what each window would cost if they were run in order.

    :param lane: what the history lane has read before.
    :param count_all: tells how many records there are; called only if the planner would ask it, too.
    """
    found = []
    for number, span in enumerate(spans):
        records = round(survey.counted[number])
        choice = choose(lane, partial(int, records), count_all)
        moves = int(choice.reading == "feed" and lane.asks_moves and not lane.place)
        lane = lane.then(choice)
        to_send, part = bounded(tally.to_send[number], target.max_records)
        exact = Counter({"count": choice.counted, choice.reading: choice.calls, "moves": moves})
        exact["look_up"] = -(-round(tally.looked_up[number] * part) // PER_CALL)
        files = round(tally.files[number] * part)
        personio = personio_calls(target, to_send, files)
        found.append(WindowCost(span, records, to_send, choice.reading, choice.reason, +exact, +personio))
    if target.destination == "employee" and found:
        # Whether a refused employee is there already is looked up by the address.
        found[-1].personio["look_up"] += tally.same_address or 0
    return found


def personio_calls(target: Target, to_send: int, files: int) -> Counter[str]:
    """Return the calls of one run's load.

    :param to_send: records.
    :param files: to be uploaded before them.
    """
    if not to_send:
        return Counter()
    if target.destination == "application":
        return Counter({"create": to_send, "upload": files})
    if target.destination == "employee":
        return Counter({"login": 1, "create": to_send})
    pages = None if target.employees is None else -(-target.employees // EMPLOYEES_PER_PAGE)
    # As the matching decides: a total first, if there is more than one; then all pages, if that is less.
    asked = 1 if to_send > 1 else 0
    return Counter({"login": 1, "total": asked, "look_up": to_send if pages is None else min(pages or 1, to_send)})


def bounded(to_send: float, most: int | None) -> tuple[int, float]:
    """Return how many a run sends, and what share of its work that is."""
    if most is None or to_send <= most:
        return round(to_send), 1.0
    return most, most / to_send

"""How much of each limit of a connection is left, as the ledger knows it, and what that means for its calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from include.clients.personio_limits import WINDOWS, limit_of
from include.ledger.budget import ERRORS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from include.clients.personio_limits import PersonioConfig
    from include.ledger import Ledger
    from include.ledger.vitals import Paced, Spent

Standing = Literal["free", "tight", "used_up", "blocked"]

EXACT_WINDOWS: Final = ("minute", "day")
PER_MINUTE: Final = 60
"""Of Exact, unless the connection says less."""
_TIGHT: Final = 0.1
_NEARLY: Final = 6
"""So many errors of nine are no accident any more."""


@dataclass(frozen=True, slots=True)
class Left:
    """One limit of a service.

    :param window: of Exact ``minute`` or ``day``, of Personio which of its interfaces.
    :param division: at Exact, None at Personio.
    :param used: calls of this window that were made from here; other apps may have made more.
    :param slots: how many a window holds; None: nobody has said.
    :param left: how many are left; None: nobody knows.
    :param standing: what that means.
    :param until: when it is counted anew, or a block is over; None: there is neither.
    """

    window: str
    division: int | None
    used: int
    slots: int | None
    left: int | None
    standing: Standing
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ErrorsLeft:
    """What is left of the errors that Exact forgives at one endpoint within an hour.

    :param division: None where a URL has none.
    :param less_at: when there will be one less.
    """

    division: int | None
    endpoint: str
    count: int
    standing: Standing
    less_at: datetime


def exact_left(ledger: Ledger, divisions: Iterable[int], *, per_minute: int, per_day: int | None) -> list[Left]:
    """Return what is left of Exact's limits, by division.

    :param ledger: the open ledger.
    :param divisions: that the connection names.
    :param per_minute: the most calls of a minute.
    :param per_day: of a day, where the connection says it; Exact's own count is known only after a call.
    """
    paced = {one.bucket: one for one in ledger.vitals.paced()}
    slots = {"minute": per_minute, "day": per_day}
    return [
        _left(paced.get(f"exact:{division}:{window}"), window, division, slots[window])
        for division in divisions
        for window in EXACT_WINDOWS
    ]


def personio_left(ledger: Ledger, config: PersonioConfig) -> list[Left]:
    """Return what is left of Personio's limits: its published ones less the calls that were made.

    :param ledger: the open ledger.
    :param config: which company.
    """
    paced = {one.bucket: one for one in ledger.vitals.paced()}
    limits = {window: limit_of(config, window) for window in WINDOWS}
    return [_left(paced.get(limit.name), window, None, limit.slots) for window, limit in limits.items()]


def errors_left(ledger: Ledger, scopes: Mapping[str, int | None]) -> list[ErrorsLeft]:
    """Return the endpoints of which Exact refused something within the last hour, the worst first.

    :param ledger: the open ledger.
    :param scopes: budgets of the connection, each with its division.
    """
    found: Sequence[Spent] = ledger.vitals.spent(tuple(scopes))
    return [
        ErrorsLeft(scopes[one.scope], one.endpoint, one.count, _forgiven(one.count), one.less_at) for one in found
    ]


def _left(paced: Paced | None, window: str, division: int | None, slots: int | None) -> Left:
    if paced is None:
        return Left(window, division, 0, slots, slots, "free")
    # What the service said counts more than what was counted here: others use the same limit.
    left = paced.remaining
    if left is None and slots is not None:
        left = max(slots - paced.used, 0)
    standing: Standing = "free"
    if paced.blocked:
        standing, left = "blocked", 0
    elif left == 0:
        standing = "used_up"
    elif left is not None and left <= (slots or paced.used + left) * _TIGHT:
        standing = "tight"
    return Left(window, division, paced.used, slots, left, standing, paced.until)


def _forgiven(count: int) -> Standing:
    if count >= ERRORS_PER_HOUR:
        return "used_up"
    return "tight" if count >= _NEARLY else "free"

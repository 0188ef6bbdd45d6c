"""Small charts: the geometry of bars, a day each; the template draws them as SVG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

DAYS: Final = 14
"""How far back the charts look."""
STEP: Final = 10
"""From the start of one bar to the next."""
HEIGHT: Final = 24
_LEAST: Final = 2
"""So high is the bar of one record among thousands: it is to be seen."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One day."""

    day: date
    value: int
    x: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """One series on a scale of its own.

    :param name: of the series, as in the counts.
    :param total: of all days.
    :param most: of one day.
    """

    name: str
    bars: tuple[Bar, ...]
    total: int
    most: int

    @property
    def width(self) -> int:
        """Of the whole drawing."""
        return len(self.bars) * STEP


def chart(name: str, days: Mapping[date, Mapping[str, int]]) -> Chart:
    """Return the chart of one series.

    :param name: of the series.
    :param days: counts by day, the oldest first.
    """
    values = [counts.get(name, 0) for counts in days.values()]
    most = max(values, default=0)
    bars = tuple(_bar(day, place, value, most) for place, (day, value) in enumerate(zip(days, values, strict=True)))
    return Chart(name, bars, sum(values), most)


def charts(names: Sequence[str], days: Mapping[date, Mapping[str, int]]) -> list[Chart]:
    """Return a chart for each series."""
    return [chart(name, days) for name in names]


def _bar(day: date, place: int, value: int, most: int) -> Bar:
    height = max(round(HEIGHT * value / most, 1), _LEAST) if value else 0
    return Bar(day, value, place * STEP, HEIGHT - height, height)

"""What is left of the services' limits, as gauges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from include.clients.personio_limits import WINDOWS, PersonioConfig, limit_of
from include.limits_left import PER_MINUTE
from include.metrics.quotas import quotas

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from include.ledger import Ledger
    from include.metrics.samples import Sample

LOW: Final = 0.1
"""So small a part that is left is little."""

_EXACT_DAY: Final = 5_000
_ORDER: Final = {"day": 0, "minute": 1, "recruiting": 2, "employees": 3}


@dataclass(frozen=True, slots=True)
class Quota:
    """One limit.

    :param owner: division or company; empty: not known.
    :param window: ``day``, ``minute``, or Personio's name of the limit.
    :param used: calls made from here.
    :param left: calls left; None: nobody knows, since nothing was asked lately.
    :param limit: of the whole window, as it usually is; None: not known.
    """

    service: str
    owner: str
    window: str
    used: int
    left: int | None
    limit: int | None

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left."""
        return self.left == 0

    @property
    def is_low(self) -> bool:
        """Whether little is left."""
        return self.left is not None and self.limit is not None and self.left <= self.limit * LOW


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """Errors of an hour at one endpoint of Exact."""

    division: str
    endpoint: str
    count: int


def limits_of(ledger: Ledger, divisions: Collection[int] | None) -> tuple[list[Quota], list[ErrorCount]]:
    """Return the limits and the errors that count against one.

    :param divisions: whose limits at Exact may be known; None: all.
    """
    used, left, errors = (gauge.samples for gauge in quotas(ledger))
    known = {_place(sample): int(sample.value) for sample in left}
    found = [
        Quota(*place, round(sample.value), known.get(place), _limit(place, round(sample.value), known.get(place)))
        for sample in used
        if _may_know((place := _place(sample))[0], place[1], divisions)
    ]
    found.sort(key=lambda quota: (quota.service, quota.owner, _ORDER.get(quota.window, len(_ORDER)), quota.window))
    return found, list(_errors(errors, divisions))


def _errors(samples: tuple[Sample, ...], divisions: Collection[int] | None) -> Iterator[ErrorCount]:
    for sample in samples:
        division = sample.labels["division"]
        if not division or _may_know("exact", division, divisions):
            yield ErrorCount(division, sample.labels["endpoint"], int(sample.value))


def _place(sample: Sample) -> tuple[str, str, str]:
    return sample.labels["service"], sample.labels["owner"], sample.labels["window"]


def _may_know(service: str, owner: str, divisions: Collection[int] | None) -> bool:
    return divisions is None or service != "exact" or (owner.isdigit() and int(owner) in divisions)


def _limit(place: tuple[str, str, str], used: int, left: int | None) -> int | None:
    service, _, window = place
    if service == "personio":
        return limit_of(PersonioConfig(), window).slots if window in WINDOWS else None
    if window == "minute":
        return PER_MINUTE
    # Of the day's, Exact tells what is left; a contract may have more, and other apps use it too.
    return None if left is None else max(_EXACT_DAY, left + used)

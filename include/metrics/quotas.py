"""What is left of the services' limits, as far as the ledger knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from include.clients.personio_limits import WINDOWS, PersonioConfig, limit_of
from include.metrics.samples import Gauge, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.ledger import Ledger
    from include.ledger.vitals import Paced

_WINDOW: Final = ("service", "owner", "window")


def quotas(ledger: Ledger) -> Iterator[Gauge]:
    """Yield the gauges of calls and errors.

    Of Exact what its headers said, for as long as their window lasts: other apps use the same limit, so that nobody
    else knows. Of Personio, which says nothing, its published limit less the calls that were made.

    :param ledger: the open ledger.
    """
    left: dict[tuple[str, str, str], float] = {}
    used: dict[tuple[str, str, str], float] = {}
    for one in ledger.vitals.paced():
        parts = _parts(one.bucket)
        # Clients without a company id share their labels: their calls add up, and the one with the least left counts.
        used[parts] = used.get(parts, 0) + one.used
        remaining = _left(one, parts[0], parts[2])
        if remaining is not None:
            left[parts] = min(left.get(parts, remaining), remaining)
    yield Gauge("calls_used", "Calls of this window that were made from here.", _WINDOW, _samples(used))
    yield Gauge("quota_left", "Calls left of this window.", _WINDOW, _samples(left))
    errors = [
        Sample({"division": str(one.division or ""), "endpoint": one.endpoint}, one.count)
        for one in ledger.vitals.errors()
    ]
    doc = "Errors of the last hour that Exact counts; at 10 it blocks the key, at 9 nothing is sent."
    yield Gauge("error_budget_used", doc, ("division", "endpoint"), tuple(errors))


def _samples(figures: dict[tuple[str, str, str], float]) -> tuple[Sample, ...]:
    return tuple(Sample(dict(zip(_WINDOW, parts, strict=True)), figure) for parts, figure in figures.items())


def _parts(bucket: str) -> tuple[str, str, str]:
    """Split a pacer's name: ``exact:124132:day`` or ``personio:4242:recruiting``."""
    service, _, rest = bucket.partition(":")
    owner, _, window = rest.rpartition(":")
    # Without a company id, Personio's limits are kept under a client id, which is nobody's business here.
    return service, owner if owner.isdigit() else "", window


def _left(one: Paced, service: str, window: str) -> float | None:
    if one.blocked:
        return 0.0
    if service == "personio" and window in WINDOWS:
        return max(limit_of(PersonioConfig(), window).slots - one.used, 0)
    return one.remaining

"""What a run came to, beside what was foretold of it and what it could have cost at the least."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, Any, Final, cast

from include.ledger.run_results import FORECAST
from include.records import StreamKey

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.ledger.run_results import RunResult
    from include.ledger.windows import PinnedWindow
    from include.records import Destination, Entity

FEED_PAGE: Final = 1000
"""Rows that a call of Exact's feed brings."""
ARRIVED: Final = ("created", "already_there", "matched", "unmatched")
MOST_FORECASTS: Final = 50
"""Forecasts that are looked through for the one that was made of a run."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure that was foretold, and what came.

    :param name: ``to_send``, ``rejected``, ``skipped_by_rule``, ``exact``, ``personio`` or ``minutes``.
    """

    name: str
    foretold: float
    came: float

    @property
    def off(self) -> float:
        """By how much more came than was foretold."""
        return self.came - self.foretold


def fewest(result: RunResult, pinned: PinnedWindow | None) -> dict[str, int]:
    """Return service -> the fewest calls that the same work takes; a service is left out where nobody can tell.

    :param result: of the run.
    :param pinned: its window.
    """
    known = {}
    if pinned is not None and pinned.window.reading == "nothing":
        known["exact"] = 0
    elif pinned is not None and isinstance(planned := pinned.counted.get("calls"), int):
        known["exact"] = planned
    elif "read" in result.counts and pinned is not None and pinned.window.reading == "feed":
        known["exact"] = max(1, ceil(result.counts["read"] / FEED_PAGE))
    if result.destination in {"application", "employee"} and result.mode not in {FORECAST, "preview"}:
        known["personio"] = sum(result.counts.get(name, 0) for name in ("created", "already_there"))
    return known


def took(result: RunResult) -> timedelta | None:
    """Return how long a run took from its plan to its commit; None: it has not come so far."""
    if result.started_at is None or result.ended_at is None or result.mode == FORECAST:
        return None
    return result.ended_at - result.started_at


def forecast_of(ledger: Ledger, result: RunResult, pinned: PinnedWindow | None) -> RunResult | None:
    """Return the newest forecast that was made of a run before it began; None: there is none.

    A forecast is a run of its own that does nothing else, so the two are found by what they are of: the same window,
    or, of live runs, the first one after the forecast.

    :param pinned: the run's window.
    """
    if result.forecast is not None or pinned is None or result.started_at is None:
        return result if result.forecast is not None else None
    stream = StreamKey(result.dag_id, result.division, cast("Entity", result.entity))
    made = ledger.run_results.forecasts(stream, cast("Destination", result.destination), MOST_FORECASTS)
    before = [one for one in made if one.ended_at is not None and one.ended_at <= result.started_at]
    return next((one for one in before if _meant(one, pinned)), None)


def _meant(forecast: RunResult, pinned: PinnedWindow) -> bool:
    asked = (forecast.forecast or {}).get("asked", {})
    live = asked.get("mode") == "live"
    if live or pinned.window.mode == "live":
        # Whatever ran before has read what this forecast was of.
        return live and pinned.window.mode == "live" and (forecast.forecast or {}).get("runs") == 1
    start, end = (_time(asked.get(name)) for name in ("created_from", "created_to"))
    return start == pinned.window.created_from and end in {None, pinned.window.created_to}


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def compared(forecast: dict[str, Any], result: RunResult) -> list[Compared]:
    """Return the figures of a forecast beside those of a run.

    :param forecast: as it was kept.
    :param result: of the run that was meant.
    """
    counts, told = result.counts, forecast["records"]
    sent = ("ready",) if result.mode == "preview" else (*ARRIVED, "pending")
    found = [
        Compared("to_send", told["to_send"], sum(counts.get(name, 0) for name in sent)),
        *(Compared(name, told[name], counts.get(name, 0)) for name in ("rejected", "skipped_by_rule")),
        *(
            Compared(service, forecast["calls"][service]["total"], result.calls.get(service, 0))
            for service in ("exact", "personio")
            if service in forecast["calls"]
        ),
    ]
    length = took(result)
    if length is not None:
        found.append(Compared("minutes", forecast["minutes"]["total"], round(length / timedelta(minutes=1), 2)))
    return found

"""What a reconciliation costs in calls, told before any is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.clients.personio_recruiting import PER_PAGE
from include.ledger.remote_matches import CONFIRMED
from include.reconcile.exact_side import MOST_RANGES
from include.reconcile.personio_side import LOOKED_UP
from include.reconcile.unread import MOST_CALLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.ledger import Ledger
    from include.ledger.reading_ranges import Feed
    from include.reconcile.streams import Stream


@dataclass(frozen=True, slots=True)
class Cost:
    """Calls of one step.

    :param least: so many at least.
    :param how: what decides on the number.
    """

    service: str
    what: str
    least: int
    how: str

    def line(self) -> str:
        """Return it for a person."""
        return f"{self.what}: at least {self.least} calls at {self.service}. {self.how}"

    def as_json(self) -> dict[str, Any]:
        """Return it for the report."""
        return {"service": self.service, "what": self.what, "least": self.least, "how": self.how}


def personio_costs(streams: Sequence[Stream]) -> list[Cost]:
    """Return what it costs to compare with Personio's lists."""
    said: dict[tuple[str, int], int] = {}
    for stream in streams:
        key = (stream.target.destination, stream.target.company)
        said[key] = said.get(key, 0) + sum(stream.states.get(state, 0) for state in CONFIRMED)
    found = []
    for (destination, company), count in sorted(said.items()):
        of = f" of company {company}" if company else ""
        if destination == "application":
            how = f"{PER_PAGE} applications a call, of all that there are at Personio, which nobody tells beforehand"
            found.append(Cost("Personio", f"Applications{of}", 1 + -(-count // PER_PAGE), f"{how}; {_one_by_one()}"))
        elif destination == "employee":
            how = "A hundred employees a call, of all that there are"
            found.append(Cost("Personio", f"Employees{of}", 1 + -(-count // 100), f"{how}; {_one_by_one()}"))
    return found


def exact_costs(ledger: Ledger, feeds: Sequence[Feed]) -> list[Cost]:
    """Return what it costs to compare with Exact's counts."""
    found = []
    for feed in feeds:
        ranges = min(len(ledger.ranges.of(feed)), MOST_RANGES)
        if ranges:
            how = (
                f"One count for each of {ranges} intervals, and the division's log of deletions, 1,000 a call; "
                f"up to {MOST_CALLS} more only if something was never read."
            )
            found.append(Cost("Exact", f"{feed.entity} of {feed.dag}, division {feed.division}", ranges + 1, how))
    return found


def _one_by_one() -> str:
    return f"up to {LOOKED_UP} more per stream only if something is missing."

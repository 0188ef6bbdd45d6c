"""What answers say beside their bodies: the service's clock, and how many calls are left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.clients.clock import skew

if TYPE_CHECKING:
    from datetime import timedelta

    import httpx


@dataclass(frozen=True, slots=True)
class Quota:
    """Calls left in one of the service's windows."""

    remaining: int
    limit: int


class Witness:
    """Reads the headers of every answer of one service, so that no check spends a call on them."""

    def __init__(self) -> None:
        self._skews: list[timedelta] = []
        self._quotas: dict[str, Quota] = {}

    def attach(self, http: httpx.Client) -> None:
        """Listen to a client's answers.

        :param http: the client that the checks use.
        """
        http.event_hooks = {"request": [], "response": [self._see]}

    @property
    def skew(self) -> timedelta | None:
        """How far the service's clock is ahead of ours; None while no answer was dated.

        The smallest of all, because a slow answer looks like a late clock.
        """
        return min(self._skews, key=abs, default=None)

    def quota(self, window: str) -> Quota | None:
        """Return the last count of a window.

        :param window: ``minute`` or ``day``.
        """
        return self._quotas.get(window)

    def _see(self, answer: httpx.Response) -> None:
        ahead = skew(answer.headers)
        self._skews += [] if ahead is None else [ahead]
        for window, infix in (("minute", "Minutely-"), ("day", "")):
            counts = [answer.headers.get(f"X-RateLimit-{infix}{name}", "") for name in ("Remaining", "Limit")]
            if all(count.isdecimal() for count in counts):
                self._quotas[window] = Quota(int(counts[0]), int(counts[1]))

"""What may happen to a stage in the middle: its process is killed, or something else is done meanwhile."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from include.ledger import Ledger
    from include.ledger.claims import Claim
    from include.sync.delivery import Delivery, Found, Sent

KILLS = {
    "plan": ("windows.pin",),
    "extract": ("staging.stage",),
    "decide": ("deliveries.decide",),
    "load": ("deliveries.claim", "deliveries.settle"),
    "commit": ("watermarks.advance",),
}
"""What of the ledger a stage writes with: a kill is before or after one of these."""


class Killed(BaseException):
    """Raised where a process is killed: nothing but a test catches it."""


class HeldUp:
    """A destination during whose first request something else happens."""

    def __init__(self, delivery: Delivery, meanwhile: Callable[[], None]) -> None:
        self._delivery = delivery
        self._meanwhile: Callable[[], None] | None = meanwhile

    def send(self, claim: Claim, hold: Callable[[], None]) -> Sent:
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return self._delivery.send(claim, hold)

    def find(self, claim: Claim) -> Found | None:
        return self._delivery.find(claim)


@contextmanager
def killed(ledger: Ledger, point: str, calls: int, *, kept: bool) -> Iterator[None]:
    """Kill the process at a call of the ledger: before it is carried out, or right after.

    :param point: one of `KILLS`.
    :param calls: how many are carried out unharmed before.
    """
    store, _, name = point.partition(".")
    owner, left = getattr(ledger, store), [calls]
    real = getattr(owner, name)

    def call(*args: Any, **more: Any) -> Any:
        left[0] -= 1
        if left[0] == -1 and not kept:
            raise Killed
        result = real(*args, **more)
        if left[0] == -1:
            raise Killed
        return result

    setattr(owner, name, call)
    try:
        yield
    except Killed:
        pass
    finally:
        delattr(owner, name)

"""What can go wrong with a request, by name: how it is done to both services, and how it is made good again."""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from fault_gate import impatient
from fault_world import settings
from include.sandbox.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from fault_world import World

    Strike = Callable[[World, str, httpx.Request], None]

TEN_MINUTES = timedelta(minutes=10)
LATE = 3 * 0.05
"""Seconds after which a service begins to work that a client waits for no more."""
A_WHILE = 30.0


def answering(action: Any, **more: Any) -> Strike:
    """Return a fault with which the service does something to its answer."""

    def strike(world: World, kind: str, _request: httpx.Request) -> None:
        world.sandbox.sandbox.faults.add(Fault(action, match=kind, **more))

    return strike


def silent(action: Any, **more: Any) -> Strike:
    """Return a fault with which the service does not answer in time."""
    server = answering(action, **more)

    def strike(world: World, kind: str, request: httpx.Request) -> None:
        server(world, kind, request)
        impatient(request)
        log = world.sandbox.sandbox.log
        before = len(log.entries())

        def settled() -> None:
            """Wait until the service is where the fault leaves it: how fast this machine is shall not matter."""
            until = time.monotonic() + A_WHILE
            while len(log.entries()) == before:
                assert time.monotonic() < until, f"{kind} did not even reach the service"
                time.sleep(0.001)

        world.gate.given_up = settled

    return strike


def refused(world: World, _kind: str, request: httpx.Request) -> None:
    world.gate.refuse(request)


def limited(world: World, kind: str, request: httpx.Request) -> None:
    """Answer 429 and say until when."""
    answering("status", status=429, headers=_reset(world, "Minutely-", 60) | {"Retry-After": "7"})(
        world, kind, request
    )


def day_over(world: World, kind: str, request: httpx.Request) -> None:
    """Answer that the day's calls are used up."""
    answering("status", status=429, headers=_reset(world, "", 86_400))(world, kind, request)


def _reset(world: World, infix: str, window: int) -> dict[str, str]:
    now = world.clock.now().timestamp()
    ends = round((math.floor(now / window) + 1) * window * 1000)
    return {f"X-RateLimit-{infix}Remaining": "0", f"X-RateLimit-{infix}Reset": str(ends)}


def reordered(world: World, kind: str, request: httpx.Request) -> None:
    """List in another order from now on."""
    answering("reverse_rows")(world, kind, request)
    world.sandbox.sandbox.settings.personio.employees_order = "desc"


def revoked(world: World, kind: str, request: httpx.Request) -> None:
    """End all tokens of the service that is asked; the static one of recruiting is exchanged."""
    if "recruiting/applications" in kind and " v1/" in kind:
        world.sandbox.sandbox.settings.personio.recruiting_token = "another"
    answering("revoke_tokens")(world, kind, request)


def wrong_clock(by: timedelta) -> Strike:
    """Return a fault that sets the services' clock."""

    def strike(world: World, _kind: str, _request: httpx.Request) -> None:
        world.clock.wrong_by = by

    return strike


def moved(world: World, _kind: str, _request: httpx.Request) -> None:
    sandbox = world.sandbox.sandbox
    with sandbox.lock:
        sandbox.exact.move_division(world.division)


def without_rights(world: World, kind: str, _request: httpx.Request) -> None:
    """Take away what the request needs."""
    known, endpoint = world.sandbox.sandbox.settings, kind.partition(" ")[2]
    if endpoint == "oauth2/token":
        known.exact.client_secret = "another"
    elif not endpoint.startswith(("v1/", "v2/")):
        known.exact.missing_scopes = [endpoint.removesuffix("/$count")]
    elif "auth" in endpoint:
        known.personio.client_secret = "another"
    elif endpoint.startswith("v1/recruiting"):
        known.personio.recruiting_enabled = False
    else:
        known.personio.v1_scopes, known.personio.v2_scopes = [], []


def full(world: World, _kind: str, _request: httpx.Request) -> None:
    """Leave no room for the count of this call, nor for what is made of its answer."""
    world.disk.full = 2


def locked(world: World, _kind: str, _request: httpx.Request) -> None:
    world.disk.locked = 2


FAULTS: dict[str, Strike] = {
    "connection refused": refused,
    "reset before": answering("drop_before"),
    "reset after": answering("drop_after"),
    "time-out before": silent("hang"),
    "time-out after": silent("hang", committed=True),
    "time-out, done later": silent("delay", seconds=LATE),
    "429": answering("status", status=429),
    "429 with headers": limited,
    "429 of the day": day_over,
    "500": answering("status", status=500),
    "502 after": answering("status", status=502, committed=True),
    "503": answering("status", status=503),
    "HTML": answering("html", status=200, committed=True),
    "HTML with 503": answering("html", status=503),
    "empty": answering("empty", status=200, committed=True),
    "cut JSON": answering("cut_json"),
    "wrong type": answering("wrong_type"),
    "row twice": answering("duplicate_rows"),
    "page twice": answering("double_page"),
    "__next repeated": answering("repeat_page"),
    "order changed": reordered,
    "token expired": answering("expire_tokens"),
    "token revoked": revoked,
    "clock ahead": wrong_clock(TEN_MINUTES),
    "clock behind": wrong_clock(-TEN_MINUTES),
    "division moved": moved,
    "rights withdrawn": without_rights,
    "ledger full": full,
    "ledger locked": locked,
}
"""In the order of the table in the documentation."""

LASTING = frozenset({"token revoked", "clock ahead", "clock behind", "division moved", "rights withdrawn"})
"""What stays as it is by itself, until somebody makes it good."""


@dataclass
class Trouble:
    """One fault, and which requests it befalls.

    :param name: of the fault.
    :param kind: shell pattern over the kinds of requests.
    :param after: how many of them pass unharmed before.
    :param times: how many it befalls; None: all from then on.
    """

    name: str
    kind: str
    after: int = 0
    times: int | None = 1
    seen: int = 0
    hits: int = 0

    def strikes(self, kind: str) -> bool:
        if not fnmatchcase(kind, self.kind):
            return False
        self.seen += 1
        if self.seen <= self.after or (self.times is not None and self.hits >= self.times):
            return False
        self.hits += 1
        return True


class Troubles:
    """The troubles in force.

    :param world: whose requests they befall.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.plan: list[Trouble] = []

    def put(self, *troubles: Trouble) -> None:
        self.plan = list(troubles)
        self.world.gate.meets = self._meets

    def lift(self) -> None:
        """Make everything good that needs no person at Exact's login."""
        self.plan = []
        world = self.world
        world.disk.heal()
        world.clock.wrong_by = timedelta(0)
        sandbox = world.sandbox.sandbox
        sandbox.faults.clear()
        usual, now = settings(), sandbox.settings
        for group in ("exact", "personio"):
            for item in dataclasses.fields(getattr(usual, group)):
                setattr(getattr(now, group), item.name, getattr(getattr(usual, group), item.name))

    def _meets(self, kind: str, request: httpx.Request) -> None:
        # What is left was meant for a request that never came.
        self.world.sandbox.sandbox.faults.clear()
        for trouble in self.plan:
            if trouble.strikes(kind):
                FAULTS[trouble.name](self.world, kind, request)

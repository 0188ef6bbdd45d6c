"""Reconciliation, from the cheapest proof to the dearest: the ledger by itself, then Personio, then Exact."""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, get_args

from include.errors import ConfigurationError
from include.reconcile.balance import balance, ledger_part
from include.reconcile.costs import exact_costs, personio_costs
from include.reconcile.exact_side import ExactSide
from include.reconcile.findings import Unproven, verdict_of
from include.reconcile.personio_side import Channel, PersonioSide
from include.reconcile.streams import feeds_of, streams_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from include.clients.personio import PersonioClient
    from include.ledger import Ledger
    from include.reconcile.costs import Cost
    from include.reconcile.exact_side import Site
    from include.reconcile.findings import Part
    from include.reconcile.streams import Stream
    from include.records import Destination

log = logging.getLogger(__name__)

Depth = Literal["ledger", "personio", "exact"]
DEPTHS: Final[tuple[Depth, ...]] = get_args(Depth)
VERSION: Final = 1
"""Of the report's shape: fields are added to it, never renamed or removed within a version."""

AT_PERSONIO: Final = ("application", "employee")


class Services(Protocol):
    """How a reconciliation gets at the services; asked only for what its depth needs."""

    def personio(self, company: int) -> PersonioClient | None:
        """Return the client of a company; None: no connection leads to it."""

    def exact(self, division: int) -> Site | None:
        """Return a division of Exact; None: no connection leads to it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be proven.

    :param run: name under which it is kept, ``DAG/run``.
    :param depth: how far: ``ledger``, ``personio`` or ``exact``, each with those before it.
    :param division: only this company at Exact; None: all.
    :param channel: recruiting channel that nobody else applies through; empty: what is ours at Personio cannot be
        told from what is not.
    """

    run: str
    depth: Depth = "personio"
    division: int | None = None
    channel: str = ""


def checked_depth(text: str) -> Depth:
    """Return a depth.

    :raises ConfigurationError: there is no such depth.
    """
    for depth in DEPTHS:
        if depth == text.strip().lower():
            return depth
    raise ConfigurationError(
        f"{text!r} is no depth of a reconciliation.",
        reason_code="reconcile.depth.unknown",
        way_out=f"Choose one of: {', '.join(DEPTHS)}.",
    )


def checked_channel(text: str | int | None) -> str:
    """Return the id of a recruiting channel, empty if there is none.

    :raises ConfigurationError: it is no number.
    """
    channel = str(text or "").strip()
    if channel and not channel.isdecimal():
        raise ConfigurationError(
            "The recruiting channel is no number.",
            reason_code="reconcile.channel.malformed",
            way_out="Personio shows the ids under Settings > Recruiting > Channels; leave it empty if there is none.",
        )
    return channel


def costs(ledger: Ledger, asked: Asked) -> list[Cost]:
    """Return what it will cost; nothing is called."""
    found: list[Cost] = []
    if asked.depth != "ledger":
        found += personio_costs(streams_of(ledger, asked.division))
    if asked.depth == "exact":
        found += exact_costs(ledger, feeds_of(ledger, asked.division))
    return found


def reconcile(
    ledger: Ledger, services: Services, asked: Asked, tell: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Compare, keep what was found, and return the report.

    :param services: called only as far as the depth says.
    :param tell: hears what it will cost, a line per step, before the first call.
    :raises RetryLaterError: a limit or an outage; nothing was kept, and it can be done again.
    """
    began = ledger.balances.now()
    foreseen = costs(ledger, asked)
    for cost in foreseen:
        tell(cost.line())
    parts = _parts(ledger, services, asked)
    report = {
        "version": VERSION,
        "run": asked.run,
        "depth": asked.depth,
        "division": asked.division,
        "verdict": verdict_of(parts),
        "began_at": began.isoformat(timespec="seconds"),
        "ended_at": ledger.balances.now().isoformat(timespec="seconds"),
        "costs": [cost.as_json() for cost in foreseen],
        "calls": _calls(ledger, asked.run),
        "parts": [part.as_json() for part in parts],
    }
    found = [check for part in parts for check in part.checks()]
    ledger.reconciliations.keep(report, began, found, everywhere=_everywhere(asked, parts))
    log.info("Reconciliation to the depth of %s: %s", asked.depth, report["verdict"])
    return report


def _parts(ledger: Ledger, services: Services, asked: Asked) -> list[Part]:
    streams = [(stream, balance(ledger, stream)) for stream in streams_of(ledger, asked.division)]
    parts = [ledger_part(ledger), *(part for _, part in streams)]
    if asked.depth != "ledger":
        parts += _at_personio(ledger, services, asked, streams)
    if _knows_nothing(asked, parts):
        parts[0].unproven.append(_unproven(asked))
    if asked.depth == "exact":
        side = ExactSide(ledger)
        parts += [side.prove(feed, services.exact(feed.division)) for feed in feeds_of(ledger, asked.division)]
    return parts


def _everywhere(asked: Asked, parts: Sequence[Part]) -> Sequence[Depth]:
    """Return what was looked for in all parts there are: whatever was found in another part has ended."""
    if asked.division is not None or _knows_nothing(asked, parts):
        return ()
    return DEPTHS[: DEPTHS.index(asked.depth) + 1]


def _knows_nothing(asked: Asked, parts: Sequence[Part]) -> bool:
    """Say whether the ledger has nothing to compare Personio with, though a channel tells what is ours there."""
    return asked.depth != "ledger" and bool(asked.channel) and all(part.kind != "personio" for part in parts)


def _unproven(asked: Asked) -> Unproven:
    where = "" if asked.division is None else f" from division {asked.division}"
    return Unproven(
        f"Whether the ledger knows all that came through our channel {asked.channel} is not proven: it knows of "
        f"nothing that was sent{where}, so there was nothing to compare.",
        "reconcile.ledger.empty",
        "If anything was ever sent, restore the ledger from its backup before the next run (docs/docker.md); "
        "else run a DAG first.",
    )


def _at_personio(
    ledger: Ledger, services: Services, asked: Asked, streams: Sequence[tuple[Stream, Part]]
) -> list[Part]:
    sides: dict[tuple[Destination, int], list[tuple[Stream, Part]]] = defaultdict(list)
    for stream, part in streams:
        if stream.target.destination in AT_PERSONIO and stream.states:
            sides[stream.target.destination, stream.target.company].append((stream, part))
    found = []
    for (destination, company), mine in sorted(sides.items()):
        side = PersonioSide(ledger, company, destination, mine, Channel(asked.channel))
        found.append(side.prove(services.personio(company)))
    return found


def _calls(ledger: Ledger, run: str) -> dict[str, int]:
    made = {"exact": 0, "personio": 0}
    for (service, _, _), count in ledger.calls(run).items():
        made[service] = made.get(service, 0) + count
    return made

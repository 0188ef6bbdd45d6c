"""The streams of a ledger: where records of a feed go, and which lanes have read for them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from include.errors import ConfigurationError
from include.forecast.command import Question, target_of
from include.ledger.balances import Target
from include.ledger.reading_ranges import Feed
from include.records import HISTORY

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.records import Destination

UNDECIDED: Final = cast("Destination", "")
"""Where records go that a DAG has read whose name says nothing, and that nobody has decided on."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Records of one feed on their way to one destination and position, over both lanes of all DAGs.

    :param lanes: that have read for it, the live ones first.
    :param owners: lanes that own deliveries of it.
    :param states: state -> how many deliveries.
    """

    target: Target
    lanes: tuple[str, ...]
    owners: tuple[str, ...]
    states: dict[str, int]

    @property
    def dags(self) -> tuple[str, ...]:
        """The DAGs behind it."""
        return tuple(dict.fromkeys(lane.removesuffix(HISTORY) for lane in (*self.lanes, *self.owners)))

    @property
    def live_dag(self) -> str:
        """The DAG whose runs decide what is left: one with live runs, if there is any."""
        live = [lane for lane in (*self.lanes, *self.owners) if not lane.endswith(HISTORY)]
        return live[0] if live else self.dags[0]

    @property
    def about(self) -> dict[str, Any]:
        """What it is, by name, for a report."""
        target = self.target
        return {
            "division": target.division,
            "entity": target.entity,
            "destination": target.destination or None,
            "company": target.company or None,
            "job": target.job or None,
            "dags": list(self.dags),
        }


def streams_of(ledger: Ledger, division: int | None = None) -> list[Stream]:
    """Return all streams, by name.

    :param division: only those of this company at Exact.
    """
    states: dict[Target, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    owners: dict[Target, set[str]] = defaultdict(set)
    for owned in ledger.balances.owned():
        states[owned.target][owned.state] += owned.count
        owners[owned.target].add(owned.dag_id)
    read = [(lane, where, entity) for lane, where, entity, _ in ledger.balances.lanes()]
    lanes: dict[Target, list[str]] = {target: [] for target in states}
    for lane, where, entity in read:
        for target in _meant(lane, where, entity, owners):
            lanes.setdefault(target, []).append(lane)
    return [
        Stream(
            target,
            tuple(sorted(lanes[target], key=lambda lane: (lane.endswith(HISTORY), lane))),
            tuple(sorted(owners.get(target, ()))),
            dict(states.get(target, {})),
        )
        for target in sorted(lanes, key=str)
        if division in {None, target.division}
    ]


def feeds_of(ledger: Ledger, division: int | None = None) -> list[Feed]:
    """Return all that DAGs have read, each with its two lanes."""
    read = {(lane.removesuffix(HISTORY), where, entity) for lane, where, entity, _ in ledger.balances.lanes()}
    return [Feed(*key) for key in sorted(read) if division in {None, key[1]}]


def _meant(lane: str, division: int, entity: Any, owners: dict[Target, set[str]]) -> list[Target]:
    """Return the targets that a lane reads for: where its DAG has sent something, else where its name says."""
    dag = lane.removesuffix(HISTORY)
    here = [target for target in owners if (target.division, target.entity) == (division, entity)]
    sent = {target.destination for target in here if owners[target] & {dag, f"{dag}{HISTORY}"}}
    if not sent:
        try:
            sent = {target_of(Question(dag=dag))[1]}
        except ConfigurationError:
            # Somebody's own DAG that owns nothing: of history it has read along; else nobody has decided anything.
            return here if lane.endswith(HISTORY) else [Target(division, entity, 0, UNDECIDED, 0)]
    found = [target for target in here if target.destination in sent]
    return found or [Target(division, entity, 0, destination, 0) for destination in sorted(sent)]

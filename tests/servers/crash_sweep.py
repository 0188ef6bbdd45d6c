"""Every boundary of the line, one after the other, and what else a seed lets happen there."""

from __future__ import annotations

import dataclasses
import itertools
import os
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from crash_tracing import Strike

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from crash_story import Machine, Then, Told
    from crash_tracing import Action, Boundary
    from crash_world import Case

TASKS = ("plan", "extract", "transform", "approve", "load", "commit")
SEED = int(os.environ.get("EXACT_PERSONIO_SEED") or 1)
EXAMPLES = int(os.environ.get("EXACT_PERSONIO_EXAMPLES") or 0)
"""Stories of a sweep; 0: each boundary once."""
GIVES_UP, DIES_AGAIN, FOLLOWED, EARLY = 0.2, 0.5, 0.2, 0.25
"""How often a run is given up after a death, the next try dies, too, another run follows, a retry comes early."""


@dataclass(frozen=True)
class Plan:
    """A story that is to be told."""

    case: Case
    strikes: tuple[Strike, ...]
    then: Then = "retry"
    follow: bool = False
    early: bool = False

    def tell(self, machine: Machine, variant: str = "") -> Told:
        """Tell it."""
        options: dict[str, Any] = {"then": self.then, "follow": self.follow, "early": self.early}
        return machine.story(self.case, self.strikes, variant=variant, **options)


@dataclass
class Figures:
    """What the stories of a sweep came to.

    :param found: boundaries that a run has when nobody dies.
    :param killed: those of them at which a process has died.
    :param deaths: of all processes, those of later tries too.
    """

    found: int = 0
    killed: int = 0
    stories: int = 0
    deaths: int = 0
    seeds: int = 0
    asked_for_help: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    doubled: int = 0
    unexplained: int = 0


def boundaries(told: Told) -> list[Boundary]:
    """Return all boundaries at which something is written or asked.

    :param told: a story in which nobody died.
    """
    assert told.verdict.good, told.verdict
    return [boundary for boundary in told.trace if boundary.kind != "read"]


def plans(case: Case, found: Sequence[Boundary], seed: int) -> Iterator[Plan]:
    """Yield a story for every boundary, again and again with another seed each time.

    :param found: of a run that nobody killed.
    """
    last = Counter(boundary.task for boundary in found)
    for number in itertools.count(seed):
        dice = random.Random(number)  # noqa: S311 - stories, no secrets
        for boundary in found:
            strikes = [Strike(boundary.task, 1, boundary.number)]
            then: Then = "next_run" if dice.random() < GIVES_UP else "retry"
            if then == "retry" and dice.random() < DIES_AGAIN:
                # Reads are counted, too, so that a process may die a little later than where it writes last.
                strikes.append(Strike(boundary.task, 2, dice.randint(1, 2 * last[boundary.task])))
            follow, early = dice.random() < FOLLOWED, dice.random() < EARLY
            yield Plan(dataclasses.replace(case, seed=number), tuple(strikes), then, follow, early)


def frozen(case: Case, found: Sequence[Boundary]) -> Iterator[Plan]:
    """Yield a story for every boundary at which a process may be taken for dead that is not.

    Not in the middle of a commit: it would hold the database, and everybody would wait for it.
    """
    action: Action = "freeze"
    for boundary in found:
        if boundary.kind != "say" and not (boundary.kind == "commit" and boundary.side == "before"):
            yield Plan(case, (Strike(boundary.task, 1, boundary.number, action=action),))


def sweep(
    machine: Machine, planned: Sequence[Plan], found: Sequence[Boundary], keep: Callable[[Figures], None]
) -> tuple[Figures, list[str]]:
    """Tell the stories; return figures, and what is wrong with which.

    :param planned: to be told.
    :param found: what there is to be killed at.
    :param keep: told the figures so far after every story, so that a soak that is broken off has some.
    """
    figures, wrong = Figures(found=len(found), seeds=len({plan.case.seed for plan in planned})), []
    places: set[tuple[str, int]] = set()
    asked: Counter[str] = Counter()
    for plan in planned:
        told = plan.tell(machine)
        if not told.struck:
            # A busy machine may have made it wait once more, or less, so that the numbers are others.
            told = plan.tell(machine)
        figures.stories += 1
        figures.deaths += len(told.struck)
        places |= {(boundary.task, boundary.number) for boundary in told.struck if boundary.attempt == 1}
        asked.update(told.asked_for)
        figures.lost += len(told.verdict.lost)
        figures.doubled += len(told.verdict.doubled)
        figures.unexplained += len(told.verdict.unexplained)
        if not told.verdict.good or not told.struck:
            wrong.append(f"{plan}: {[boundary.name for boundary in told.struck]}: {told.verdict}")
        figures.killed = len(places & {(boundary.task, boundary.number) for boundary in found})
        figures.asked_for_help = dict(asked)
        keep(figures)
    return figures, wrong

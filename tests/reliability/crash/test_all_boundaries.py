"""A task process dies at every boundary of the line: nobody is lost, nobody doubled, every state is explained.

``EXACT_PERSONIO_SEED=7 make soak`` tells other stories, ``EXACT_PERSONIO_EXAMPLES=1000`` more of them in every sweep.
The figures are in ``build/reliability/crash.json``.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import pytest

import crash_figures
from crash_sweep import EXAMPLES, SEED, boundaries, frozen, plans, sweep
from crash_world import Case

if TYPE_CHECKING:
    from crash_story import Machine

pytestmark = pytest.mark.soak
BOTH = pytest.mark.parametrize("either", ["sqlite", "postgresql"], indirect=True)
CASES = [Case(destination, rights=rights) for destination in ("application", "employee") for rights in (True, False)]


@BOTH
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_killed_everywhere(request: pytest.FixtureRequest, either: Machine, case: Case) -> None:
    """Whatever is killed, and killed again in the next try or given up, everybody arrives once."""
    found = boundaries(either.story(dataclasses.replace(case, seed=SEED)))
    planned = list(islice(plans(case, found, SEED), EXAMPLES or len(found)))
    keep = partial(crash_figures.keep, request.node.callspec.id)
    figures, wrong = sweep(either, planned, found, keep)
    assert not wrong, f"EXACT_PERSONIO_SEED={SEED}\n" + "\n".join(wrong)
    assert figures.killed == min(len(planned), len(found))


@BOTH
@pytest.mark.parametrize("destination", ["application", "employee"])
def test_frozen_everywhere(request: pytest.FixtureRequest, either: Machine, destination: str) -> None:
    """A process that was only thought to be dead, and goes on when its work is done, changes nothing."""
    case = Case(destination, refuses=True, seed=SEED)  # type: ignore[arg-type]
    found = boundaries(either.story(case))
    planned = list(islice(frozen(case, found), EXAMPLES or None))
    places = {(strike.task, strike.number) for plan in frozen(case, found) for strike in plan.strikes}
    found = [one for one in found if (one.task, one.number) in places]
    keep = partial(crash_figures.keep, f"frozen-{request.node.callspec.id}")
    _, wrong = sweep(either, planned, found, keep)
    assert not wrong, f"EXACT_PERSONIO_SEED={SEED}\n" + "\n".join(wrong)

"""Mistakes built into the task processes: each is caught, or the machine proves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import crash_figures
from crash_sweep import Plan
from crash_tracing import Strike
from crash_variants import VARIANTS, Variant

if TYPE_CHECKING:
    from crash_story import Machine

OFTEN = ("outcome_first", "sending_not_kept")
"""Caught with every change; the others in a soak."""


@pytest.mark.parametrize(
    "name", [name if name in OFTEN else pytest.param(name, marks=pytest.mark.soak) for name in VARIANTS]
)
def test_mistake_is_caught(machine: Machine, name: str) -> None:
    """One death at the right place, and somebody is lost, doubled, or told of wrongly."""
    variant = VARIANTS[name]
    plan = Plan(variant.case, variant.strikes or frozen_before(machine, name, variant), variant.then)
    told = plan.tell(machine, name)
    assert told.struck, "nobody died"
    assert not told.verdict.good, variant.what
    crash_figures.keep_caught([name])


def frozen_before(machine: Machine, name: str, variant: Variant) -> tuple[Strike, ...]:
    """Freeze a load at its last reading before a place, wherever the mistake has put that."""
    told = machine.story(variant.case, variant=name)
    load = [boundary for boundary in told.trace if boundary.task == "load"]
    place = next(index for index, one in enumerate(load) if one.place == variant.before)
    reading = next(one for one in reversed(load[:place]) if one.kind == "read")
    return (Strike("load", 1, reading.number, action="freeze"),)

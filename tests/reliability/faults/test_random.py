"""Stories with random faults, several at once, over runs of both lanes to both destinations.

Any number of faults from any seed: ``EXACT_PERSONIO_SEED=7 EXACT_PERSONIO_FAULTS=10000 pytest -m soak`` with this
folder. A story that goes wrong is made shorter as long as it still does, and printed; its seed alone tells it again.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random, SystemRandom
from typing import TYPE_CHECKING

import pytest

from fault_budget import AUDITS
from fault_script import script, shortened
from fault_story import Figures, Story

if TYPE_CHECKING:
    from fault_script import Script
    from fault_world import World

REPORT = Path(__file__).resolve().parents[3] / "build" / "reliability" / "faults.json"
SEED = os.environ.get("EXACT_PERSONIO_SEED", "")
FAULTS = os.environ.get("EXACT_PERSONIO_FAULTS", "")


def told(world: World, cv: str, seed: int, faults: int) -> Figures:
    """Tell stories until so many faults have befallen requests; the next story has the next seed."""
    figures = Figures()
    while sum(figures.faults.values()) < faults:
        story = script(Random(seed), seed)  # noqa: S311 - a seed tells it again
        problem = problem_of(world, story, figures, cv)
        if problem is not None:
            shorter = shortened(story, lambda one: problem_of(world, one, Figures(), cv) is not None)
            pytest.fail(f"{problem}\nEXACT_PERSONIO_SEED={seed} EXACT_PERSONIO_FAULTS=1 tells it again.\n{shorter}")
        seed += 1
    return figures


def problem_of(world: World, story: Script, figures: Figures, cv: str) -> str | None:
    """Return what goes wrong in a story, None if nothing does: also what would get a key blocked."""
    try:
        Story(world, story, figures, cv).play()
    except Exception as problem:  # noqa: BLE001 - whatever it is, the story is what is wanted
        return f"{type(problem).__name__}: {problem}"
    return "; ".join(sorted(AUDITS.take())) or None


def report(name: str, seed: int, figures: Figures, seconds: float) -> None:
    """Write the figures down beside those of the other database."""
    held = json.loads(REPORT.read_text(encoding="utf-8")) if REPORT.exists() else {}
    held[name] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": f"EXACT_PERSONIO_SEED={seed} EXACT_PERSONIO_FAULTS={sum(figures.faults.values())} "
        ".venv/bin/pytest -m soak tests/reliability/faults/test_random.py",
        "seed": seed,
        "stories": figures.stories,
        "runs": figures.runs,
        "attempts": figures.attempts,
        "requests": figures.requests,
        "records": figures.records,
        "faults": sum(figures.faults.values()),
        "of each": dict(sorted(figures.faults.items())),
        "attempts ended": dict(Counter(figures.ended).most_common()),
        "lost": 0,
        "doubled": 0,
        "unexplained": 0,
        "seconds": round(seconds),
    }
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(held, indent=2) + "\n", encoding="utf-8")


def test_random_faults_lose_and_double_nobody(world: World, cv: str) -> None:
    figures = told(world, cv, int(SEED or 1), 100)
    assert sum(figures.faults.values()) >= 100


@pytest.mark.soak
@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
def test_thousands_of_random_faults_lose_and_double_nobody(
    world: World, cv: str, request: pytest.FixtureRequest
) -> None:
    """Half of the faults on each database."""
    seed, started = int(SEED or SystemRandom().randrange(10**6)), time.monotonic()
    figures = told(world, cv, seed, int(FAULTS or 10_000) // 2 or 1)
    report(request.node.callspec.params["database"], seed, figures, time.monotonic() - started)

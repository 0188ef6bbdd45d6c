"""Whatever Exact sends as a contact: it arrives, or it is rejected with a reason, and nobody else suffers.

``EXACT_PERSONIO_EXAMPLES=400`` looks at so many companies of each kind, ``EXACT_PERSONIO_SEED`` at others; what came
of them is added to ``build/reliability/bad_data.json``.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from bad_company import Figures, arrived, judge, mend, put
from bad_rows import companies

if TYPE_CHECKING:
    from bad_rows import Person
    from include.records import Destination, Entity
    from world import World

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")
EXAMPLES = os.environ.get("EXACT_PERSONIO_EXAMPLES", "")
SEED = int(os.environ.get("EXACT_PERSONIO_SEED") or 5)
KINDS: list[tuple[Entity, Destination]] = [
    ("Contacts", "application"),
    ("Accounts", "application"),
    ("Contacts", "employee"),
    ("Accounts", "employee"),
]


class Said(logging.Handler):
    """Keeps every line that anybody logs."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def look(world: World, examples: int) -> Figures:
    """Run companies through the line and judge each; return what they came to."""
    figures, said = Figures(), Said()

    @seed(SEED)
    @settings(
        max_examples=examples,
        database=None,
        suppress_health_check=list(HealthCheck),
        # What failed is printed as it was drawn: to shrink it takes hundreds of runs.
        phases=[Phase.generate],
    )
    @given(companies())
    def story(people: list[Person]) -> None:
        world.begin()
        said.lines.clear()
        ids = put(world, people)
        world.run("r1")
        judge(world, people, ids, figures)
        once = arrived(world)
        world.run("r2")
        assert arrived(world) == once
        told = "\n".join([*said.lines, *(f"{row.reason_code} {row.field} {row.trace}" for row in world.deliveries())])
        assert not [secret for person in people for secret in person.secrets() if secret in told]
        mend(world)
        world.run("r3")
        assert set(world.states()) <= {"created", "already_there"}

    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(said)
    root.setLevel(logging.DEBUG)
    try:
        story()
    finally:
        root.removeHandler(said)
        root.setLevel(level)
    return figures


@pytest.mark.parametrize(("entity", "destination"), KINDS, ids=["-to-".join(kind) for kind in KINDS])
def test_every_row_ends_created_or_rejected_with_a_reason(
    world: World, entity: Entity, destination: Destination
) -> None:
    kind = dataclasses.replace(world, entity=entity, destination=destination)
    figures = look(kind, int(EXAMPLES or 4))
    assert figures.states["created"] > 0
    assert len(figures.reasons) > 2


@pytest.mark.soak
@pytest.mark.parametrize(("entity", "destination"), KINDS, ids=["-to-".join(kind) for kind in KINDS])
def test_thousands_of_rows(
    world: World, entity: Entity, destination: Destination, request: pytest.FixtureRequest
) -> None:
    """The same at length; what came of it is written down."""
    kind = dataclasses.replace(world, entity=entity, destination=destination)
    figures = look(kind, int(EXAMPLES or 100))
    file = Path(os.environ.get("EXACT_PERSONIO_BUILD", "build")) / "reliability" / "bad_data.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    held = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    name = request.node.callspec.id
    held[name] = {
        "at": f"{datetime.now(UTC):%Y-%m-%d}",
        "seed": SEED,
        "rows": figures.rows,
        "values": figures.columns,
    }
    held[name] |= {
        "states": dict(figures.states),
        "reasons": dict(figures.reasons),
        "lost": 0,
        "doubled": 0,
        "leaked": 0,
    }
    file.write_text(json.dumps(held, indent=2, sort_keys=True) + "\n", encoding="utf-8")

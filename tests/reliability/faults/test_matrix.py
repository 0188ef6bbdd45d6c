"""Every kind of request, times everything that can go wrong with one.

``expected.yaml`` says what the troubled attempt ends as. How it all ends is the same everywhere: when the trouble is
over and Airflow's next tries have run, everybody has arrived once, and the ledger can explain each record.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fault_list import FAULTS, LASTING
from fault_matrix import ROWS, Cell, expectations, modes, other_ends, play
from fault_scenes import SCENES, scene

if TYPE_CHECKING:
    from fault_world import World

TABLE = Path(__file__).with_name("expected.yaml")
EXPECTED, ENDS = expectations(TABLE), other_ends(TABLE)
CELLS = [Cell(*row, fault, lasting) for row in ROWS for fault in FAULTS for lasting in modes(fault)]


def spread() -> list[Cell]:
    """Return some cells: each row and each fault at least once, both ways of befalling in turn."""
    rows, faults = itertools.cycle(ROWS), itertools.cycle(FAULTS)
    some = [(next(rows), next(faults)) for _ in range(max(len(ROWS), len(FAULTS)))]
    return [Cell(*row, fault, fault in LASTING or number % 2 > 0) for number, (row, fault) in enumerate(some)]


def test_every_kind_of_request_has_a_row(world: World, cv: str) -> None:
    """Whoever makes the line ask for something new has to say what becomes of it in trouble."""
    traced: dict[str, set[str]] = {}
    for name in SCENES:
        here = scene(world, name, cv)
        world.gate.trace.clear()
        assert here.run.attempt() == "absorbed"
        traced[name] = set(world.gate.trace)
        here.settle()
        here.check()
    assert {kind for _, kind in ROWS} == set().union(*traced.values())
    assert [row for row in ROWS if row[1] not in traced[row[0]]] == []


def test_table_knows_every_cell_and_no_other() -> None:
    assert set(EXPECTED) == set(CELLS)
    assert set(ENDS) <= set(map(str, CELLS))


def test_spread_has_every_row_and_every_fault() -> None:
    some = spread()
    assert {(cell.scene, cell.kind) for cell in some} == set(ROWS)
    assert {cell.fault for cell in some} == set(FAULTS)


@pytest.mark.parametrize("cell", spread(), ids=str)
def test_trouble_ends_well(world: World, cv: str, cell: Cell) -> None:
    assert play(world, cell, cv, ENDS.get(str(cell))) == EXPECTED[cell]


@pytest.mark.soak
@pytest.mark.parametrize("cell", sorted(set(CELLS) - set(spread()), key=str), ids=str)
def test_any_trouble_ends_well(world: World, cv: str, cell: Cell) -> None:
    assert play(world, cell, cv, ENDS.get(str(cell))) == EXPECTED[cell]

"""One cell of the matrix: a scene, a kind of request, a fault; what the attempt ends as, and that all ends well."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from fault_list import LASTING, Trouble, Troubles
from fault_scenes import scene

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fault_world import World

ROWS: tuple[tuple[str, str], ...] = (
    ("contacts to applications", "POST oauth2/token"),
    ("contacts to applications", "GET sync/CRM/Contacts"),
    ("contacts to applications", "POST v1/recruiting/applications/documents"),
    ("contacts to applications", "POST v1/recruiting/applications"),
    ("contacts to applications", "POST v2/auth/token"),
    ("contacts to applications", "GET v2/recruiting/applications"),
    ("contacts to employees", "POST v1/auth"),
    ("contacts to employees", "POST v1/company/employees"),
    ("contacts to employees", "GET v1/company/employees"),
    ("accounts to applications", "GET sync/CRM/Accounts"),
    ("accounts to applications", "GET crm/Contacts"),
    ("window of contacts", "GET crm/Contacts/$count"),
    ("window of contacts", "GET crm/Contacts"),
    ("window of accounts", "GET crm/Accounts/$count"),
    ("window of accounts", "GET crm/Accounts"),
    ("first run", "GET current/Me"),
    ("last record changed", "GET system/Divisions"),
    ("preview", "GET v2/recruiting/applications"),
    ("preview", "GET v2/persons"),
    ("matches", "GET v1/company/employees"),
)
"""Every kind of request that a scene's run makes stands here at least once."""


@dataclass(frozen=True)
class Cell:
    """One fault that befalls one kind of request.

    :param lasting: whether it befalls all of them until the run has failed or is over, or only one.
    """

    scene: str
    kind: str
    fault: str
    lasting: bool

    def __str__(self) -> str:
        return f"{self.scene}: {self.kind}: {self.fault}{' on' if self.lasting else ''}"


def modes(fault: str) -> tuple[bool, ...]:
    """Return in which ways a fault befalls requests: once, and lasting."""
    return (True,) if fault in LASTING else (False, True)


def play(world: World, cell: Cell, cv: str, states: Mapping[str, int] | None = None) -> str:
    """Let it happen, make it good, let the runs go on; return what the troubled attempt ended as.

    :param states: in which the deliveries end, with how many are in each; None: as if nothing had happened.
    :raises AssertionError: not everybody has arrived once, or the ledger cannot explain somebody.
    """
    here = scene(world, cell.scene, cv)
    troubles = Troubles(world)
    # The second of several, where the line is in the middle of something.
    troubles.put(Trouble(cell.fault, cell.kind, after=first_of(cell), times=None if cell.lasting else 1))
    ended = here.run.attempt()
    struck = sum(trouble.hits for trouble in troubles.plan)
    troubles.lift()
    assert struck, "the fault did not befall any request"
    then = [] if here.run.over else here.run.recover()
    here.settle()
    if states is not None:
        here.states = Counter(states)
    here.check()
    return ", then ".join([ended, *then])


ONCE = frozenset(
    {
        ("contacts to applications", "POST oauth2/token"),
        ("contacts to applications", "POST v2/auth/token"),
        ("contacts to applications", "GET v2/recruiting/applications"),
        ("contacts to employees", "POST v1/auth"),
        ("window of contacts", "GET crm/Contacts/$count"),
        ("window of accounts", "GET crm/Accounts/$count"),
        ("first run", "GET current/Me"),
        ("last record changed", "GET system/Divisions"),
        ("preview", "GET v2/recruiting/applications"),
        ("preview", "GET v2/persons"),
    }
)
"""What a run asks for only once when nothing goes wrong."""


def first_of(cell: Cell) -> int:
    return 0 if (cell.scene, cell.kind) in ONCE else 1


def other_ends(file: Path) -> dict[str, dict[str, int]]:
    """Read the table's cells that end in other states: by name, state -> how many deliveries."""
    return dict(yaml.safe_load(file.read_text(encoding="utf-8"))["ends"])


def expectations(file: Path) -> dict[Cell, str]:
    """Read the table: what the troubled attempt of each cell ends as.

    A family says it for all of its rows; a row may say something else. Two words stand for one fault that befalls a
    request once, and for one that lasts.
    """
    table = yaml.safe_load(file.read_text(encoding="utf-8"))
    found = {}
    for name, row in table["rows"].items():
        scene_name, _, kind = name.partition(": ")
        ends = table["families"][row.pop("family")] | row
        for fault, words in ends.items():
            said = [words] if isinstance(words, str) else words
            for lasting, word in zip(modes(fault), said if len(said) > 1 else said * 2, strict=False):
                found[Cell(scene_name, kind, fault, lasting)] = word
    return found

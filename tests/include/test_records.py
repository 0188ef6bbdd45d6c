"""Nobody is printed: a repr ends in a log sooner or later."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import re
from typing import Any

import pytest

import include
from include.records import Decision, Page, SourceRow

CANARY = "canary@example.org"
HOLDS_PEOPLE = re.compile(r"\b(Row|Fields|Any|bytes)\b")
"""Types that hold whatever a service sent."""
NAMES = frozenset({"email", "user", "payload", "row", "rows", "json", "body", "result", "warnings", "filter"})
NOBODY = frozenset(
    {
        # Ciphertext and keyed hashes, on their way into the database.
        *(("Batch", name) for name in ("inserts", "updates", "touches", "lines", "to_send")),
        # What runs of Airflow returned: counts.
        *(("RunResult", name) for name in ("results", "watermark")),
        # How many warnings there were.
        ("Hired", "warnings"),
        # A report's parts: counts, ids and what a part is called.
        *(("Part", name) for name in ("about", "counts")),
        ("Kept", "report"),
        # What a row of the ledger says in clear; its content does not show.
        ("Piece", "about"),
        # Locked rows of the ledger: states, hashes, numbers.
        ("Known", "rows"),
        # A function that tells an event; it is not called to be printed.
        ("WindowPlan", "pushed"),
        # A function over rows, not a row.
        ("Template", "run"),
        # A keyed hash of an address.
        ("Narrowing", "email"),
        # Counts and dates: what a planner has counted, what was foretold of a run.
        ("PinnedWindow", "counted"),
        ("RunResult", "forecast"),
    }
)


def dataclasses_of_include() -> list[type[Any]]:
    found: list[type[Any]] = []
    for module in pkgutil.walk_packages(include.__path__, "include."):
        # The sandbox's people are invented; migrations need a database.
        if ".sandbox" not in module.name and ".migrations" not in module.name:
            members = vars(importlib.import_module(module.name)).values()
            own = [kind for kind in members if isinstance(kind, type) and kind.__module__ == module.name]
            found += [kind for kind in own if dataclasses.is_dataclass(kind) or is_named_tuple(kind)]
    return found


def is_named_tuple(kind: type[Any]) -> bool:
    return issubclass(kind, tuple) and hasattr(kind, "_fields")


def fields_of(kind: type[Any]) -> dict[str, str]:
    """Return name -> type of what an instance holds."""
    if is_named_tuple(kind):
        return {name: str(kind.__annotations__[name]) for name in kind._fields}
    return {field.name: str(field.type) for field in dataclasses.fields(kind)}


def made_of(kind: type[Any], values: dict[str, str]) -> Any:
    """Return an instance, whatever its constructor would say."""
    if is_named_tuple(kind):
        return tuple.__new__(kind, values.values())
    made = object.__new__(kind)
    for name, value in values.items():
        object.__setattr__(made, name, value)
    return made


def people_in(kind: type[Any]) -> list[str]:
    """Return the fields that show a person when the instance is printed."""
    shown = []
    fields = fields_of(kind)
    for name, typed in fields.items():
        if not (HOLDS_PEOPLE.search(typed) or name in NAMES):
            continue
        if CANARY in repr(made_of(kind, {other: CANARY if other == name else "-" for other in fields})):
            shown.append(name)
    return shown


def test_no_dataclass_prints_a_person() -> None:
    kinds = dataclasses_of_include()
    assert {"Decision", "SourceRow", "Page", "StagedRow", "Claim", "LoginReport"} <= {kind.__name__ for kind in kinds}
    shown = {(kind.__name__, name) for kind in kinds for name in people_in(kind)}
    assert shown <= NOBODY


@pytest.mark.parametrize(
    "record",
    [
        Page(1, [{"Email": CANARY}], None),
        SourceRow("id", 1, None, {"Email": CANARY}),
        Decision("id", 1, "ready", payload={"email": CANARY}, email=CANARY),
    ],
    ids=lambda record: type(record).__name__,
)
def test_records_on_their_way_show_ids_only(record: Page | SourceRow | Decision) -> None:
    assert CANARY not in repr(record)
    assert type(record).__name__ in repr(record)

"""People with bad data put into Exact, run through the whole line, and judged by what truly arrived."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from include.ledger.states import DONE, WAITING
from line import DIVISION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bad_rows import Person
    from world import World

CREATED = "2026-01-31T12:00:00"
ATTRIBUTES = {"location": "City", "phone": "Mobile", "birthday": "BirthDate"}
REASON = re.compile(r"(exact|rule|mapping|personio|ledger)\.[A-Za-z_]+\.[a-z_-]+")
UNSENDABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""What no field of Personio may hold: nobody typed it, and half of it cannot be written as UTF-8."""


@dataclass
class Figures:
    """How many rows came to what."""

    rows: int = 0
    columns: int = 0
    states: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)


def put(world: World, people: Sequence[Person]) -> list[str]:
    """Put people into an empty company, distorted; return the ids of the records that stand for them, in order."""
    exact, ids = world.sandbox.sandbox.exact, []
    for person in people:
        account = exact.add_account(DIVISION, {"Name": "Voorbeeld", "Created": CREATED})
        named = {"FirstName": "Vera", "LastName": "Proef", "Email": "unused@example.org", "Created": CREATED}
        contact = exact.add_contact(DIVISION, {"Account": account["ID"], **named})
        exact.distort(DIVISION, "Contacts", contact["ID"], person.raw(of_account=False))
        exact.distort(DIVISION, "Accounts", account["ID"], person.raw(of_account=True))
        ids.append((contact if world.entity == "Contacts" else account)["ID"])
    return ids


def mend(world: World) -> None:
    """Correct all that is wrong at Exact: everybody gets a name and an address of their own."""
    exact = world.sandbox.sandbox.exact
    tables = exact.division(DIVISION).tables
    for number, contact in enumerate(list(tables["Contacts"].rows)):
        exact.distort(DIVISION, "Contacts", contact, {})
        exact.update(DIVISION, "Contacts", contact, {"Email": f"mended{number}@example.org"})
    for account in list(tables["Accounts"].rows):
        exact.distort(DIVISION, "Accounts", account, {})


def arrived(world: World) -> list[dict[str, Any]]:
    """Return what Personio truly holds."""
    kind = "applications" if world.destination == "application" else "employees"
    found: list[dict[str, Any]] = world.sandbox.sandbox.personio.contents()[kind]
    return found


def judge(world: World, people: Sequence[Person], ids: Sequence[str], figures: Figures) -> None:
    """Check that each record ended, how the drawn values say, and that Personio holds just what was created."""
    rows = {row.source_id: row for row in world.deliveries()}
    assert set(rows) == set(ids), "a record is lost, or stands for nobody"
    held = {str(row["email"]): row for row in arrived(world)}
    assert len(held) == len(arrived(world)), "somebody arrived twice"
    states = Counter(row.state for row in rows.values())
    assert states["created"] == len(held)
    assert set(states) <= {*DONE, *WAITING}, states
    assert world.states() == states
    taken: set[str] = set()
    for person, source_id in zip(people, ids, strict=True):
        row = rows[source_id]
        assert (row.state == "created") != bool(row.reason_code)
        assert not row.reason_code or REASON.fullmatch(row.reason_code), row.reason_code
        figures.rows, figures.columns = figures.rows + 1, figures.columns + len(person.columns)
        figures.states[row.state] += 1
        figures.reasons[row.reason_code] += bool(row.reason_code)
        if person.known:
            _as_drawn(person, row, held, world.destination, taken)
    for record in held.values():
        assert not any(UNSENDABLE.search(text) for text in _texts(record)), "an impossible character arrived"
        assert record["first_name"].strip()
        assert record["last_name"].strip()


def _as_drawn(person: Person, row: Any, held: Mapping[str, Any], destination: str, taken: set[str]) -> None:
    """Compare one record with what its values were drawn for."""
    if person.reasons_for(destination):
        assert row.state == "rejected", (person, row.state)
        assert row.reason_code in person.reasons_for(destination), (person, row.reason_code)
        return
    email = str(person.arrives("Email"))
    assert email in held, (person, row.state, row.reason_code)
    if row.state == "already_there" or email in taken:
        # Somebody else with this address was there before.
        assert row.state == "already_there"
        return
    assert row.state == "created", (person, row.reason_code)
    taken.add(email)
    shown, wanted = _shown(held[email], destination), _wanted(person, destination)
    assert shown == wanted, (shown, wanted)


def _shown(record: Mapping[str, Any], destination: str) -> dict[str, Any]:
    names = ("first_name", "last_name", *(() if destination == "application" else ("position",)))
    shown = {name: record.get(name) for name in names}
    given = {one["id"]: one["value"] for one in record.get("attributes", [])}
    return shown | {name: given.get(name) for name in ATTRIBUTES} if destination == "application" else shown


def _wanted(person: Person, destination: str) -> dict[str, Any]:
    wanted = {"first_name": person.arrives("FirstName"), "last_name": person.arrives("LastName")}
    if destination == "application":
        return wanted | {name: person.arrives(column) for name, column in ATTRIBUTES.items()}
    return wanted | {"position": person.arrives("JobTitleDescription")}


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for part in parts for text in _texts(part)]

"""A company whose division Exact moves to another database, and what is asked of it afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from line import DIVISION, Line

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.ledger import Ledger
    from include.ledger.watermarks import Watermark
    from include.records import Entity
    from include.sandbox.server import RunningSandbox

DIVISIONS = "system/Divisions"
LONG_AGO = "2026-01-31T12:00:00"


def of_entity(ledger: Ledger, sandbox: RunningSandbox, entity: Entity) -> Line:
    made = Line(ledger, sandbox, entity=entity)
    made.log_in()
    return made


def hire(sandbox: RunningSandbox, *numbers: int, **more: str) -> list[str]:
    """Let people appear at Exact, each the main contact of an account of its own; return the contacts' ids."""
    exact = sandbox.sandbox.exact
    made = []
    for number in numbers:
        account = exact.add_account(DIVISION, {"Name": f"Voorbeeld {number}"})
        person = {"FirstName": "Sanne", "LastName": f"Proef{number}", "Email": f"sanne{number}@example.org"}
        row = exact.add_contact(DIVISION, {"Account": account["ID"], **person, **more})
        made.append(str(row["ID"]))
    return made


def move(sandbox: RunningSandbox, versions: str = "below") -> None:
    """Move the division; its new row versions lie below the old ones, or above."""
    company = sandbox.sandbox.exact.division(DIVISION)
    if versions == "above":
        company._version *= 3
        later: Callable[[], None] = lambda: None  # noqa: E731
        company.restart_versions = later  # type: ignore[method-assign]
    sandbox.sandbox.exact.move_division(DIVISION)


def highest(sandbox: RunningSandbox, entity: str) -> int:
    return max(int(row["Timestamp"]) for row in sandbox.sandbox.exact.contents()[str(DIVISION)][entity])


def applicants(sandbox: RunningSandbox) -> list[str]:
    return sorted(str(row["email"]) for row in sandbox.sandbox.personio.contents()["applications"])


def people(*numbers: int) -> list[str]:
    return sorted(f"sanne{number}@example.org" for number in numbers)


def calls(sandbox: RunningSandbox) -> list[str]:
    """Return what Exact was asked since the log was cleared."""
    asked = [entry.kind for entry in sandbox.sandbox.log.entries() if entry.service == "exact"]
    sandbox.sandbox.log.clear()
    return asked


def mark_of(line: Line) -> Watermark:
    mark = line.ledger.watermarks.get(line.job.stream)
    assert mark is not None
    return mark

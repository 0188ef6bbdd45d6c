"""A person who was erased stays out, whichever way the line takes: live, backfill, replay, preview, another DAG."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from include.ledger.tombstones import ERASED
from include.privacy.person import person
from line import DIVISION, Line
from moved import hire, move
from planned import fill
from vera import MAIL, MAY, applied, erased, held

if TYPE_CHECKING:
    from pathlib import Path

    from include.sandbox.server import RunningSandbox

MONTH = (datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC))


def touch(sandbox: RunningSandbox, vera: str, **changes: Any) -> None:
    sandbox.sandbox.exact.update(DIVISION, "Contacts", vera, {"City": "Delft"} | changes)


def test_no_run_of_any_kind_brings_the_person_back(
    line: Line, sandbox: RunningSandbox, vera: str, home: Path
) -> None:
    """The record changes at Exact before each run; every run counts it, and stores nothing of it."""
    others = [fill(sandbox, MAY, FirstName="Sanne", Email=f"s{n}@example.org") for n in range(3)]
    line.preview("looked", created_from="2024-05-01", created_to="2024-06-01")
    assert held(line.ledger)
    done = erased(line.ledger, home)
    assert [one.id for one in done.elsewhere] == [vera]
    runs: dict[str, Any] = {
        "live": lambda: line.run("live"),
        "window": lambda: line.window("window", "2024-05-01", "2024-06-01"),
        "backfill": lambda: line.backfill("backfill", *MONTH),
        "preview": lambda: line.preview("preview", created_from="2024-05-01", created_to="2024-06-01"),
        "canary": lambda: line.canary("canary", created_from="2024-05-01"),
        "replay": lambda: line.replay("replay"),
        "employees": lambda: Line(line.ledger, sandbox, destination="employee").run("employees"),
        "matches": lambda: Line(line.ledger, sandbox, destination="employee_match").run("matches"),
    }
    for number, (name, run) in enumerate(runs.items()):
        touch(sandbox, vera, Phone=f"+31 10 {number}")
        line.ledger.deliveries.replay(line.job.stream, "application", 1001, run_id="me", reason_code=ERASED)
        run()
        assert held(line.ledger) == [], name
    assert MAIL not in applied(sandbox)
    assert len(applied(sandbox)) == len(others)
    decided = [
        piece for piece in line.ledger.holdings.pieces() if piece.kind == "delivery" and piece.source_id == vera
    ]
    assert {(piece.about["state"], piece.about["reason_code"]) for piece in decided} == {("skipped_by_rule", ERASED)}
    assert {piece.about["destination"] for piece in decided} == {"application", "employee", "employee_match"}
    assert {code for code, _, _ in line.ledger.deliveries.rejections(states=("skipped_by_rule",))} == {ERASED}


def test_a_moved_division_does_not_bring_the_person_back(
    line: Line, sandbox: RunningSandbox, vera: str, home: Path
) -> None:
    """Exact makes all row versions anew, and everything is read again."""
    for number in range(3):
        fill(sandbox, MAY, FirstName="Sanne", Email=f"s{number}@example.org")
    line.run("first")
    erased(line.ledger, home, vera)
    move(sandbox)
    touch(sandbox, vera)
    line.run("second")
    assert held(line.ledger) == []
    assert line.states() == {"created": 4}
    assert applied(sandbox).count(MAIL) == 1


@pytest.mark.parametrize("by", ["address", "id of the contact"])
def test_an_account_whose_main_contact_was_erased_is_left_alone(
    line: Line, sandbox: RunningSandbox, home: Path, by: str
) -> None:
    """The contact itself was never read: its address came with the look-up when the account was decided."""
    exact = sandbox.sandbox.exact
    [contact] = hire(sandbox, 1, Email=MAIL, FirstName="Verafirst")
    [account] = [row["ID"] for row in exact.contents()[str(DIVISION)]["Accounts"] if row["MainContact"] == contact]
    accounts = Line(line.ledger, sandbox, entity="Accounts")
    accounts.run("first")
    assert applied(sandbox) == [MAIL]
    done = erased(line.ledger, home, MAIL if by == "address" else str(contact))
    assert str(contact) in {one.id for one in done.elsewhere}
    assert held(line.ledger) == []
    exact.update(DIVISION, "Accounts", str(account), {"City": "Breda"})
    accounts.run("second")
    line.run("contacts")
    assert held(line.ledger) == []
    assert applied(sandbox) == [MAIL]


def test_a_later_main_contact_is_somebody_else(line: Line, sandbox: RunningSandbox, home: Path) -> None:
    """The account was sent with her as main contact; it has another one by the time she is erased."""
    exact = sandbox.sandbox.exact
    [contact] = hire(sandbox, 1, Email=MAIL, FirstName="Verafirst")
    [account] = [row["ID"] for row in exact.contents()[str(DIVISION)]["Accounts"] if row["MainContact"] == contact]
    [successor] = fill(sandbox, MAY, FirstName="Bob", LastName="Bakker", Email="bob@example.org")
    accounts = Line(line.ledger, sandbox, entity="Accounts")
    accounts.run("first")
    exact.update(DIVISION, "Accounts", str(account), {"MainContact": successor})
    accounts.run("second")
    found = person(line.ledger, MAIL)
    assert successor not in found.ids
    assert found.emails == {MAIL}
    erased(line.ledger, home)
    assert held(line.ledger) == []
    line.run("contacts")
    assert "bob@example.org" in applied(sandbox)


def test_whoever_mentions_an_address_is_not_the_person(
    line: Line, sandbox: RunningSandbox, vera: str, home: Path
) -> None:
    """What mentions it is blanked, since it holds it; the one who wrote it down is nobody else's record."""
    [assistant] = fill(sandbox, MAY, FirstName="Bob", LastName="Bakker", Email="bob@example.org", City=f"c/o {MAIL}")
    line.backfill("first", *MONTH)
    found = person(line.ledger, MAIL)
    assert (found.ids, found.emails) == (frozenset({vera}), frozenset({MAIL}))
    erased(line.ledger, home)
    assert held(line.ledger) == []
    sandbox.sandbox.exact.update(DIVISION, "Contacts", assistant, {"City": "Delft"})
    line.backfill("second", *MONTH)
    assert person(line.ledger, "bob@example.org").ids == {assistant}


def test_an_address_of_two_contacts_keeps_the_other_one_in(
    line: Line, sandbox: RunningSandbox, vera: str, home: Path
) -> None:
    """Erasing by ID means one person; the other contact is named, and goes on."""
    other = fill(sandbox, MAY, FirstName="Otto", Email=MAIL)[0]
    line.run("first")
    done = erased(line.ledger, home, vera)
    assert done.shared == (other,)
    assert {piece.source_id for piece in line.ledger.holdings.pieces() if piece.content} == {other}
    # By the address, everybody who has it is meant.
    assert {record[2] for record in person(line.ledger, MAIL).records} == {other}


def test_what_is_known_by_personios_id_is_found(line: Line, sandbox: RunningSandbox, vera: str) -> None:
    employees = Line(line.ledger, sandbox, destination="employee")
    employees.run("first")
    [remote] = [piece.about["remote_id"] for piece in line.ledger.holdings.pieces() if piece.kind == "delivery"]
    assert remote
    assert person(line.ledger, remote).ids == {vera}

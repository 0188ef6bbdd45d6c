"""What must be true after a story, whatever was killed in it.

Read from the sandbox's own contents and log; the ledger is only asked whether it agrees with them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from crash_world import LAST_NAME, MISSING, POSITION, Person, held
from include.ledger import open_ledger
from include.ledger.tables import deliveries, events, watermarks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crash_world import Case
    from include.sandbox.state import Sandbox

CREATES = {"application": "v1/recruiting/applications", "employee": "v1/company/employees"}
EXISTS = ".already-exists"
IN_ORDER = {"state", "unanswered", "read_back"}
"""Kinds of events that each take a delivery from one state to the next."""


@dataclass
class Verdict:
    """What is wrong; ids and invented first names only."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing is."""
        return not (self.lost or self.doubled or self.unexplained)


@dataclass(frozen=True)
class Books:
    """What the ledger has at the end: deliveries by Exact's id, their events, the stream's watermark."""

    deliveries: dict[str, Any]
    events: dict[int, list[Any]]
    watermark: Any


def read_books(url: str, key: str) -> Books:
    """Read the ledger as it is, through none of its own reports."""
    with open_ledger(url, key) as ledger, ledger._database.read() as connection:
        rows = {row.source_id: row for row in connection.execute(select(deliveries))}
        told: dict[int, list[Any]] = {row.id: [] for row in rows.values()}
        for event in connection.execute(select(events).order_by(events.c.id)):
            told.setdefault(event.delivery_id, []).append(event)
        return Books(rows, told, connection.execute(select(watermarks)).one_or_none())


def judge(
    case: Case, sandbox: Sandbox, people: Sequence[Person], books: Books, runs: Sequence[dict[str, Any]]
) -> Verdict:
    """Compare both services, the ledger and what Airflow was told.

    :param people: everybody who was at Exact before the last run began.
    :param runs: as the field told of them, in order.
    """
    verdict = Verdict()
    _count(verdict, case, sandbox, people)
    _explain(verdict, case, sandbox, people, books)
    _cover_requests(verdict, case, sandbox, books)
    _follow(verdict, books)
    _check_watermark(verdict, sandbox, books, runs)
    return verdict


def _count(verdict: Verdict, case: Case, sandbox: Sandbox, people: Sequence[Person]) -> None:
    """Everybody who can be sent is there, once, as they are; nobody else is."""
    there = held(sandbox, case.destination)
    counts = Counter(str(one["email"]).lower() for one in there)
    wanted = {person.email: person for person in people if person.email}
    for email, person in wanted.items():
        verdict.lost += [person.first_name] * (counts[email] == 0)
        verdict.doubled += [person.first_name] * (counts[email] - 1)
    for one in there:
        person_there = wanted.get(str(one["email"]).lower())
        if person_there is None or (one["first_name"], one["last_name"]) != (person_there.first_name, LAST_NAME):
            verdict.unexplained.append(f"{case.destination} {one['id']} is nobody's")
        elif case.destination == "application" and one["job_position_id"] != POSITION:
            verdict.unexplained.append(f"application {one['id']} is for another position")


def _explain(verdict: Verdict, case: Case, sandbox: Sandbox, people: Sequence[Person], books: Books) -> None:
    """Have the ledger say of everybody what truly became of them, as far as anybody may know it."""
    ids = _ids(sandbox)
    for person in people:
        row = books.deliveries.get(ids[person.first_name])
        told = (row.state, row.reason_code if person.fate == "rejected" else "") if row else None
        true = (person.fate, MISSING if person.fate == "rejected" else "")
        if told != true and not (row is not None and _nobody_knows(case, person, row)):
            verdict.unexplained.append(f"{person.first_name} is {told}, but was {person.fate}")
        elif row is not None and row.lease_until is not None:
            verdict.unexplained.append(f"{person.first_name} is {row.state} and still has a lease")
    known = {ids[person.first_name] for person in people}
    verdict.unexplained += [f"{source} is nobody" for source in books.deliveries if source not in known]


def _nobody_knows(case: Case, person: Person, row: Any) -> bool:
    """Say whether an attempt died on somebody who was there before, and nobody may look who made them.

    "Already exists" is then the answer to the second attempt, whether or not the first has left; it counts as made by
    us, and the reason says how that is known.
    """
    stood_before = person.fate == "already_there" and row.state == "created"
    return stood_before and not case.rights and row.was_in_doubt and row.reason_code.endswith(EXISTS)


def _cover_requests(verdict: Verdict, case: Case, sandbox: Sandbox, books: Books) -> None:
    """No request to create has left without an attempt that was written down before."""
    kind = CREATES[case.destination]
    sent = sum(one.method == "POST" and one.kind == kind for one in sandbox.log.entries())
    attempts = sum(row.attempt for row in books.deliveries.values())
    if sent > attempts:
        verdict.unexplained.append(f"{sent} requests to create, {attempts} attempts on record")


def _follow(verdict: Verdict, books: Books) -> None:
    """Each event begins where the last one ended, and the last one ends where the delivery is."""
    for row in books.deliveries.values():
        chain = [event for event in books.events[row.id] if event.kind in IN_ORDER]
        for last, event in pairwise(chain):
            if event.from_state != last.to_state:
                verdict.unexplained.append(f"{row.source_id} was {last.to_state}, then came from {event.from_state}")
        if chain and chain[-1].to_state != row.state:
            verdict.unexplained.append(f"{row.source_id} is {row.state}, its last event says {chain[-1].to_state}")


def _check_watermark(verdict: Verdict, sandbox: Sandbox, books: Books, runs: Sequence[dict[str, Any]]) -> None:
    """Ledger, XCom and asset event of the last run name the newest row version; the asset event came once."""
    highest = max(int(row["Timestamp"]) for row in _contacts(sandbox))
    told = runs[-1]["xcoms"].get("commit.watermark", {})
    values = [books.watermark and books.watermark.value, int(told.get("to", 0))]
    values += [int(event["to"]) for event in runs[-1]["events"]]
    if set(values) != {highest} or len(runs[-1]["events"]) != 1:
        verdict.unexplained.append(f"watermarks {values}, newest row {highest}")
    if runs[-1]["state"] != "success":
        verdict.unexplained.append(f"the last run is {runs[-1]['state']}")


def _ids(sandbox: Sandbox) -> dict[str, str]:
    return {str(row["FirstName"]): str(row["ID"]).lower() for row in _contacts(sandbox)}


def _contacts(sandbox: Sandbox) -> list[dict[str, Any]]:
    (company,) = (held for held in sandbox.exact.contents().values() if held["Contacts"])
    found: list[dict[str, Any]] = company["Contacts"]
    return found

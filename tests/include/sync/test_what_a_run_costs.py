"""Calls and statements of a run, in numbers that depend on no machine: what they are now, they may not exceed."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from line import DIVISION, Line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.ledger import Ledger
    from include.sandbox.server import RunningSandbox

CONTACTS, ACCOUNTS = "sync/CRM/Contacts", "sync/CRM/Accounts"
POST = "v1/recruiting/applications"
CORRECTION = 1
"""A statement more where a minute of Exact's ends: the count of the calls that are left begins anew."""
WINDOW = ("2026-02-01", "2026-02-03")


@pytest.fixture
def line(ledger: Ledger, sandbox: RunningSandbox) -> Line:
    made = Line(ledger, sandbox, proves=False)
    made.log_in()
    return made


@pytest.fixture
def firms(ledger: Ledger, sandbox: RunningSandbox) -> Line:
    made = Line(ledger, sandbox, entity="Accounts")
    made.log_in()
    return made


def hire(sandbox: RunningSandbox, count: int, created: str | None = None) -> list[str]:
    """Let people appear at Exact; return their IDs."""
    exact = sandbox.sandbox.exact
    first = len(exact.contents()[str(DIVISION)]["Contacts"])
    when = {"Created": created} if created else {}
    return [
        exact.add_contact(
            DIVISION, {"FirstName": "Sanne", "LastName": f"P{n}", "Email": f"s{n}@example.org", **when}
        )["ID"]
        for n in range(first, first + count)
    ]


def found(sandbox: RunningSandbox, count: int) -> None:
    """Let firms appear at Exact, each with a main contact."""
    for person in hire(sandbox, count):
        sandbox.sandbox.exact.add_account(DIVISION, {"Name": f"Firm of {person}", "MainContact": person})


@contextmanager
def calls(sandbox: RunningSandbox) -> Iterator[Counter[str]]:
    """Count the calls that the sandbox sees, by endpoint; logins are left out."""
    counted: Counter[str] = Counter()
    sandbox.sandbox.log.clear()
    yield counted
    counted.update(e.kind for e in sandbox.sandbox.log.entries() if not e.kind.endswith("token"))


@contextmanager
def statements(ledger: Ledger) -> Iterator[list[str]]:
    """Keep the statements that reach the ledger's database."""
    seen: list[str] = []

    def remember(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(ledger._database.engine, "before_cursor_execute", remember)
    yield seen
    seen[:] = [one for one in seen if not one.startswith("BEGIN")]
    event.remove(ledger._database.engine, "before_cursor_execute", remember)


@pytest.mark.parametrize(("new", "pages"), [(0, 1), (1, 1), (19, 1), (20, 2)])
def test_a_live_run_costs_a_call_per_page_and_one_per_applicant(
    line: Line, sandbox: RunningSandbox, new: int, pages: int
) -> None:
    """The fewest possible: the last row read comes along as a witness, and an application takes one applicant."""
    sandbox.sandbox.settings.exact.bulk_page_size = 20
    hire(sandbox, 1)
    with calls(sandbox) as begun:
        line.run("first")
    assert begun == {CONTACTS: 1, POST: 1}
    hire(sandbox, new)
    with calls(sandbox) as made:
        line.run("second")
    assert made == Counter({CONTACTS: pages}) + Counter({POST: new})


@pytest.mark.parametrize(("people", "pages"), [(0, 0), (1, 1), (60, 1), (61, 2)])
def test_a_window_costs_a_count_and_a_call_per_sixty(
    line: Line, sandbox: RunningSandbox, people: int, pages: int
) -> None:
    """One more than the fewest possible: a window is counted before it is known how to read it."""
    # As many others that the feed would cost more calls than the pages.
    sandbox.sandbox.settings.exact.bulk_page_size = 10
    hire(sandbox, 100)
    hire(sandbox, people, created="2026-02-02T12:00:00")
    with calls(sandbox) as made:
        run = line.start("w", created_from=WINDOW[0], created_to=WINDOW[1])
        for stage in (run.plan, run.extract, run.decide):
            stage()
    assert made == Counter({"crm/Contacts/$count": 1}) + Counter({"crm/Contacts": pages})


@pytest.mark.parametrize(("new", "lookups"), [(0, 0), (1, 1), (60, 1), (61, 2)])
def test_an_account_run_looks_sixty_main_contacts_up_at_a_time(
    firms: Line, sandbox: RunningSandbox, new: int, lookups: int
) -> None:
    found(sandbox, new)
    with calls(sandbox) as made:
        run = firms.start("first", start_from="beginning")
        for stage in (run.plan, run.extract, run.decide):
            stage()
    assert made == Counter({ACCOUNTS: 1}) + Counter({"crm/Contacts": lookups})


def test_statements_of_reading_and_deciding_do_not_depend_on_how_many_are_new(
    ledger: Ledger, line: Line, sandbox: RunningSandbox
) -> None:
    """A page is written at once, and so is a chunk of decisions; each applicant has statements of its own."""
    hire(sandbox, 1)
    line.run("first")
    deciding, sending = {}, {}
    for new in (1, 21):
        hire(sandbox, new)
        run = line.start(f"{new} new", start_from="beginning")
        run.plan()
        with statements(ledger) as made:
            run.extract()
            run.decide()
        deciding[new] = len(made)
        with statements(ledger) as made:
            run.load()
        sending[new] = len(made)
        run.commit()
    assert deciding[21] <= deciding[1] + CORRECTION <= 50
    # Slot, claim, lease, outcome, event, count: each is durable before the next step.
    assert (sending[21] - sending[1] - CORRECTION) / 20 <= 18


def test_statements_of_a_run_with_nothing_new_do_not_grow_with_the_ledger(
    ledger: Ledger, line: Line, sandbox: RunningSandbox
) -> None:
    counts = []
    for number, new in enumerate((1, 20)):
        hire(sandbox, new)
        line.run(f"busy {number}")
        with statements(ledger) as made:
            line.run(f"idle {number}")
        counts.append(len(made))
    assert counts[1] <= counts[0] + CORRECTION <= 68

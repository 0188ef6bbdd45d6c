"""A replay run says which marked records it did not decide, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.ledger.tables import staged
from include.replay import plan, replay, selection
from line import DIVISION, Line
from moved import applicants, people

if TYPE_CHECKING:
    import pytest

    from include.ledger import Ledger
    from include.sandbox.server import RunningSandbox


def refused(ledger: Ledger, sandbox: RunningSandbox, *numbers: int) -> Line:
    """Return a line whose live run rejected these people, who have no last name; all are marked."""
    line = Line(ledger, sandbox)
    line.log_in()
    for number in numbers:
        person = {"FirstName": "Sanne", "Email": f"sanne{number}@example.org", "Created": "2026-01-05T12:00:00"}
        sandbox.sandbox.exact.add_contact(DIVISION, person)
    line.run("r1")
    mark(ledger)
    return line


def mark(ledger: Ledger) -> None:
    chosen = selection(ledger, all_rejected=True)
    replay(ledger, chosen, plan(ledger, chosen))


def decide(line: Line, run_id: str, **params: int) -> dict[str, int]:
    run = line.start(run_id, replay_only=True, overrides={"last_name": "Proef"}, **params)
    run.plan()
    run.extract()
    return run.decide()


def test_nothing_left_is_not_spoken_of(ledger: Ledger, sandbox: RunningSandbox) -> None:
    line = refused(ledger, sandbox, 1)
    assert "left_marked" not in decide(line, "p1")


def test_run_for_another_position_names_the_one_that_is_meant(
    ledger: Ledger, sandbox: RunningSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    line = refused(ledger, sandbox, 1, 2)
    line.position = 1002
    assert decide(line, "p1")["left_marked"] == 2
    assert '"job_position_id": 1001' in caplog.text
    assert applicants(sandbox) == []
    line.position = 1001
    line.start("p2", replay_only=True, overrides={"last_name": "Proef"}).go()
    assert applicants(sandbox) == people(1, 2)


def test_run_that_ends_early_says_how_many_are_left(ledger: Ledger, sandbox: RunningSandbox) -> None:
    line = refused(ledger, sandbox, 1, 2, 3)
    assert decide(line, "p1", max_records=1)["left_marked"] == 2


def test_content_that_is_gone_is_a_reason(
    ledger: Ledger, sandbox: RunningSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    line = refused(ledger, sandbox, 1)
    with ledger._database.write() as connection:
        connection.execute(staged.update().values(sealed=b""))
    assert decide(line, "p1")["left_marked"] == 1
    assert "EXACT_PERSONIO_RETENTION_DAYS" in caplog.text

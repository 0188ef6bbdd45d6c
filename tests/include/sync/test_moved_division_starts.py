"""A moved division and where a stream starts: ``start_from``, an edited XCom, an old run that is cleared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from line import DIVISION
from moved import DIVISIONS, LONG_AGO, applicants, calls, highest, hire, mark_of, move, of_entity, people

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.sandbox.server import RunningSandbox
    from line import Line


@pytest.fixture
def line(ledger: Ledger, sandbox: RunningSandbox) -> Line:
    return of_entity(ledger, sandbox, "Contacts")


def test_a_moved_division_keeps_its_start(line: Line, sandbox: RunningSandbox) -> None:
    """With start_from=now the history stays out, also when everything is read again."""
    hire(sandbox, 0, 1, Created=LONG_AGO)
    line.run("r1", start_from="now")
    hire(sandbox, 2)
    line.run("r2", start_from="now")
    begun = mark_of(line).created_from
    move(sandbox)
    hire(sandbox, 3)
    line.run("r3", start_from="now")
    assert applicants(sandbox) == people(2, 3)
    assert mark_of(line).created_from == begun


def test_a_division_that_had_moved_before_the_first_run_is_not_read_again(
    line: Line, sandbox: RunningSandbox
) -> None:
    """The date is asked for once, so that the history of a stream that began with now is never read for it."""
    hire(sandbox, 0, 1, Created=LONG_AGO)
    move(sandbox)
    line.run("r1", start_from="now")
    *_, newest = hire(sandbox, 2)
    line.run("r2", start_from="now")
    sandbox.sandbox.exact.delete(DIVISION, "Contacts", newest)
    calls(sandbox)
    line.run("r3", start_from="now")
    assert calls(sandbox) == ["sync/CRM/Contacts", DIVISIONS]
    assert line.ledger.staging.totals(line.job.stream, "r3").read == 0
    assert mark_of(line).value > 1


def test_a_move_that_an_earlier_start_comes_across(line: Line, sandbox: RunningSandbox) -> None:
    """A run that reads everything for its start_from has no witness: it asks, and changes are seen."""
    hire(sandbox, 0, 1, Created=LONG_AGO)
    [late] = hire(sandbox, 2)
    sandbox.sandbox.exact.update(DIVISION, "Contacts", late, {"Email": ""})
    line.run("r1", start_from="now")
    hire(sandbox, 3)
    line.run("r2", start_from="now")
    move(sandbox)
    sandbox.sandbox.exact.update(DIVISION, "Contacts", late, {"Email": "sanne2@example.org"})
    line.run("r3", start_from="beginning")
    assert applicants(sandbox) == people(0, 1, 2, 3)
    line.run("r4", start_from="now")
    assert applicants(sandbox) == people(0, 1, 2, 3)


def test_a_lowered_xcom_after_a_move_is_obeyed(line: Line, sandbox: RunningSandbox) -> None:
    hire(sandbox, 0, 1)
    line.run("r1")
    move(sandbox)
    line.run("r2")
    line.watermarks["r2"]["to"] = "1"
    line.run("r3")
    line.run("r4")
    assert applicants(sandbox) == people(0, 1)
    assert mark_of(line).value == highest(sandbox, "Contacts")


def test_an_old_run_that_is_cleared_after_a_move_does_not_carry_the_old_versions_over(
    line: Line, sandbox: RunningSandbox
) -> None:
    """Its window began in the old row versions; the watermark stays in the new ones."""
    hire(sandbox, 0, 1)
    line.run("r1")
    hire(sandbox, 2)
    line.run("r2")
    move(sandbox)
    line.run("r3")
    line.run("r2")
    assert mark_of(line).value == highest(sandbox, "Contacts")
    hire(sandbox, 3)
    line.run("r4")
    assert applicants(sandbox) == people(0, 1, 2, 3)

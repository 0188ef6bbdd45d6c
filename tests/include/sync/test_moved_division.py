"""Exact moves the division to another database: nothing is lost, nobody is sent twice, and the price is known."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from include.errors import ServiceUnavailableError
from include.ledger.watermarks import Watermarks
from include.sandbox.faults import Fault
from line import DIVISION
from moved import DIVISIONS, applicants, calls, highest, hire, mark_of, move, of_entity, people

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.records import Entity
    from include.sandbox.server import RunningSandbox
    from line import Line


@pytest.fixture
def line(ledger: Ledger, sandbox: RunningSandbox) -> Line:
    return of_entity(ledger, sandbox, "Contacts")


@pytest.mark.parametrize("versions", ["below", "above"])
@pytest.mark.parametrize("entity", ["Contacts", "Accounts"])
def test_what_came_before_and_after_the_move_arrives_and_nobody_twice(
    ledger: Ledger, sandbox: RunningSandbox, entity: Entity, versions: str, caplog: pytest.LogCaptureFixture
) -> None:
    line = of_entity(ledger, sandbox, entity)
    hire(sandbox, *range(5))
    line.run("r1")
    hire(sandbox, 10)
    move(sandbox, versions)
    hire(sandbox, 11)
    with caplog.at_level(logging.WARNING):
        line.run("r2")
    assert applicants(sandbox) == people(*range(5), 10, 11)
    assert [record.getMessage() for record in caplog.records if "another database" in record.getMessage()] != []
    mark = mark_of(line)
    assert (mark.value, mark.run_id) == (highest(sandbox, entity), "r2")
    assert line.watermarks["r2"]["to"] == str(mark.value)
    hire(sandbox, 12)
    line.run("r3")
    assert applicants(sandbox) == people(*range(5), 10, 11, 12)
    calls(sandbox)
    assert line.run("r4") == {}
    assert calls(sandbox) == [f"sync/CRM/{entity}"]


def test_a_changed_record_is_seen_although_its_row_version_is_lower(line: Line, sandbox: RunningSandbox) -> None:
    """One was rejected for want of an address, and gets one around the move; others were sent and change."""
    sent, before, after = hire(sandbox, 0, 1, 2)
    exact = sandbox.sandbox.exact
    for contact in (before, after):
        exact.update(DIVISION, "Contacts", contact, {"Email": ""})
    line.run("r1")
    assert line.states() == {"created": 1, "rejected": 2}
    exact.update(DIVISION, "Contacts", before, {"Email": "sanne1@example.org"})
    move(sandbox)
    exact.update(DIVISION, "Contacts", after, {"Email": "sanne2@example.org"})
    exact.update(DIVISION, "Contacts", sent, {"LastName": "Anders"})
    line.run("r2")
    assert applicants(sandbox) == people(0, 1, 2)
    assert line.states() == {"created": 3}
    kinds = [event.kind for event in line.ledger.deliveries.history(sent)]
    assert kinds.count("changed_after_load") == 1
    line.run("r3")
    assert applicants(sandbox) == people(0, 1, 2)


def test_a_quiet_run_does_not_count_its_witness(line: Line, sandbox: RunningSandbox) -> None:
    hire(sandbox, 0, 1)
    line.run("r1")
    calls(sandbox)
    line.run("r2")
    assert calls(sandbox) == ["sync/CRM/Contacts"]
    totals = line.ledger.staging.totals(line.job.stream, "r2")
    assert (totals.read, totals.new, totals.unchanged) == (0, 0, 0)
    hire(sandbox, 2)
    line.run("r3")
    totals = line.ledger.staging.totals(line.job.stream, "r3")
    assert (totals.read, totals.new, totals.unchanged) == (1, 1, 0)


@pytest.mark.parametrize("what", ["changed", "deleted"])
def test_a_witness_that_is_gone_is_no_move(line: Line, sandbox: RunningSandbox, what: str) -> None:
    """Exact's dates of the move are asked for once, and nothing is read again."""
    *_, newest = hire(sandbox, 0, 1, 2)
    line.run("r1")
    if what == "deleted":
        sandbox.sandbox.exact.delete(DIVISION, "Contacts", newest)
    else:
        sandbox.sandbox.exact.update(DIVISION, "Contacts", newest, {"Notes": "changed"})
    calls(sandbox)
    line.run("r2")
    assert calls(sandbox) == ["sync/CRM/Contacts", DIVISIONS]
    assert line.ledger.staging.totals(line.job.stream, "r2").read == (what == "changed")
    hire(sandbox, 3)
    line.run("r3")
    calls(sandbox)
    line.run("r4")
    assert calls(sandbox) == ["sync/CRM/Contacts"]
    assert applicants(sandbox) == people(0, 1, 2, 3)


def test_another_record_at_the_watermark_is_no_witness(line: Line, sandbox: RunningSandbox) -> None:
    """By chance the new row versions hold the old watermark, but another record has it."""
    hire(sandbox, 0, 1, 2)
    line.run("r1")
    reached = mark_of(line).value
    hire(sandbox, 3)
    move(sandbox)
    numbers = iter((reached - 2, reached - 1, reached + 5, reached))
    table = sandbox.sandbox.exact.division(DIVISION).tables["Contacts"]
    rows = {int(row["Timestamp"]): row for row in table.rows.values()}
    by_version = [rows[version] for version in sorted(rows)]
    assert len(by_version) == 4
    table.renumber(lambda: next(numbers))
    line.run("r2")
    assert applicants(sandbox) == people(0, 1, 2, 3)


def test_a_login_without_the_right_reads_everything_again(line: Line, sandbox: RunningSandbox) -> None:
    sandbox.sandbox.settings.exact.missing_scopes = [DIVISIONS]
    hire(sandbox, 0, 1, 2)
    line.run("r1")
    hire(sandbox, 3)
    move(sandbox)
    for run in ("r2", "r3"):
        line.run(run)
        assert applicants(sandbox) == people(0, 1, 2, 3)
    calls(sandbox)
    line.run("r4")
    assert calls(sandbox) == ["sync/CRM/Contacts"]


def test_a_crash_after_forgetting_loses_nothing(
    line: Line, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run's retry, or the next run, reads from the start; plan does not trip over the old XCom."""
    hire(sandbox, 0, 1, 2)
    line.run("r1")
    hire(sandbox, 3)
    move(sandbox)
    restart = Watermarks.restart

    def die(*args: Any, **kwargs: Any) -> None:
        restart(*args, **kwargs)
        raise OSError("power cut")

    monkeypatch.setattr(Watermarks, "restart", die)
    with pytest.raises(OSError, match="power cut"):
        line.run("r2")
    monkeypatch.undo()
    assert mark_of(line).value == 1
    hire(sandbox, 4)
    line.run("r3")
    assert applicants(sandbox) == people(0, 1, 2, 3, 4)
    line.run("r2")
    line.run("r4")
    assert applicants(sandbox) == people(0, 1, 2, 3, 4)
    assert mark_of(line).value == highest(sandbox, "Contacts")


def test_a_crash_while_reading_again_resumes_at_its_page(line: Line, sandbox: RunningSandbox) -> None:
    sandbox.sandbox.settings.exact.bulk_page_size = 2
    hire(sandbox, *range(5))
    line.run("r1")
    hire(sandbox, 5)
    move(sandbox)
    # The first call finds no witness, the second reads the first page anew, the third fails.
    sandbox.sandbox.faults.add(Fault("status", match="GET sync/CRM/Contacts", after=2, times=3, status=503))
    with pytest.raises(ServiceUnavailableError):
        line.run("r2")
    calls(sandbox)
    line.run("r2")
    assert calls(sandbox) == [DIVISIONS, *["sync/CRM/Contacts"] * 2]
    assert applicants(sandbox) == people(*range(6))
    line.run("r3")
    assert applicants(sandbox) == people(*range(6))


@pytest.mark.parametrize("versions", ["below", "overlapping"])
def test_a_move_between_two_attempts_of_a_read(line: Line, sandbox: RunningSandbox, versions: str) -> None:
    """The first page is kept, and where the second began means nothing any more."""
    sandbox.sandbox.settings.exact.bulk_page_size = 2
    hire(sandbox, *range(5))
    line.run("r1")
    reached = mark_of(line).value
    hire(sandbox, *range(10, 15))
    sandbox.sandbox.faults.add(Fault("status", match="GET sync/CRM/Contacts", after=1, times=3, status=503))
    with pytest.raises(ServiceUnavailableError):
        line.run("r2")
    move(sandbox)
    if versions == "overlapping":
        numbers = iter(range(reached, reached + 1000, 4))
        sandbox.sandbox.exact.division(DIVISION).tables["Contacts"].renumber(lambda: next(numbers))
    line.run("r2")
    assert applicants(sandbox) == people(*range(5), *range(10, 15))
    assert mark_of(line).value == highest(sandbox, "Contacts")

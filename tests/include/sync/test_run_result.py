"""What a run is said to have come to: true in every mode, the same after every commit, and no burden to a commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from line import DIVISION, Line

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.ledger.run_results import RunResult
    from include.sandbox.server import RunningSandbox

NONE = {
    **dict.fromkeys(("read", "new", "changed", "created", "already_there", "matched", "unmatched"), 0),
    **dict.fromkeys(("rejected", "skipped_by_rule", "pending"), 0),
}


@pytest.fixture
def line(ledger: Ledger, sandbox: RunningSandbox) -> Line:
    made = Line(ledger, sandbox)
    made.log_in()
    return made


def hire(sandbox: RunningSandbox, count: int, first: int = 0, **fields: Any) -> None:
    exact = sandbox.sandbox.exact
    account = exact.add_account(DIVISION, {"Name": f"Voorbeeld {first}"})["ID"]
    for number in range(first, first + count):
        person = {"FirstName": "Sanne", "LastName": f"Proef{number}", "Email": f"sanne{number}@example.org"}
        exact.add_contact(DIVISION, {"Account": account, **person, **fields})


def kept(line: Line, run_id: str) -> RunResult:
    (result,) = line.ledger.run_results.of_run(line.job.run_key(run_id))
    return result


def test_each_run_tells_of_itself(line: Line, sandbox: RunningSandbox) -> None:
    """Not of the whole stream; and one without news says so."""
    hire(sandbox, 4)
    hire(sandbox, 2, first=10, Email="nobody")
    line.run("r1")
    assert kept(line, "r1").counts == NONE | {"read": 6, "new": 6, "created": 4, "rejected": 2}
    hire(sandbox, 3, first=20)
    line.run("r2")
    assert kept(line, "r2").counts == NONE | {"read": 3, "new": 3, "created": 3}
    line.run("r3")
    assert kept(line, "r3").counts == NONE
    told = line.watermarks["r2"]
    assert (kept(line, "r2").after, kept(line, "r2").reached) == (int(told["from"]), int(told["to"]))
    assert told["counts"] == {"created": 3}


def test_calls_are_those_that_the_services_saw(line: Line, sandbox: RunningSandbox) -> None:
    hire(sandbox, 2)
    sandbox.sandbox.log.clear()
    line.run("r1")
    seen = [entry.service for entry in sandbox.sandbox.log.entries()]
    assert kept(line, "r1").calls == {"exact": seen.count("exact"), "personio": seen.count("personio")}


def test_started_when_planned_and_ended_when_committed(line: Line, sandbox: RunningSandbox) -> None:
    hire(sandbox, 1)
    line.run("r1")
    result = kept(line, "r1")
    assert result.started_at == line.ledger.windows.pinned_at(line.job.stream, "r1")
    assert result.started_at is not None
    assert result.ended_at is not None
    assert result.started_at <= result.ended_at


def test_what_is_not_sent_is_pending_and_the_next_run_has_sent_it(line: Line, sandbox: RunningSandbox) -> None:
    hire(sandbox, 3)
    run = line.start("r1", start_from="beginning")
    run.plan()
    run.extract()
    run.decide()
    run.commit()
    assert kept(line, "r1").counts == NONE | {"read": 3, "new": 3, "pending": 3}
    line.run("r2")
    assert kept(line, "r2").counts["created"] == 3
    run.commit()
    assert kept(line, "r1").counts["pending"] == 3, "a commit that is cleared says the same again"


def test_runs_of_history_stand_in_their_own_lane(line: Line, sandbox: RunningSandbox) -> None:
    hire(sandbox, 3, Created="2026-01-31T12:00:00")
    line.preview("p1", created_from="2026-01-01", created_to="2026-02-28")
    assert kept(line, "p1").mode == "preview"
    assert kept(line, "p1").counts["ready"] == 3
    assert kept(line, "p1").counts["created"] == 0
    line.canary("c1", created_from="2026-01-01", created_to="2026-02-28")
    assert (kept(line, "c1").mode, kept(line, "c1").counts["created"]) == ("canary", 1)
    line.window("w1", "2026-01-01", "2026-02-28")
    assert (kept(line, "w1").mode, kept(line, "w1").counts["created"]) == ("window", 2)
    assert kept(line, "w1").dag_id == f"{line.job.stream.dag_id}/history"
    assert line.ledger.run_results.last(line.job.stream, "application") is None


def test_a_commit_is_none_the_worse_for_a_result_that_cannot_be_kept(
    line: Line, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OperationalError("INSERT", {}, Exception("database is locked"))

    hire(sandbox, 2)
    monkeypatch.setattr(line.ledger.run_results, "write", fail)
    line.run("r1")
    assert line.watermarks["r1"]["advanced"]
    assert "was not kept" in caplog.text
    assert line.ledger.run_results.newest(5) == []


def test_it_costs_a_commit_five_statements_however_much_is_in_the_ledger(line: Line, sandbox: RunningSandbox) -> None:
    made: list[str] = []
    engine = line.ledger._database.engine

    def remember(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        made.append(statement)

    def cost(run_id: str) -> list[str]:
        run = line.start(run_id, start_from="beginning")
        run.plan()
        run.extract()
        run.decide()
        event.listen(engine, "before_cursor_execute", remember)
        run.commit()
        event.remove(engine, "before_cursor_execute", remember)
        told = [text for text in made if not text.startswith("BEGIN")]
        made.clear()
        return told

    hire(sandbox, 2)
    few = cost("r1")
    hire(sandbox, 70, first=100)
    many = cost("r2")
    assert len(few) == len(many)
    own = [text for text in many if "ledger_run_results" in text or "ledger_events" in text or "_calls" in text]
    assert len(own) == 3
    assert len([text for text in many if "ledger_extracts" in text]) == 2, "one for the watermark, one for the counts"

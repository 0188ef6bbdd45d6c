"""What runs came to: kept once per run, found by run, by time and by day, from indexes alone."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from include.records import StreamKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.ledger import Ledger
    from include.records import Decision
    from tests.include.ledger.conftest import Clock

DAG = "exact_contacts_to_personio_applications"
STREAM = StreamKey(DAG, 124132, "Contacts")
DESK: Any = (4242, "application", 1001)
DAY = 86_400


def write(ledger: Ledger, run: str, stream: StreamKey = STREAM, **counts: int) -> None:
    ledger.run_results.write(
        *(stream, "application", f"{DAG}/{run}"),
        mode="live",
        started_at=None,
        after=5,
        reached=9,
        counts=counts,
        calls={"exact": 2},
    )


def test_a_run_is_kept_once_however_often_it_commits(ledger: Ledger, clock: Clock) -> None:
    write(ledger, "r1", created=1)
    clock.advance(60)
    write(ledger, "r1", created=3)
    (kept,) = ledger.run_results.of_run(f"{DAG}/r1")
    assert (kept.dag, kept.run_id, kept.mode, kept.after, kept.reached) == (DAG, "r1", "live", 5, 9)
    assert (kept.counts, kept.calls, kept.forecast, kept.ended_at) == ({"created": 3}, {"exact": 2}, None, clock.at)
    assert ledger.run_results.of_run(f"{DAG}/r2") == []


def test_what_was_foretold_outlives_the_commit(ledger: Ledger) -> None:
    write(ledger, "r1", created=1)
    with ledger._database.write() as connection:
        connection.execute(text("UPDATE ledger_run_results SET forecast = '{\"records\": 7}'"))
    write(ledger, "r1", created=2)
    assert [(one.forecast, one.counts) for one in ledger.run_results.newest(5)] == [({"records": 7}, {"created": 2})]


def test_runs_are_listed_from_the_newest_on_page_after_page(ledger: Ledger, clock: Clock) -> None:
    """Also those that ended at the same moment."""
    for number in range(7):
        write(ledger, f"r{number}", created=number)
        clock.advance(60 if number % 3 == 0 else 0)
    seen, before = [], None
    while page := ledger.run_results.newest(2, before):
        seen += [one.run_id for one in page]
        assert page[-1].ended_at is not None
        before = (page[-1].ended_at, page[-1].run)
    assert seen == ["r6", "r5", "r4", "r3", "r2", "r1", "r0"]
    last = ledger.run_results.last(STREAM, "application")
    assert last is not None
    assert last.counts == {"created": 6}
    assert ledger.run_results.last(STREAM.history(), "application") is None


def test_days_are_summed_up_and_days_without_runs_are_there(ledger: Ledger, clock: Clock) -> None:
    write(ledger, "long ago", created=100)
    clock.advance(3 * DAY)
    write(ledger, "r1", created=1, rejected=2)
    write(ledger, "r2", created=4)
    write(ledger, "other lane", STREAM.history(), created=50)
    clock.advance(DAY)
    write(ledger, "r3", read=5)
    assert ledger.run_results.per_day(STREAM, "application", 3) == {
        date(2026, 3, 3): {},
        date(2026, 3, 4): {"created": 5, "rejected": 2},
        date(2026, 3, 5): {"read": 5},
    }


def test_every_question_is_answered_by_an_index(
    sqlite_ledger: Ledger, plans: Callable[..., dict[str, list[str]]], clock: Clock
) -> None:
    def ask() -> None:
        results = sqlite_ledger.run_results
        results.of_run("r")
        results.newest(5)
        results.newest(5, (clock.at, "r"))
        results.last(STREAM, "application")
        results.per_day(STREAM, "application", 14)
        sqlite_ledger.outcomes.came_to("r")

    found = [line for plan in plans(ask).values() for line in plan if "ledger_" in line]
    assert found
    # The newest are read from the end of their index, and no further than asked.
    ends = "SCAN ledger_run_results USING INDEX ix_ledger_run_results_ended"
    assert [line for line in found if not line.startswith(("SEARCH", ends)) or " USING " not in line] == []


def test_results_are_forgotten_after_a_year_whatever_is_asked(ledger: Ledger, clock: Clock) -> None:
    write(ledger, "r1", created=1)
    clock.advance(364 * DAY)
    assert ledger.retention.purge(clock.at - timedelta(days=30))["run_results"] == 0
    clock.advance(2 * DAY)
    assert ledger.retention.purge(clock.at - timedelta(days=500))["run_results"] == 0
    assert ledger.retention.purge(clock.at - timedelta(days=30))["run_results"] == 1
    assert ledger.run_results.newest(5) == []


def test_run_left_each_record_in_one_state(
    ledger: Ledger, stream: StreamKey, ready: Callable[..., Decision], rejected: Callable[..., Decision], clock: Any
) -> None:
    """Unlike what a load tells, also what it only decided; others' records for other positions are none of its."""
    decisions = [*(ready(number) for number in range(4)), rejected(6), rejected(7)]
    ledger.deliveries.decide(stream, "application", 1001, 4242, decisions, "run")
    for state in ("created", "rejected", "retry"):
        claim = ledger.deliveries.claim(*DESK, run_id="run")
        assert claim is not None
        due = clock.at.replace(year=2027) if state == "retry" else None
        assert ledger.deliveries.settle(claim, state, due_at=due)
    assert ledger.outcomes.came_to("run") == {"created": 1, "rejected": 3, "retry": 1, "ready": 1}
    # A record that waits for this position is made ready for another one.
    other = ready(3)
    ledger.deliveries.decide(stream, "application", 2002, 4242, [other], "next")
    assert ledger.outcomes.came_to("next") == {"ready": 1}
    assert ledger.outcomes.came_to("run") == {"created": 1, "rejected": 3, "retry": 1, "ready": 1}


def test_a_forecast_is_kept_under_its_run_and_is_no_run_of_the_stream(ledger: Ledger, clock: Clock) -> None:
    write(ledger, "r1", created=1)
    clock.advance(60)
    told = {"records": {"to_send": 7}}
    for _ in range(2):
        ledger.run_results.foretell(STREAM, "application", f"{DAG}/told", made_at=clock.at, forecast=told)
    (kept,) = ledger.run_results.of_run(f"{DAG}/told")
    assert (kept.mode, kept.forecast, kept.ended_at, kept.counts) == ("forecast", told, clock.at, {})
    last = ledger.run_results.last(STREAM, "application")
    assert last is not None
    assert last.run_id == "r1"
    assert [one.run_id for one in ledger.run_results.forecasts(STREAM, "application", 5)] == ["told"]


def test_a_run_keeps_what_was_foretold_of_it_whichever_came_first(ledger: Ledger, clock: Clock) -> None:
    told = {"records": {"to_send": 7}}
    ledger.run_results.foretell(STREAM, "application", f"{DAG}/r1", made_at=clock.at, forecast=told)
    write(ledger, "r1", created=7)
    write(ledger, "r2", created=1)
    ledger.run_results.foretell(STREAM, "application", f"{DAG}/r2", made_at=clock.at, forecast=told)
    for run, created in (("r1", 7), ("r2", 1)):
        (kept,) = ledger.run_results.of_run(f"{DAG}/{run}")
        assert (kept.mode, kept.forecast, kept.counts) == ("live", told, {"created": created})


def test_newest_of_some_lanes_alone(ledger: Ledger) -> None:
    write(ledger, "r1")
    write(ledger, "r2", STREAM.history())
    assert sorted(ledger.run_results.lanes()) == [DAG, f"{DAG}/history"]
    assert [one.run_id for one in ledger.run_results.newest(9, lanes=[DAG])] == ["r1"]
    assert ledger.run_results.newest(9, lanes=[]) == []

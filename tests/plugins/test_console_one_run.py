"""The page and the tab of one run: all that is known of it, beside what was foretold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from console_reading import words
from console_rights import refuse_dags
from console_runs import DAG, LIST, ONE, STREAM, TAB, read, write
from include.errors import ConfigurationError
from include.ledger import open_ledger
from include.records import Decision, RecordFilter, Window
from preview_samples import RUN, keep, record, rejected, source_id

if TYPE_CHECKING:
    import httpx

    from console import Console


def test_one_run_tells_all_that_is_known_of_it(admin: httpx.Client) -> None:
    lane = STREAM.history()
    where = RecordFilter(country=("NL", "DE"), only_main_contacts=True)
    begin, end = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    window = Window("window", 0, begin, end, advances=False, reading="pages", where=where, max_records=100)
    decisions = [Decision(source_id(number), 1, "rejected", "exact.Email.missing", "Email") for number in range(3)]
    name = f"{DAG}/manual__1"
    with open_ledger() as ledger:
        ledger.windows.pin(lane, "manual__1", window)
        ledger.windows.note(lane, "manual__1", calls=4, why="Pages of 60 take 4 calls.")
        ledger.deliveries.decide(lane, "application", 1001, 4242, decisions, name, fingerprint="m1")
        for status in (200, 200, 429):
            ledger.meter(name).count("exact", "crm/Contacts", status)
        ledger.approvals.ask(name, {"records": 7, "mode": "window"})
        ledger.approvals.answer(name, "approve", "grace", datetime.now(UTC))
    write("manual__1", lane)
    answer = read(admin, ONE, run=name)
    assert answer.status_code == 200
    text = words(answer)
    for told in (
        "7 created 2 already there 1 pending 3 rejected",
        "2,345 rows of Exact, 12 of them new, 3 changed",
        "5; the fewest possible: 4",
        "pages Pages of 60 take 4 calls.",
        "At most 100 records",
        "country NL, DE",
        "exact crm/Contacts 200 : 2, 429 : 1 3",
        "exact.Email.missing Email 3 The field is required",
        "Asked for 7 records",
        "Answer approve By grace",
    ):
        assert told in text, told
    assert 'data-go="parent" href="/dags/' in answer.text


def test_run_that_is_under_way_says_so(admin: httpx.Client) -> None:
    with open_ledger() as ledger:
        ledger.windows.pin(STREAM, "r1", Window("live", 1000))
    assert "It is under way" in words(read(admin, ONE, run=f"{DAG}/r1"))
    write("r1")
    assert "It is under way" not in words(read(admin, ONE, run=f"{DAG}/r1"))


def test_forecast_stands_beside_what_came(admin: httpx.Client) -> None:
    lane, name = STREAM.history(), f"{DAG}/manual__1"
    begin, end = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    told = {
        "records": {"to_send": 12, "rejected": 3, "skipped_by_rule": 0},
        "calls": {"exact": {"total": 4}, "personio": {"total": 12}},
        "minutes": {"total": 0.5},
        "runs": 1,
        "lines": ["12 records would be sent."],
        "asked": {"mode": "window", "created_from": begin.isoformat(), "created_to": end.isoformat()},
    }
    other = {**told, "asked": {"mode": "window", "created_from": end.isoformat(), "created_to": None}}
    before = datetime.now(UTC) - timedelta(hours=1)
    with open_ledger() as ledger:
        ledger.windows.pin(lane, "manual__1", Window("window", 0, begin, end, advances=False, reading="pages"))
        ledger.run_results.foretell(lane, "application", f"{DAG}/told", made_at=before, forecast=told)
        ledger.run_results.foretell(lane, "application", f"{DAG}/else", made_at=before, forecast=other)
    write("manual__1", lane)
    text = words(read(admin, ONE, run=name))
    assert "Records to send 12 10 -2 Records rejected 3 3 0 Records skipped 0 0 0" in text
    assert "Calls to Exact 4 5 +1 Calls to Personio 12 11 -1 Minutes 0.5 3 +2.5" in text
    assert f"{DAG}/told" in text
    foretold = words(read(admin, ONE, run=f"{DAG}/told"))
    assert "12 records would be sent." in foretold
    assert "Forecast and what came" not in foretold


def test_preview_leads_to_its_records_only_who_may_see_people(console: Console) -> None:
    with open_ledger() as ledger:
        keep(ledger, [record(1), rejected(2)], RUN)
    for role, offered in (("admin", True), ("viewer", False)):
        answer = read(console.browser(role), ONE, run=RUN)
        assert answer.status_code == 200
        assert "would create" in answer.text
        assert ("/previews/run?run=" in answer.text) is offered
        assert "sanne" not in answer.text.lower()


@pytest.mark.parametrize("path", [LIST, ONE, TAB])
def test_dag_that_may_not_be_read_is_as_if_it_were_not_there(
    admin: httpx.Client, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    write("r1")
    write("r2", STREAM.history())
    error = ConfigurationError("It failed.", reason_code="x.y.z")
    with open_ledger() as ledger:
        ledger.failures.record(f"{DAG}/r3", "extract", error)
    query = {ONE: {"run": f"{DAG}/r1"}, TAB: {"dag": DAG, "run": "r1"}}.get(path, {})
    assert DAG in read(admin, path, **query).text
    refuse_dags(monkeypatch, lambda _, dag: dag == DAG)
    answer = read(admin, path, **query)
    assert answer.status_code == (200 if path == LIST else 404)
    assert DAG not in answer.text
    assert "It failed." not in answer.text


@pytest.mark.parametrize(
    "query",
    [
        {"dag": "other_dag", "run": "scheduled__1"},
        {"dag": DAG, "run": "{RUN_ID}"},
        {"dag": "{DAG_ID}", "run": "r1"},
        {"dag": DAG, "run": "no such"},
        {},
    ],
)
def test_tab_of_another_run_says_so_calmly(admin: httpx.Client, query: dict[str, str]) -> None:
    write("r1")
    answer = read(admin, TAB, **query)
    assert "it is not a run from Exact to Personio" in words(answer)
    assert "{" not in words(answer)
    assert "problem" not in answer.text


def test_tab_shows_the_run_without_the_consoles_own_tabs(admin: httpx.Client) -> None:
    write("r1")
    answer = read(admin, TAB, dag=DAG, run="r1", task="load", map="3")
    assert answer.status_code == 200
    assert "2,345 rows of Exact" in words(answer)
    assert "load[3]" in words(answer)
    assert 'class="tabs"' not in answer.text
    for number in ("-1", "{MAP_INDEX}"):
        assert "load[" not in read(admin, TAB, dag=DAG, run="r1", task="load", map=number).text
    assert "{TASK_ID}" not in read(admin, TAB, dag=DAG, run="r1", task="{TASK_ID}").text

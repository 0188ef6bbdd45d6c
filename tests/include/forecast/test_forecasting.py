"""A forecast says what the runs then do, and does nothing itself."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from foretold import day, told
from include.forecast import survey
from include.ledger.tables import metadata
from include.records import RecordFilter
from include.sync.asked import Asked
from line import DIVISION

if TYPE_CHECKING:
    from foretold import Oracle
    from include.records import Entity

COUNTED = {"ledger_calls", "ledger_pacer_grants", "ledger_pacer_buckets", "ledger_tokens", "ledger_secrets"}
"""What may grow: the calls, their pace and the login are the ledger's for everybody."""


@pytest.mark.parametrize("every", ["none", "month"])
def test_it_says_what_the_runs_then_do(oracle: Oracle, every: str) -> None:
    oracle.fill(contacts=600)
    forecast = oracle.asks("2024-01-01", "2025-01-01", every)
    assert forecast["exact"]
    assert told(forecast) == oracle.does("2024-01-01", "2025-01-01", every)


@pytest.mark.parametrize("entity", ["Accounts"])
def test_it_looks_main_contacts_up_as_the_runs_do(oracle: Oracle, entity: Entity) -> None:
    oracle.fill(contacts=400, accounts=400)
    forecast = oracle.asks("2024-01-01", "2025-07-01", "month")
    assert entity == "Accounts"
    assert forecast["calls"]["exact"]["look_up"] == 18
    assert told(forecast) == oracle.does("2024-01-01", "2025-07-01", "month")


@pytest.mark.parametrize("destination", ["employee", "employee_match"])
def test_it_knows_the_other_destinations_calls(oracle: Oracle) -> None:
    oracle.fill(contacts=300)
    for number in range(150):
        oracle.line.sandbox.sandbox.personio.add_person(f"e{number}@example.org", "E", "Wie", {})
    forecast = oracle.asks("2025-01-01", "2025-07-01")
    assert told(forecast) == oracle.does("2025-01-01", "2025-07-01")


def test_what_is_done_or_was_refused_before_is_not_done_again(oracle: Oracle) -> None:
    oracle.fill(contacts=600)
    done = oracle.does("2024-03-01", "2024-06-01")
    forecast = oracle.asks("2024-01-01", "2025-01-01")
    assert forecast["records"]["done_already"] == done["to_send"]
    assert forecast["records"]["refused_before"] == done["rejected"] + done["skipped_by_rule"]
    assert told(forecast) == oracle.does("2024-01-01", "2025-01-01")


def test_a_corrected_record_is_no_longer_refused(oracle: Oracle) -> None:
    made = oracle.fill(contacts=600)
    oracle.does("2024-01-01", "2025-01-01")
    wrong = [row["ID"] for row in made.contacts if made.troubles.get(row["ID"]) == "no_email"]
    exact, of_2024 = (
        oracle.line.sandbox.sandbox.exact,
        {row["ID"] for row in made.contacts if row["Created"].year == 2024},
    )
    exact.update(DIVISION, "Contacts", next(key for key in wrong if key in of_2024), {"Email": "now@example.org"})
    forecast = oracle.asks("2024-01-01", "2025-01-01")
    assert forecast["records"]["to_send"] == 1
    assert told(forecast) == oracle.does("2024-01-01", "2025-01-01", "month") | {"exact": told(forecast)["exact"]}


def test_who_was_sent_for_another_position_is_left_out(oracle: Oracle) -> None:
    oracle.fill(contacts=200)
    first = oracle.does("2024-01-01", "2025-01-01")
    oracle.line.position = 1002
    forecast = oracle.asks("2024-01-01", "2025-01-01")
    assert forecast["records"]["sent_elsewhere"] == first["to_send"]
    assert forecast["records"]["to_send"] == forecast["calls"]["personio"]["total"] == 0


def test_a_lane_that_has_read_the_feed_asks_for_one_page(oracle: Oracle) -> None:
    oracle.fill(contacts=600)
    oracle.does("2023-01-01", "2024-01-01")
    forecast = oracle.asks("2024-01-01", "2024-04-01", "month")
    assert [window["reading"] for window in forecast["windows"]] == ["feed"] * 3
    assert told(forecast) == oracle.does("2024-01-01", "2024-04-01", "month")


def test_a_filter_leaves_out_what_it_does_not_mean(oracle: Oracle) -> None:
    oracle.fill(contacts=400)
    forecast = oracle.asks("2024-01-01", "2025-01-01", where=RecordFilter(account_role="customer"))
    assert forecast["records"]["not_meant"] > 10
    assert told(forecast) == oracle.does("2024-01-01", "2025-01-01", account_role="customer")


def test_a_run_that_may_make_few_leaves_the_others(oracle: Oracle) -> None:
    oracle.fill(contacts=200)
    whole = oracle.asks("2024-01-01", "2025-01-01")["records"]["to_send"]
    forecast = oracle.asks("2024-01-01", "2025-01-01", max_records=3)
    assert (forecast["records"]["to_send"], forecast["records"]["left_for_later"]) == (3, whole - 3)
    assert forecast["calls"]["personio"] == {"create": 3, "total": 3}


@pytest.mark.parametrize("every", ["none", "month"])
def test_a_sample_comes_near_without_reading_all(oracle: Oracle, monkeypatch: pytest.MonkeyPatch, every: str) -> None:
    """Where reading all counts as too much, 600 of 1,100 records tell of them within the margin they give."""
    monkeypatch.setattr(survey, "WORTH", 0)
    oracle.fill(contacts=3000)
    sampled = oracle.asks("2022-01-01", "2025-01-01", every, sample=600)
    monkeypatch.undo()
    whole = oracle.asks("2022-01-01", "2025-01-01", every)
    assert not sampled["exact"]
    assert sampled["sampled"] < whole["sampled"] * 0.7
    assert sampled["records"]["total"] == whole["records"]["total"]
    for name, margin in sampled["margins"].items():
        assert abs(sampled["records"][name] - whole["records"][name]) <= margin < 60
    for name in ("to_send", "exact", "personio"):
        assert told(sampled)[name] == pytest.approx(told(whole)[name], rel=0.1)


def test_nothing_to_do_is_told_after_one_call(oracle: Oracle) -> None:
    forecast = oracle.asks("2024-01-01", "2025-01-01")
    assert forecast["spent"] == 1
    assert told(forecast) == {"exact": 1, "personio": 0, "to_send": 0, "rejected": 0, "skipped_by_rule": 0}
    assert forecast["minutes"]["total"] == 0


def test_it_writes_nothing_anywhere(oracle: Oracle) -> None:
    oracle.fill(contacts=300)
    oracle.does("2024-01-01", "2024-02-01")
    rows, log = _rows(oracle), oracle.line.sandbox.sandbox.log
    log.clear()
    oracle.asks("2024-01-01", "2025-01-01", "month")
    assert {entry.method for entry in log.entries() if entry.service == "exact"} == {"GET"}
    assert not [entry for entry in log.entries() if entry.service == "personio"]
    assert _rows(oracle) == rows


def test_it_says_what_it_took_itself(oracle: Oracle) -> None:
    oracle.fill(contacts=300)
    oracle.line.sandbox.sandbox.log.clear()
    forecast = oracle.asks("2024-01-01", "2025-01-01")
    assert forecast["spent"] == len(oracle.line.sandbox.sandbox.log.entries())


def test_a_task_gets_it_as_data_and_lines_without_anything_personal(
    oracle: Oracle, caplog: pytest.LogCaptureFixture
) -> None:
    oracle.fill(contacts=300)
    caplog.set_level(logging.INFO, "include.forecast")
    asked = Asked(mode="window", created_from=day("2024-01-01"), created_to=day("2025-01-01"))
    found = oracle.task(asked)
    text = json.dumps(found)
    assert json.loads(text) == found
    lines = [record.message for record in caplog.records if record.name.startswith("include.forecast")]
    assert lines == found["lines"]
    (kept,) = oracle.line.ledger.run_results.of_run(oracle.line.job.run_key("task"))
    assert kept.mode == "forecast"
    assert kept.forecast is not None
    assert {name: kept.forecast[name] for name in found} == found, "people compare it with what came"
    assert kept.forecast["asked"]["mode"] == "window"
    for row in oracle.line.sandbox.sandbox.exact.contents()[str(DIVISION)]["Contacts"]:
        assert not any(str(row[name]) in text for name in ("ID", "Email", "LastName") if row[name])


@pytest.mark.parametrize("start_from", ["now", "beginning", "2024-01-01"])
def test_the_first_live_run(oracle: Oracle, start_from: str) -> None:
    oracle.fill(contacts=300)
    forecast = told(oracle.task(Asked(start_from=start_from)))
    assert forecast == oracle.counted(lambda: oracle.line.run("r1", start_from=start_from))


def test_the_next_live_run_is_about_what_changed(oracle: Oracle) -> None:
    made, exact = oracle.fill(contacts=300), oracle.line.sandbox.sandbox.exact
    oracle.line.run("r1", start_from="2025-01-01")
    exact.update(DIVISION, "Contacts", made.contacts[0]["ID"], {"Notes": "old, and changed"})
    for number in range(3):
        email = {"Email": f"new{number}@example.org"} if number else {}
        exact.add_contact(
            DIVISION, {"Account": made.accounts[0]["ID"], "FirstName": "N", "LastName": f"Ieuw{number}", **email}
        )
    found = oracle.task(Asked(start_from="2025-01-01"))
    assert (found["records"]["total"], found["records"]["to_send"]) == (4, 2)
    # Skipped is who was skipped before, too.
    done = oracle.counted(lambda: oracle.line.run("r2", start_from="2025-01-01"))
    assert told(found) == done | {"skipped_by_rule": 1}


def _rows(oracle: Oracle) -> dict[str, int]:
    tables = {name: table for name, table in metadata.tables.items() if name not in COUNTED}
    with oracle.line.ledger._database.read() as connection:
        return {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in tables.items()
        }

"""Runs that somebody asks for, through Airflow's own task runner: windows, previews, canaries, forecasts, replays."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from airflow_home import DIVISION, Airflow
from include.ledger import open_ledger
from include.records import StreamKey
from include.sandbox.server import RunningSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.e2e
LIVE = "exact_contacts_to_personio_applications"
HISTORY = "exact_contacts_history"
MARCH = {"created_from": "2025-03-01", "created_to": "2025-04-01"}


@pytest.fixture
def airflow(tmp_path: Path) -> Iterator[Airflow]:
    """Six contacts: two of March 2025, one in the last second before it, one in the first after it, two older."""
    moments = ["2025-02-28T23:59:59", "2025-03-01T00:00:00", "2025-03-30T03:00:00", "2025-04-01T00:00:00"]
    with RunningSandbox() as sandbox:
        exact = sandbox.sandbox.exact
        account = exact.add_account(DIVISION, {"Name": "Voorbeeld"})
        rows: list[dict[str, Any]] = [
            {
                "Account": account["ID"],
                "FirstName": "Sanne",
                "LastName": f"Proef{number}",
                "FullName": f"Sanne Proef{number}",
                "Email": f"sanne{number}@example.org",
                "Created": datetime.fromisoformat(moment),
            }
            for number, moment in enumerate([*moments, "2019-01-01T12:00:00", "2019-01-02T12:00:00"])
        ]
        exact.bulk_load(DIVISION, "Contacts", rows)
        made = Airflow(tmp_path, sandbox)
        made.log_in()
        yield made


def people(*numbers: int) -> set[str]:
    return {f"sanne{number}@example.org" for number in numbers}


def writes(airflow: Airflow) -> list[str]:
    """Return every request that could have changed something at Personio."""
    log = airflow.sandbox.sandbox.log.entries()
    return [e.kind for e in log if e.service == "personio" and e.method != "GET" and "auth" not in e.kind]


def test_window_sends_its_days_and_leaves_the_watermark_alone(airflow: Airflow) -> None:
    """Half open at both ends; the live run afterwards sends all others, each once."""
    run, log = airflow.run(LIVE, **MARCH)
    assert set(run["tasks"].values()) == {"success"}, log[-3000:]
    assert set(airflow.applicants()) == people(1, 2)
    with open_ledger(airflow.ledger_url) as ledger:
        window = ledger.windows.get(stream_of(LIVE).history(), run["run_id"])
        assert ledger.watermarks.get(stream_of(LIVE)) is None
    assert window is not None
    assert (window.name, window.advances) == ("window", False)
    airflow.run(LIVE)
    assert set(airflow.applicants()) == people(0, 1, 2, 3, 4, 5)
    assert len(writes(airflow)) == 6


def test_preview_writes_nothing_and_the_run_after_it_sends_that(airflow: Airflow) -> None:
    run, log = airflow.run(LIVE, preview=True, **MARCH)
    assert set(run["tasks"].values()) == {"success"}, log[-3000:]
    assert (airflow.applicants(), writes(airflow)) == ({}, [])
    assert not any(address in log for address in people(0, 1, 2, 3, 4, 5))
    with open_ledger(airflow.ledger_url) as ledger:
        shown = ledger.previews.read(f"{LIVE}/{run['run_id']}")
    assert {preview.email for preview in shown if preview.action == "create"} == people(1, 2)
    airflow.run(LIVE, **MARCH)
    made = airflow.applicants()
    assert set(made) == people(1, 2)
    for preview in shown:
        assert preview.payload is not None
        sent = made[str(preview.email)]
        assert all(sent[name] == preview.payload[name] for name in ("first_name", "last_name", "job_position_id"))


def test_canary_sends_one_and_leaves_nothing_ready_behind(airflow: Airflow) -> None:
    run, log = airflow.run(HISTORY, max_records=1, **MARCH)
    assert run["state"] == "success", log[-3000:]
    assert len(airflow.applicants()) == 1
    [stream] = json.loads(airflow.cli("status", "--json"))
    assert {state: count for state, count in stream["counts"].items() if count} == {"created": 1}
    airflow.run(HISTORY, **MARCH)
    assert set(airflow.applicants()) == people(1, 2)


@pytest.mark.parametrize("dag_id", [HISTORY, LIVE])
def test_forecast_counts_and_skips_the_rest(airflow: Airflow, dag_id: str) -> None:
    run, log = airflow.run(dag_id, forecast=True, **MARCH)
    rest = {name: state for name, state in run["tasks"].items() if name != "plan"}
    assert (run["tasks"]["plan"], run["state"], set(rest.values())) == ("success", "success", {"skipped"}), log[
        -3000:
    ]
    assert writes(airflow) == []
    with open_ledger(airflow.ledger_url) as ledger:
        assert ledger.deliveries.counts(stream_of(dag_id).history(), "application", 1001) == {}


@pytest.mark.parametrize(
    ("dag_id", "values", "code"),
    [
        (
            LIVE,
            {"created_from": "2025-03-01", "created_to": "2025-03-01"},
            "params.created_to.not_after_created_from",
        ),
        (HISTORY, {}, "params.created_from.missing"),
        (HISTORY, {**MARCH, "previw": True}, "params.previw.unknown"),
    ],
)
def test_mistake_is_named_before_any_call(airflow: Airflow, dag_id: str, values: dict[str, Any], code: str) -> None:
    airflow.sandbox.sandbox.log.clear()
    run, log = airflow.run(dag_id, **values)
    assert (run["tasks"]["plan"], run["tasks"]["load"]) == ("failed", "upstream_failed")
    assert code in log
    assert airflow.sandbox.sandbox.log.entries() == []


def test_replay_only_reads_nothing_and_sends_what_was_marked(airflow: Airflow, tmp_path: Path) -> None:
    """A missing file rejects a window; once it is there and the records are marked, a replay run sends them."""
    form = {"files": [{"path": str(tmp_path / "cv.pdf"), "category": "cv"}]}
    airflow.run(HISTORY, **MARCH, **form)
    assert airflow.applicants() == {}
    (tmp_path / "cv.pdf").write_bytes(b"%PDF-1.4 invented")
    refused, log = airflow.run("exact_to_personio_replay", all_rejected=True, approve_count=1, start=False)
    assert refused["tasks"]["mark"] == "failed"
    assert "params.approve_count.too_low" in log
    marked, log = airflow.run("exact_to_personio_replay", reason="personio.files.not_readable", start=False)
    assert marked["tasks"] == {"mark": "success", "start": "skipped"}, log[-3000:]
    airflow.sandbox.sandbox.log.clear()
    run, log = airflow.run(HISTORY, replay_only=True, **form)
    assert run["state"] == "success", log[-3000:]
    assert set(airflow.applicants()) == people(1, 2)
    reads = [e.kind for e in airflow.sandbox.sandbox.log.entries() if e.service == "exact" and "oauth" not in e.kind]
    assert reads == []


def stream_of(dag_id: str) -> StreamKey:
    return StreamKey(dag_id, DIVISION, "Contacts")

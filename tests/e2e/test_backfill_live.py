"""Backfills, windows and approvals on a running Airflow: its scheduler, its command line, its API and its UI."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections import defaultdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from browser import MISSING, Browser, available
from include.demo.airflow_api import AirflowApi
from include.demo.stack import BIN, Stack
from include.ledger import open_ledger
from include.records import StreamKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.e2e
DAG = "exact_contacts_history"
REPLAY = "exact_to_personio_replay"
SHOTS = os.environ.get("EXACT_PERSONIO_SHOTS", "")
"""Folder in which to leave what the browser saw."""


def within(seconds: float, ready: Callable[[], Any]) -> Any:
    """Ask again and again; return the first answer that is not empty, or the last one."""
    deadline = time.monotonic() + seconds
    while not (found := ready()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


class Site:
    """A running Airflow with a company of ten years behind it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.api = AirflowApi(stack.airflow)
        self.api.login()
        self.until(lambda: self.api.has_dag(DAG))

    def until(self, ready: Callable[[], Any], seconds: float = 180) -> Any:
        found = within(seconds, ready)
        assert found, "Airflow did not get there"
        return found

    def contents(self) -> dict[str, Any]:
        found: dict[str, Any] = self.stack.sandbox.get("/_sandbox/contents").json()
        return found

    def by_month(self) -> dict[str, set[str]]:
        """Return month -> addresses of the contacts created in it, by the site's own clock."""
        found: dict[str, set[str]] = defaultdict(set)
        for row in self.contents()["exact"]["124132"]["Contacts"]:
            # Exact's milliseconds are those of its local wall clock.
            created = datetime.fromtimestamp(int(re.sub(r"\D", "", row["Created"])) / 1000, UTC)
            found[created.strftime("%Y-%m")].add(str(row["Email"]))
        return found

    def applicants(self) -> list[str]:
        return [str(row["email"]) for row in self.contents()["personio"]["applications"]]

    def finished(self, run_id: str, dag_id: str = DAG) -> str:
        """Wait until a run has ended; return its state."""

        def state() -> str:
            found = str(self.api.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])
            return found if found in {"success", "failed"} else ""

        return str(self.until(state))

    def tasks(self, run_id: str) -> dict[str, str]:
        found = self.api.call("GET", f"/dags/{DAG}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {task["task_id"]: task["state"] for task in found}

    def backfill(self, *arguments: str) -> None:
        """Create a backfill by Airflow's own command line.

        Airflow's database is SQLite here, which refuses a transaction that began before another one's write; what
        is left of it is removed, and the command is given again.
        """
        command = [str(BIN / "airflow"), "backfill", "create", "--dag-id", DAG, *arguments]
        for _ in range(10):
            ran = subprocess.run(command, env=self.stack.env, capture_output=True, text=True, check=False)
            if ran.returncode == 0:
                return
            assert "database is locked" in ran.stderr, ran.stdout[-2000:] + ran.stderr[-2000:]
            self.cancel_what_is_left()
        raise AssertionError("The database was locked ten times")

    def cancel_what_is_left(self) -> None:
        """Cancel the backfill that a locked database has left without its runs."""
        for left in self.backfills():
            if not left["completed_at"]:
                self.api.call("PUT", f"/backfills/{left['id']}/cancel")

    def has_new_run(self, known: set[str], seconds: float = 15) -> bool:
        """Wait a while for a run that is not known; say whether there is one."""
        return bool(within(seconds, lambda: {run["dag_run_id"] for run in self.api.runs(DAG)} - known))

    def backfills(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api.call("GET", f"/backfills?dag_id={DAG}")["backfills"]
        return found

    def busy_months(self, years: tuple[int, int]) -> list[str]:
        """Return the months of these years in which somebody was created."""
        return sorted(month for month in self.by_month() if years[0] <= int(month[:4]) <= years[1])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Stack(tmp_path_factory.mktemp("backfill") / "home", limit_seconds=1.0) as running:
        running.start()
        seeded = {"seed": 4, "accounts": 20, "contacts": 150, "dirty": False}
        running.sandbox.post("/_sandbox/seed", json=seeded).raise_for_status()
        yield Site(running)


def day_after(month: str) -> str:
    """Return the first day of the next month."""
    year, number = int(month[:4]), int(month[5:])
    return f"{year + number // 12:04}-{number % 12 + 1:02}-01"


def _before(day: str) -> str:
    return datetime.fromordinal(datetime.fromisoformat(day).toordinal() - 1).date().isoformat()


def test_unpausing_starts_nothing_and_the_command_line_backfills_months(site: Site) -> None:
    """Twice, the second time over runs that are done: nobody is sent twice, and no watermark moves."""
    site.api.unpause(DAG)
    time.sleep(5)
    assert site.api.runs(DAG) == []
    months = site.busy_months((2019, 2019))[:2]
    expected = set().union(*(site.by_month()[month] for month in months))
    days = ["--from-date", f"{months[0]}-01", "--to-date", _before(day_after(months[-1]))]
    # The first one also takes up what a locked database left behind.
    for behaviour in ("failed", "completed"):
        site.backfill(*days, "--reprocess-behavior", behaviour, "--run-backwards")
        runs = site.until(lambda: site.api.runs(DAG))
        assert {site.finished(run["dag_run_id"]) for run in runs} == {"success"}
        assert {run["run_type"] for run in runs} == {"backfill"}
        assert sorted(site.applicants()) == sorted(expected)
        site.until(lambda: all(made["completed_at"] for made in site.backfills()))
    with open_ledger(site.stack.env["EXACT_PERSONIO_LEDGER_URL"]) as ledger:
        assert ledger.watermarks.get(StreamKey(DAG, 124132, "Contacts")) is None


def test_window_of_a_run_with_a_logical_date(site: Site) -> None:
    """The UI's form gives one; the runs below have none, as those of the command line."""
    month = site.busy_months((2020, 2021))[0]
    site.api.unpause(DAG)
    before = sorted(site.applicants())
    conf = {"created_from": f"{month}-01", "created_to": day_after(month)}
    made = site.api.call("POST", f"/dags/{DAG}/dagRuns", json={"logical_date": "2026-01-15T12:00:00Z", "conf": conf})
    assert site.finished(made["dag_run_id"]) == "success"
    assert sorted(site.applicants()) == sorted([*before, *site.by_month()[month]])


def waiting(site: Site, run_id: str) -> dict[str, Any]:
    """Wait until the run asks; return what the person sees."""
    path = f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/approve"
    site.until(lambda: site.api.call("GET", path)["state"] == "awaiting_input")
    found: dict[str, Any] = site.api.call("GET", f"{path}/-1/hitlDetails")
    return found


@pytest.mark.parametrize("answer", ["Reject", "Approve"])
def test_run_waits_for_a_person(site: Site, answer: str) -> None:
    month = site.busy_months((2022, 2022))[0]
    site.api.unpause(DAG)
    before, people = sorted(site.applicants()), site.by_month()[month]
    conf = {"created_from": f"{month}-01", "created_to": day_after(month), "require_approval": True}
    run_id = site.api.trigger(DAG, conf)
    asked = waiting(site, run_id)
    assert f"Send {len(people)} records" in asked["subject"]
    assert not any(person in json.dumps(asked) for person in people)
    assert sorted(site.applicants()) == before
    time.sleep(10)  # https://github.com/apache/airflow/issues/72716: an answer may come too soon for Airflow
    path = f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"
    site.api.call("PATCH", path, json={"chosen_options": [answer], "params_input": {}})
    assert site.finished(run_id) == "success"
    sent = answer == "Approve"
    assert sorted(site.applicants()) == (sorted([*before, *people]) if sent else before)
    states = site.tasks(run_id)
    assert (states["load"], states["commit"]) == (("success", "success") if sent else ("skipped", "skipped"))
    with open_ledger(site.stack.env["EXACT_PERSONIO_LEDGER_URL"]) as ledger:
        kept = ledger.approvals.get(f"{DAG}/{run_id}")
    assert kept is not None
    assert (kept.answer, kept.asked["records"], bool(kept.answered_by)) == (answer.lower(), len(people), True)
    assert kept.answered_at is not None


def test_replay_starts_the_runs_that_decide(site: Site) -> None:
    """Somebody without an address is rejected, corrected by nobody, and decided again because somebody asks."""
    person = {"FirstName": "Noor", "LastName": "Zonder"}
    site.stack.sandbox.post("/_sandbox/exact/124132/Contacts", json=person).raise_for_status()
    site.api.unpause(DAG)
    site.api.unpause(REPLAY)
    today = datetime.now(UTC).date().isoformat()
    assert site.finished(site.api.trigger(DAG, {"created_from": _before(today)})) == "success"
    asked = site.api.trigger(REPLAY, {"all_rejected": True, "dag": DAG})
    assert site.finished(asked, REPLAY) == "success"
    [run] = [run for run in site.api.runs(DAG) if run["run_type"] == "operator_triggered"]
    assert run["conf"] == {"replay_only": True, "division": 124132, "job_position_id": 1001}
    assert site.finished(run["dag_run_id"]) == "success"
    decided = site.api.result(DAG, run["dag_run_id"], "success").results["transform"]
    assert decided["rejected"] == 1


PRESS = """
for (const button of document.querySelectorAll('button'))
  if ([button.innerText.trim(), button.getAttribute('aria-label'), button.title].includes(arguments[0])) {
    button.click(); return true
  }
return false
"""
CHOOSE = """
const card = [...document.querySelectorAll('[role=dialog] label')].find(l => l.innerText.includes('Backfill'))
if (card) card.click()
return !!card
"""
DATE = """
const field = document.querySelectorAll('[role=dialog] [data-testid=datetime-input]')[arguments[0]]
if (field) field.click()
return !!field
"""
EMPTY = """
const open = [...document.querySelectorAll("[data-state=open] input[placeholder='YYYY/MM/DD']")]
return open.length === 1 && open[0].value === ''
"""
DIALOG = "return [...document.querySelectorAll('[role=dialog]')].map(d => d.innerText).join('\\n')"


@pytest.mark.skipif(not available(), reason=MISSING)
def test_dialog_of_the_ui_backfills(site: Site, tmp_path: Path) -> None:
    month = site.busy_months((2023, 2023))[0]
    before = sorted(site.applicants())
    with Browser(tmp_path / "profile") as browser:

        def shot(name: str) -> None:
            if SHOTS:
                browser.screenshot(Path(SHOTS) / f"{name}.png")

        browser.open(f"{site.stack.url}/dags/{DAG}")
        browser.wait(lambda: browser.run(PRESS, "Trigger"))
        browser.wait(lambda: "Backfill" in browser.run(DIALOG))
        shot("history-form")
        browser.wait(lambda: browser.run(CHOOSE))
        browser.wait(lambda: "Date Range" in browser.run(DIALOG))
        for number, day in enumerate((f"{month}-01", _before(day_after(month)))):
            browser.wait(partial(browser.run, DATE, number))
            # The field that was open before closes slowly, and is not empty.
            browser.wait(lambda: browser.run(EMPTY))
            browser.type("[data-state=open] input[placeholder='YYYY/MM/DD']", day.replace("-", "/"))
            browser.run("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}))")
        # What the dialog counts is what it will do: one month, in the zone of the site.
        browser.wait(lambda: "1 run will be triggered" in browser.run(DIALOG))
        shot("backfill-dialog")
        known = {run["dag_run_id"] for run in site.api.runs(DAG)}
        for _ in range(5):
            browser.wait(lambda: browser.run(PRESS, "Run Backfill"))
            if site.has_new_run(known):
                break
            # The locked database again: the dialog shows it, and stays open.
            site.cancel_what_is_left()
        shot("backfill-started")
    expected = sorted([*before, *site.by_month()[month]])
    site.until(lambda: sorted(site.applicants()) == expected)

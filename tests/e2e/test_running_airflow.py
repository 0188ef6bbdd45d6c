"""What a running Airflow does and shows: backfills, windows, approvals, connection forms, and forms of manual runs.

By its scheduler, its command line, its API and, in a real Chromium, its UI. One Airflow for all of it: to start one
takes longer than most of what is asked of it.
"""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_site import DAG, Site, day_after, day_before
from browser import MISSING, Browser, available
from include.demo.stack import Stack
from include.ledger import open_ledger
from include.records import StreamKey

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.e2e
in_chromium = pytest.mark.skipif(not available(), reason=MISSING)
REPLAY = "exact_to_personio_replay"
LIVE = "exact_contacts_to_personio_applications"
SHOTS = os.environ.get("EXACT_PERSONIO_SHOTS", "")
"""Folder in which to leave what the browser saw."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Stack(tmp_path_factory.mktemp("backfill") / "home", limit_seconds=1.0) as running:
        running.processes.env["EXACT_PERSONIO_START_FROM"] = "now"
        running.start()
        seeded = {"seed": 4, "accounts": 20, "contacts": 150, "dirty": False}
        running.sandbox.post("/_sandbox/seed", json=seeded).raise_for_status()
        yield Site(running)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One window: a fresh one reads all of the UI's code anew, and each test opens the page that it is about."""
    with Browser(tmp_path_factory.mktemp("browser") / "profile") as running:
        yield running


def test_unpausing_starts_nothing_and_the_command_line_backfills_months(site: Site) -> None:
    """Twice, the second time over runs that are done: nobody is sent twice, and no watermark moves."""
    site.api.unpause(DAG)
    time.sleep(5)
    assert site.api.runs(DAG) == []
    months = site.busy_months((2019, 2019))[:2]
    expected = set().union(*(site.by_month()[month] for month in months))
    days = ["--from-date", f"{months[0]}-01", "--to-date", day_before(day_after(months[-1]))]
    # The first one also takes up what a locked database left behind.
    for behaviour in ("failed", "completed"):
        site.end_backfills()
        site.backfill(*days, "--reprocess-behavior", behaviour, "--run-backwards")
        runs = site.until(lambda: site.api.runs(DAG))
        assert {site.finished(run["dag_run_id"]) for run in runs} == {"success"}
        assert {run["run_type"] for run in runs} == {"backfill"}
        assert sorted(site.applicants()) == sorted(expected)
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


@pytest.mark.parametrize("answer", ["Reject", "Approve"])
def test_run_waits_for_a_person(site: Site, answer: str) -> None:
    month = site.busy_months((2022, 2022))[0]
    site.api.unpause(DAG)
    before, people = sorted(site.applicants()), site.by_month()[month]
    conf = {"created_from": f"{month}-01", "created_to": day_after(month), "require_approval": True}
    run_id = site.api.trigger(DAG, conf)
    asked = site.question(run_id)
    assert f"Send {len(people)} records" in asked["subject"]
    assert not any(person in json.dumps(asked) for person in people)
    assert sorted(site.applicants()) == before
    site.answer(run_id, answer)
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
    assert site.finished(site.api.trigger(DAG, {"created_from": day_before(today)})) == "success"
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
    if (arguments[1] > 0) { arguments[1]--; continue }
    button.click(); return true
  }
return false
"""
TEST = "Test Connection"
ICON = """
const buttons = [...document.querySelectorAll('button')]
  .filter(b => (b.getAttribute('aria-label') || b.title).includes('Test'))
return buttons[arguments[0]] && buttons[arguments[0]].innerHTML
"""
DIALOG = "return [...document.querySelectorAll('[role=dialog]')].map(d => d.innerText).join('\\n')"
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


def press(browser: Browser, label: str, number: int = 0) -> None:
    browser.wait(lambda: browser.run(PRESS, label, number))


def press_test(browser: Browser, number: int) -> None:
    """Press Test of a stored connection and wait until its picture tells the outcome."""
    before = browser.wait(lambda: browser.run(ICON, number))
    press(browser, TEST, number)
    browser.wait(lambda: browser.run(ICON, number) != before)


def shot(browser: Browser, name: str) -> None:
    if SHOTS:
        browser.screenshot(Path(SHOTS) / f"{name}.png")


@in_chromium
def test_dialog_of_the_ui_backfills(site: Site, browser: Browser) -> None:
    site.until(site.is_idle)
    month = site.busy_months((2023, 2023))[0]
    before = sorted(site.applicants())
    browser.open(f"{site.stack.url}/dags/{DAG}")
    browser.wait(lambda: browser.run(PRESS, "Trigger"))
    browser.wait(lambda: "Backfill" in browser.run(DIALOG))
    shot(browser, "history-form")
    browser.wait(lambda: browser.run(CHOOSE))
    browser.wait(lambda: "Date Range" in browser.run(DIALOG))
    for number, day in enumerate((f"{month}-01", day_before(day_after(month)))):
        browser.wait(partial(browser.run, DATE, number))
        # The field that was open before closes slowly, and is not empty.
        browser.wait(lambda: browser.run(EMPTY))
        browser.type("[data-state=open] input[placeholder='YYYY/MM/DD']", day.replace("-", "/"))
        browser.run("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}))")
    # What the dialog counts is what it will do: one month, in the zone of the site.
    browser.wait(lambda: "1 run will be triggered" in browser.run(DIALOG))
    shot(browser, "backfill-dialog")
    known = {run["dag_run_id"] for run in site.api.runs(DAG)}
    for _ in range(5):
        browser.wait(lambda: browser.run(PRESS, "Run Backfill"))
        if site.has_new_run(known):
            break
        # The locked database again: the dialog shows it, and stays open.
        site.cancel_what_is_left()
    shot(browser, "backfill-started")
    expected = sorted([*before, *site.by_month()[month]])
    site.until(lambda: sorted(site.applicants()) == expected)


LOGIN = {"Exact Online": ["Client ID", "Client secret"], "Personio": ["API client ID", "API client secret"]}
FIELDS = {
    "Exact Online": ["Region", "Divisions", "Redirect URI", "Time zone", "Bootstrap refresh token"],
    "Personio": ["Company ID", "Recruiting access token", "Job position", "Partner ID"],
}


@in_chromium
@pytest.mark.parametrize("kind", sorted(FIELDS))
def test_connection_form_speaks_plainly(site: Site, browser: Browser, kind: str) -> None:
    browser.open(f"{site.stack.url}/connections")
    press(browser, "Add Connection")
    browser.type("[role=dialog] input[role=combobox]", f"{kind}\n")
    browser.wait(lambda: all(field in browser.run(DIALOG) for field in LOGIN[kind]))
    # The second section; a real click, for the sections do not listen to scripts.
    browser.click("[role=dialog] [data-part=item]:nth-of-type(2) [data-part=item-trigger]")
    browser.wait(lambda: all(field in browser.run(DIALOG) for field in FIELDS[kind]))
    shot(browser, f"add-{kind}")
    secrets = "return document.querySelectorAll('[role=dialog] input[type=password]').length"
    assert browser.run(secrets) >= 1


@in_chromium
@pytest.mark.parametrize(
    ("dag_id", "words"),
    [
        ("exact_time_transactions", ["Item (hour type)", "Quantity", "Confirm the key", "When"]),
        ("exact_endpoint", ["Endpoint, typed", "Which rows", "Where the rows go"]),
        ("exact_contacts_to_personio_employees", ["Division", "Employee fields", "Where to start"]),
    ],
)
def test_form_of_a_manual_run(site: Site, browser: Browser, dag_id: str, words: list[str]) -> None:
    browser.open(f"{site.stack.url}/dags/{dag_id}")
    press(browser, "Trigger")
    browser.wait(lambda: all(word in browser.run(DIALOG) for word in words))
    shot(browser, f"form-{dag_id}")


@in_chromium
def test_test_says_what_works_and_what_does_not(site: Site, browser: Browser) -> None:
    """Both stored connections pass; a wrong recruiting token is named, and not shown. Last: it stays wrong."""
    browser.open(f"{site.stack.url}/connections")
    for number in (0, 1):
        press_test(browser, number)
    assert "Failed" not in browser.text
    shot(browser, "tested")
    stored = site.api.call("GET", "/connections/personio_default")
    extra = json.loads(stored["extra"]) | {"recruiting_access_token": "wrong-and-secret"}
    changed = {"connection_id": "personio_default", "conn_type": "personio", "extra": json.dumps(extra)}
    site.api.call("PATCH", "/connections/personio_default?update_mask=extra", json=changed)
    browser.open(f"{site.stack.url}/connections")
    press(browser, TEST, 1)
    browser.wait(lambda: "Test Connection Failed" in browser.text)
    shot(browser, "failed")
    assert "Recruiting" in browser.text
    assert "wrong-and-secret" not in browser.text


def test_live_dag_spares_what_has_nothing_to_do_and_takes_no_no_for_that(site: Site) -> None:
    """Its commit also runs where a run has spared its load; after a no it is skipped, and publishes nothing.

    The last test: it has the live DAG read everybody, who are not new to it.
    """
    site.api.unpause(LIVE)
    # Two, where a quarter of an hour has begun since Airflow last read the DAG's file.
    scheduled = site.until(lambda: site.api.runs(LIVE))
    assert {site.finished(run["dag_run_id"], LIVE) for run in scheduled} == {"success"}
    before = sorted(site.applicants())
    idle = site.api.trigger(LIVE, {})
    assert site.finished(idle, LIVE) == "success"
    assert {name for name, state in site.tasks(idle, LIVE).items() if state == "success"} == {
        "plan",
        "extract",
        "commit",
    }
    month = site.busy_months((2018, 2018))[0]
    conf = {"created_from": f"{month}-01", "created_to": day_after(month), "require_approval": True}
    asking = site.api.trigger(LIVE, conf)
    site.question(asking, LIVE)
    site.answer(asking, "Reject", LIVE)
    assert site.finished(asking, LIVE) == "success"
    states = site.tasks(asking, LIVE)
    assert [states[name] for name in ("approve", "load", "commit")] == ["success", "skipped", "skipped"]
    again = {"dry_run": False, "dag_run_id": asking, "task_ids": ["commit"], "only_failed": False}
    site.api.call("POST", f"/dags/{LIVE}/clearTaskInstances", json=again)
    assert site.finished(asking, LIVE) == "success"
    assert site.tasks(asking, LIVE)["commit"] == "skipped"
    assert sorted(site.applicants()) == before

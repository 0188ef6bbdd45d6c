"""What a person sees in Airflow's UI, in a real Chromium: connection forms, Test, and the forms of manual runs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from browser import MISSING, Browser, available
from include.demo.airflow_api import AirflowApi
from include.demo.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(not available(), reason=MISSING)]

SHOTS = os.environ.get("EXACT_PERSONIO_SHOTS", "")
"""Folder in which to leave what the browser saw."""

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


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("ui") / "home", limit_seconds=1.0) as running:
        running.start()
        yield running


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with Browser(tmp_path / "profile") as running:
        yield running


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


LOGIN = {"Exact Online": ["Client ID", "Client secret"], "Personio": ["API client ID", "API client secret"]}
FIELDS = {
    "Exact Online": ["Region", "Divisions", "Redirect URI", "Time zone", "Bootstrap refresh token"],
    "Personio": ["Company ID", "Recruiting access token", "Job position", "Partner ID"],
}


@pytest.mark.parametrize("kind", sorted(FIELDS))
def test_connection_form_speaks_plainly(stack: Stack, browser: Browser, kind: str) -> None:
    browser.open(f"{stack.url}/connections")
    press(browser, "Add Connection")
    browser.type("[role=dialog] input[role=combobox]", f"{kind}\n")
    browser.wait(lambda: all(field in browser.run(DIALOG) for field in LOGIN[kind]))
    # The second section; a real click, for the sections do not listen to scripts.
    browser.click("[role=dialog] [data-part=item]:nth-of-type(2) [data-part=item-trigger]")
    browser.wait(lambda: all(field in browser.run(DIALOG) for field in FIELDS[kind]))
    shot(browser, f"add-{kind}")
    secrets = "return document.querySelectorAll('[role=dialog] input[type=password]').length"
    assert browser.run(secrets) >= 1


def test_test_says_what_works_and_what_does_not(stack: Stack, browser: Browser) -> None:
    """Both stored connections pass; a wrong recruiting token is named, and not shown."""
    browser.open(f"{stack.url}/connections")
    for number in (0, 1):
        press_test(browser, number)
    assert "Failed" not in browser.text
    shot(browser, "tested")
    api = AirflowApi(stack.airflow)
    api.login()
    stored = api.call("GET", "/connections/personio_default")
    extra = json.loads(stored["extra"]) | {"recruiting_access_token": "wrong-and-secret"}
    changed = {"connection_id": "personio_default", "conn_type": "personio", "extra": json.dumps(extra)}
    api.call("PATCH", "/connections/personio_default?update_mask=extra", json=changed)
    browser.open(f"{stack.url}/connections")
    press(browser, TEST, 1)
    browser.wait(lambda: "Test Connection Failed" in browser.text)
    shot(browser, "failed")
    assert "Recruiting" in browser.text
    assert "wrong-and-secret" not in browser.text


@pytest.mark.parametrize(
    ("dag_id", "words"),
    [
        ("exact_time_transactions", ["Item (hour type)", "Quantity", "Confirm the key", "When"]),
        ("exact_endpoint", ["Endpoint, typed", "Which rows", "Where the rows go"]),
        ("exact_contacts_to_personio_employees", ["Division", "Employee fields", "Where to start"]),
    ],
)
def test_form_of_a_manual_run(stack: Stack, browser: Browser, dag_id: str, words: list[str]) -> None:
    browser.open(f"{stack.url}/dags/{dag_id}")
    press(browser, "Trigger")
    browser.wait(lambda: all(word in browser.run(DIALOG) for word in words))
    shot(browser, f"form-{dag_id}")

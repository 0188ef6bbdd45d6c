"""Logging in through a real Chromium: the command with its listener, and the page inside Airflow's address space."""

from __future__ import annotations

import json
import os
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_home import CLIENT
from browser import MISSING, Browser, available
from console import Console
from include.errors import CredentialsError
from include.ledger import open_ledger
from include.login import LoginReport, login
from include.sandbox.server import RunningSandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(not available(), reason=MISSING)]

SHOTS = os.environ.get("EXACT_PERSONIO_SHOTS", "")
"""Folder in which to leave what the browser saw."""


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSandbox]:
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
    monkeypatch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "a secret of the tests that is long enough " * 2)
    with RunningSandbox() as running:
        running.sandbox.settings.exact.consent = "page"
        yield running


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with Browser(tmp_path / "profile") as running:
        yield running


@pytest.fixture
def connect(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def define(redirect_uri: str) -> None:
        fields = {"conn_type": "exact_online", "host": sandbox.url, "login": CLIENT[0], "password": CLIENT[1]}
        extra = {"redirect_uri": redirect_uri, "divisions": "124132, 124133"}
        monkeypatch.setenv("AIRFLOW_CONN_EXACT_ONLINE_DEFAULT", json.dumps({**fields, "extra": extra}))

    return define


def shot(browser: Browser, name: str) -> None:
    if SHOTS:
        browser.screenshot(Path(SHOTS) / f"{name}.png")


def generation() -> int:
    with open_ledger() as ledger:
        stored = ledger.vault("exact_online_default").read()
    return stored.generation if stored else 0


class Command:
    """``exact-personio login`` in another thread, with its listener waiting."""

    def __init__(self) -> None:
        self.result: LoginReport | Exception | None = None
        self._url = ""
        self._shown = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = login("exact_online_default", open_browser=False, echo=self._echo, patience=60)
        except Exception as error:  # noqa: BLE001 - looked at by the test
            self.result = error
            self._shown.set()

    def _echo(self, text: str) -> None:
        if text.strip().startswith("http"):
            self._url = text.strip()
            self._shown.set()

    @property
    def url(self) -> str:
        assert self._shown.wait(30)
        return self._url

    def ended(self) -> LoginReport | Exception | None:
        self._thread.join(60)
        return self.result


@pytest.fixture
def listening(connect: Callable[[str], None], free_port: int) -> int:
    connect(f"http://127.0.0.1:{free_port}/callback")
    return free_port


def test_command_receives_the_consent(sandbox: RunningSandbox, browser: Browser, listening: int) -> None:
    command = Command()
    browser.open(command.url)
    shot(browser, "consent")
    browser.click("button[value=grant]")
    browser.wait(lambda: "You can close this window" in browser.text)
    shot(browser, "close-this-window")
    report = command.ended()
    assert isinstance(report, LoginReport), report
    assert {number for number, _ in report.divisions} == set(sandbox.sandbox.exact.divisions)
    assert generation() == 1


def test_command_is_told_of_a_refusal(sandbox: RunningSandbox, browser: Browser, listening: int) -> None:
    command = Command()
    assert command.url
    browser.open(f"http://127.0.0.1:{listening}/callback?code=x&state=foreign")
    assert "belongs to another login" in browser.text
    browser.open(command.url)
    browser.click("button[value=deny]")
    browser.wait(lambda: "You can close this window" in browser.text)
    error = command.ended()
    assert isinstance(error, CredentialsError)
    assert error.reason_code == "exact.login.denied"
    assert generation() == 0


# What Airflow does around a page: a frame with its rules, in a document with its theme.
FRAME = """
document.documentElement.className = arguments[1];
document.body.innerHTML = '<iframe sandbox="allow-scripts allow-same-origin allow-forms allow-downloads" '
  + 'style="border:none;width:100%;height:860px" src="' + arguments[0] + '"></iframe>';
"""


@pytest.fixture
def console(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    from airflow.utils.db import initdb  # noqa: PLC0415

    initdb()
    with Console() as running:
        monkeypatch.setenv("AIRFLOW__API__BASE_URL", running.base)
        yield running


def open_framed(browser: Browser, console: Console, theme: str = "light") -> None:
    browser.open(f"{console.base}/nothing")
    browser.cookie("_token", console.token("admin"))
    browser.run(FRAME, "/exact-console/connections/", theme)
    browser.frame("iframe")
    browser.wait(lambda: "Log in at Exact" in browser.text)


def told(browser: Browser, console: Console) -> str:
    """Follow where the callback led: Airflow would frame this address."""
    browser.wait(lambda: "/plugin/exact-personio/" in browser.url)
    browser.open(console.base + re.sub(r"^.*/plugin/exact-personio", "", browser.url))
    return str(browser.run("return document.querySelector('[role=status]').innerText"))


@pytest.mark.parametrize(
    ("decision", "sentence"), [("grant", "Logged in; the next run"), ("deny", "was not granted")]
)
def test_page_leads_the_whole_window_to_exact_and_back(
    console: Console, browser: Browser, connect: Callable[[str], None], decision: str, sentence: str
) -> None:
    """Exact forbids to be framed, and the frame forbids to be left: the script acts in the document around it."""
    connect(f"{console.base}/exact-console/callback")
    open_framed(browser, console)
    shot(browser, f"logins-before-{decision}")
    browser.click("form[data-consent] button")
    browser.frame(None)
    browser.click(f"button[value={decision}]")
    assert sentence in told(browser, console)
    shot(browser, f"logins-after-{decision}")
    assert generation() == (1 if decision == "grant" else 0)


def test_page_takes_a_pasted_address(
    console: Console, browser: Browser, connect: Callable[[str], None], tmp_path: Path
) -> None:
    """The redirect URI leads nowhere: Exact opens in a tab of its own, and its last address is pasted."""
    connect("https://localhost:65500/callback")
    open_framed(browser, console, "dark")
    shot(browser, "logins-dark")
    browser.click("form button")
    browser.wait(lambda: "Paste that whole address" in browser.text)
    shot(browser, "paste-dark")
    browser.click("a[data-go=tab]")
    first, second = browser.wait(lambda: browser.windows() if len(browser.windows()) == 2 else None)
    browser.switch(second)
    browser.click("button[value=grant]")
    address = browser.wait(lambda: browser.url if "code=" in browser.url else None)
    browser.switch(first)
    browser.frame("iframe")
    browser.type("#address", address)
    browser.click("form button")
    browser.wait(lambda: "Logged in; the next run goes on with it." in browser.text)
    shot(browser, "pasted-dark")
    assert generation() == 1


def test_page_shows_a_problem_where_the_button_is(
    console: Console, sandbox: RunningSandbox, browser: Browser, connect: Callable[[str], None]
) -> None:
    connect(f"{console.base}/exact-console/callback")
    sandbox.sandbox.settings.exact.redirect_uris = ["https://other.example.org/"]
    open_framed(browser, console)
    browser.click("form[data-consent] button")
    browser.wait(lambda: "exact.redirect_uri.refused" in browser.text)
    shot(browser, "problem")
    assert generation() == 0


def test_ended_session_leads_to_airflows_login(console: Console, browser: Browser) -> None:
    browser.open(f"{console.base}/exact-console/connections/")
    link: Any = browser.run("return document.querySelector('a.button').getAttribute('href')")
    assert link == "/api/v2/auth/login?next=/plugin/exact-personio/exact-console/"
    shot(browser, "session-ended")

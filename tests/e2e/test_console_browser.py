"""The console's pages in a real Chromium: hostile texts do nothing, and everything is readable in any width."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from browser import MISSING, Browser, available
from console import Console
from include.ledger import open_ledger
from include.reconcile.findings import Finding, Part, Unproven, verdict_of
from preview_samples import RUN, SCRIPT, hostile, keep, record, rejected

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(not available(), reason=MISSING)]

SHOTS = os.environ.get("EXACT_PERSONIO_SHOTS", "")
"""Folder in which to leave what the browser saw."""

OVERVIEW = "/exact-console/previews/"
PAGE = f"{OVERVIEW}run?run={quote(RUN, safe='')}"
RECONCILIATION = "/exact-console/reconciliation/"
WIDE, PHONE = 1240, 360

# What Airflow does around a page: a frame with its rules, in a document with its theme.
FRAME = """
document.documentElement.className = arguments[1];
document.body.style.margin = 0;
document.body.innerHTML = '<iframe sandbox="allow-scripts allow-same-origin allow-forms allow-downloads" '
  + 'style="border:none;height:860px;width:' + arguments[2] + 'px" src="' + arguments[0] + '"></iframe>';
"""
COLOURS = "const of = getComputedStyle(document.body); return [of.color, of.backgroundColor];"
HEIGHTS = "return [...document.querySelectorAll('.value, h2, tbody th')].map((one) => one.offsetHeight);"
WIDTHS = "const own = document.documentElement; return [own.scrollWidth, own.clientWidth];"


@pytest.fixture
def console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    from airflow.utils.db import initdb  # noqa: PLC0415

    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
    monkeypatch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "a secret of the tests that is long enough " * 2)
    initdb()
    with open_ledger() as ledger:
        keep(ledger, [hostile(0), rejected(1), *(record(number) for number in range(2, 120))])
        keep(ledger, [hostile(0), record(1)], "some_dag/manual__small")
        ledger.reconciliations.keep(report(), ledger.balances.now(), [])
    with Console() as running:
        monkeypatch.setenv("AIRFLOW__API__BASE_URL", running.base)
        yield running


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with Browser(tmp_path / "profile") as running:
        yield running


def report() -> dict[str, Any]:
    """Return the report of a reconciliation that found something of everything."""
    guid = "d3b07384-0000-4000-8000-00000000000"
    stream = Part("stream", "124132/Contacts/application/4242/1001", {"dags": ["exact_contacts_to_personio"]})
    stream.counts = {
        "read": 1190,
        "states": {"created": 1107, "already_there": 12, "rejected": 69, "in_doubt": 0},
        "left_out": {"not_asked_for": 1},
        "difference": 1,
        "at_personio": {"proven": 1117, "missing": 2, "too_recent": 0},
    }
    way_out = f"If it must be there: exact-personio reconcile --send-again {guid}0"
    subjects, details = (f"{guid}0", f"{guid}1"), ("was application 495001", "never seen")
    what = "2 applications are said to be at Personio and are not there, 1 of the first 2 were seen there before"
    stream.findings = [Finding("personio.application.missing", "difference", 2, subjects, what, way_out, details)]
    feed = Part("feed", "exact_contacts_to_personio/124132/Contacts")
    feed.unproven = [Unproven("Nothing is proven of what Exact has.", "exact.division.other", "Name its connection.")]
    parts = [Part("ledger", "ledger", counts={"deliveries_removed": 0, "accepted": 0}), stream, feed]
    return {
        "version": 1,
        "run": "sync_reconciliation/scheduled__2026-11-22T03:00:00+00:00",
        "depth": "exact",
        "verdict": verdict_of(parts),
        "ended_at": "2026-11-22T03:00:41+00:00",
        "calls": {"exact": 4, "personio": 9},
        "parts": [part.as_json() for part in parts],
    }


def shot(browser: Browser, name: str) -> None:
    if SHOTS:
        browser.screenshot(Path(SHOTS) / f"{name}.png")


def enter(browser: Browser, console: Console, path: str, *, theme: str = "light", width: int = WIDE) -> None:
    """Show a page in Airflow's frame, and look into the frame."""
    browser.frame(None)
    browser.open(f"{console.base}/nothing")
    browser.cookie("_token", console.token("admin"))
    browser.run(FRAME, path, theme, width)
    browser.frame("iframe")
    browser.wait(lambda: browser.find("main h1"))


def light_of(colour: str) -> float:
    """Return how light a colour of the browser's is, nought to 255."""
    return sum(float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]) / 3


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_fits_every_width_and_theme(console: Console, browser: Browser, theme: str) -> None:
    """Nothing is wider than the window, whatever texts a record has, and text stands out from its ground."""
    small = f"{OVERVIEW}run?run=some_dag%2Fmanual__small"
    for width in (WIDE, PHONE):
        for name, path in (
            ("overview", "/exact-console/"),
            ("previews", OVERVIEW),
            ("preview", PAGE),
            ("preview-open", small),
            ("reconciliation", RECONCILIATION),
            ("rejections", "/exact-console/rejections/"),
            ("runs", "/exact-console/runs/"),
            ("run", f"/exact-console/runs/one?run={quote(RUN, safe='')}"),
            ("connections", "/exact-console/connections/"),
        ):
            enter(browser, console, path, theme=theme, width=width)
            shot(browser, f"{name}-{theme}-{width}")
            wanted, there = browser.run(WIDTHS)
            assert wanted <= there, (name, width)
            text, ground = (light_of(colour) for colour in browser.run(COLOURS))
            assert (text - ground if theme == "dark" else ground - text) > 150


def test_hostile_record_is_only_read(console: Console, browser: Browser) -> None:
    enter(browser, console, PAGE)
    browser.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert browser.run("return document.title") == "Preview"
    assert browser.run("return document.querySelectorAll('main img, main script, main i').length") == 0
    assert SCRIPT in browser.text
    assert "\\u202egnihtemos" in browser.text
    heights: list[int] = browser.run(HEIGHTS)
    assert max(heights) < 400


def test_a_person_finds_the_way(console: Console, browser: Browser) -> None:
    """From the tab to the run, on to the next page, and to one record, all inside the frame."""
    enter(browser, console, "/exact-console/connections/")
    browser.click("body > nav a[href$='/runs/']")
    browser.wait(lambda: browser.find("main a[href$='/previews/']"))
    browser.click("main a[href$='/previews/']")
    browser.wait(lambda: "Records" in browser.text)
    browser.click(f"a[href*='{quote(RUN, safe='')}'], a[href*='{quote(RUN, safe='/')}']")
    browser.wait(lambda: "1 to 50 of 120" in browser.text)
    browser.click("a[rel=next]")
    browser.wait(lambda: "51 to 100 of 120" in browser.text)
    browser.type("#record", record(77).source_id)
    browser.click("form[action$='/previews/find'] button")
    browser.wait(lambda: "1 to 1 of 1" in browser.text)
    assert "sanne77@example.org" in browser.text
    assert "template over MiddleName, LastName (built-in)" in browser.text
    shot(browser, "one-record")

"""The whole console in a running Airflow, before a real Chromium: each page, each act, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote
from zipfile import is_zipfile

import pytest

from airflow_site import within
from console_window import CHROMIUM, MISSING, PHONE, WIDE, Window, complaints, inside
from include.demo.airflow_api import AirflowApi
from include.demo.stack import Stack
from include.ledger import open_ledger
from include.ledger.replays import Selection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

# Minutes of clicking before a running Airflow: of `make soak`. What `make test` has of the console are its pages and
# routes in one process, and `test_console_browser`.
pytestmark = [pytest.mark.e2e, pytest.mark.soak, pytest.mark.skipif(not CHROMIUM, reason=MISSING)]

DAG: Final = "exact_contacts_to_personio_applications"
PEOPLE: Final = {"ada": "admin", "vera": "viewer"}
SHOTS: Final = os.environ.get("EXACT_PERSONIO_SHOTS", "")
"""Folder in which to leave what the browser saw."""
HEADINGS: Final = {
    "": ("Overview", "Übersicht"),
    "records/": ("Records", "Datensätze"),
    "rejections/": ("Rejections", "Ablehnungen"),
    "runs/": ("Runs", "Läufe"),
    "previews/": ("Previews", "Vorschauen"),
    "connections/": ("Connections", "Verbindungen"),
    "mapping/": ("Mapping", "Zuordnung"),
    "reconciliation/": ("Reconciliation", "Abgleich"),
}


class Site:
    """A running Airflow in which the contacts were previewed and then moved, some of them rejected."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.url = stack, stack.url
        self.api = AirflowApi(stack.airflow)
        self.tokens = {name: self._token(name) for name in PEOPLE}
        self.api._headers = {"Authorization": f"Bearer {self.tokens['ada']}"}
        assert within(120, lambda: self.api.has_dag(DAG))
        # Asked for while nothing runs, so that it comes before what the schedule then begins.
        self.preview = self.api.trigger(DAG, {"preview": True})
        self.api.unpause(DAG)
        assert self.ended(self.preview) == "success"
        runs = within(
            120, lambda: [run["dag_run_id"] for run in self.api.runs(DAG) if run["run_type"] == "scheduled"]
        )
        # A second one if a quarter of an hour has begun meanwhile.
        assert {self.ended(run_id) for run_id in runs} == {"success"}
        self.moved = str(runs[0])

    def _token(self, name: str) -> str:
        answer = self.stack.airflow.post("/auth/token", json={"username": name, "password": f"{name}-of-the-tests"})
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    def ended(self, run_id: str) -> str:
        """Wait until a run has ended; return its state."""

        def state() -> str:
            found = str(self.api.call("GET", f"/dags/{DAG}/dagRuns/{run_id}")["state"])
            return found if found in {"success", "failed"} else ""

        return str(within(180, state))

    def rejected(self, reason: str) -> int:
        """Return how many records are rejected for a reason now."""
        with open_ledger(self.stack.env["EXACT_PERSONIO_LEDGER_URL"]) as ledger:
            lanes = ledger.deliveries.replayable(Selection(reason_code=reason, dag_id=DAG))
            return sum(lane.count for lane in lanes)


class NamedUsers(Stack):
    """A stack in which people log in, instead of everybody being an administrator."""

    def _environment(self) -> dict[str, str]:
        return super()._environment() | {
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in PEOPLE.items()),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.home / "passwords.json"),
        }


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with NamedUsers(tmp_path_factory.mktemp("whole") / "home", limit_seconds=1.0) as running:
        passwords = {name: f"{name}-of-the-tests" for name in PEOPLE}
        (running.home / "passwords.json").write_text(json.dumps(passwords), encoding="utf-8")
        running.start()
        seeded = {"seed": 4, "accounts": 8, "contacts": 60, "dirty": True}
        running.sandbox.post("/_sandbox/seed", json=seeded).raise_for_status()
        yield Site(running)


@pytest.fixture(scope="module")
def window(site: Site) -> Iterator[Window]:
    with Window(site.url) as running:
        yield running


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png")


def enter(page: Page) -> None:
    """Go into the console as a person does: by Airflow's own navigation."""
    page.goto("/")
    page.get_by_text("Exact → Personio").first.click()
    inside(page).get_by_role("heading", name="Overview", level=1).wait_for()


def tab(page: Page, name: str) -> None:
    inside(page).get_by_role("link", name=name, exact=True).first.click()
    inside(page).get_by_role("heading", name=name, level=1).wait_for()


@pytest.mark.parametrize(("theme", "width"), [("light", WIDE), ("dark", PHONE)])
def test_every_page_is_for_everybody(site: Site, window: Window, theme: str, width: int) -> None:
    """Wide in English, narrow in German: nothing is wider than the window, and axe has no complaint."""
    language = "en" if width == WIDE else "de"
    token = site.tokens["ada"]
    with window.logged_in(token, theme=theme, language=language, width=width) as page:
        page.goto("/")  # where a page finds what was chosen in Airflow
        page.goto("/exact-console/records/")
        record = page.locator(".records tbody th a").first.get_attribute("href")
        runs = {one: quote(f"{DAG}/{run}", safe="") for one, run in (("preview", site.preview), ("run", site.moved))}
        headings = {f"/exact-console/{path}": said[language == "de"] for path, said in HEADINGS.items()}
        more = (
            f"/exact-console/runs/one?run={runs['run']}",
            f"/exact-console/previews/run?run={runs['preview']}",
            record,
        )
        for path in (*headings, *map(str, more)):
            page.goto(path)
            assert page.locator("html").get_attribute("lang") == language
            assert theme in str(page.locator("html").get_attribute("class"))
            assert headings.get(path, "") in page.locator("h1").inner_text()
            shot(page, f"{path.strip('/').replace('/', '-').partition('?')[0]}-{theme}-{width}")
            assert complaints(page) == [], path


def test_keys_lead_through_a_page_in_order(site: Site, window: Window) -> None:
    with window.logged_in(site.tokens["ada"]) as page:
        page.goto("/exact-console/")
        seen = []
        for _ in range(8):
            page.keyboard.press("Tab")
            seen.append(str(page.evaluate("document.activeElement.innerText")).strip())
        assert seen[0] == "Skip to the content"
        assert seen[1:] == [english for path, (english, _) in HEADINGS.items() if path != "previews/"]


def test_replay_is_asked_started_and_decided(site: Site, window: Window) -> None:
    """From the reason, through the count, to the run that Airflow starts and that decides them all anew."""
    reason, wanted = "exact.FirstName.missing", site.rejected("exact.FirstName.missing")
    assert wanted > 0
    with window.logged_in(site.tokens["ada"]) as page:
        enter(page)
        tab(page, "Rejections")
        frame = inside(page)
        card = frame.locator("section.rejection").filter(has_text=reason)
        card.get_by_role("link", name="Replay").click()
        frame.get_by_role("button", name=f"Replay: {wanted} record").click()
        frame.get_by_role("button", name=f"Start {DAG}").click()
        run_id = frame.locator("[data-trigger] [role=status] a").inner_text()
    assert site.ended(run_id) == "success"
    assert site.api.result(DAG, run_id, "success").results["transform"]["rejected"] == wanted


def test_one_record_is_remapped_put_aside_and_erased(site: Site, window: Window) -> None:
    with window.logged_in(site.tokens["ada"]) as page:
        enter(page)
        tab(page, "Rejections")
        frame = inside(page)
        frame.locator("section.rejection").filter(has_text="exact.Email.missing").locator("tbody a").first.click()
        source_id = frame.locator("dd code").first.inner_text()
        for act, done in (("Remap", "Remap: 1 record"), ("Put aside", "Put aside: 1 record")):
            frame.get_by_role("link", name=f"{act}…").click()
            frame.get_by_role("button", name=done).click()
            frame.locator(".note.done").filter(has_text=done).wait_for()
            frame.get_by_label("Name, e-mail address").fill(source_id)
            frame.get_by_role("button", name="Find").click()
            frame.locator(".records tbody th a").filter(has_text=source_id).click()
        frame.get_by_text("skipped.by_person").first.wait_for()
        frame.get_by_role("link", name="Erase…").click()
        frame.get_by_role("button", name="Erase for good").click()
        frame.get_by_text("What was held here is removed.").wait_for()
        shot(page, "framed-erased")


def test_connections_are_tested_and_divisions_switched(site: Site, window: Window) -> None:
    """What is switched stands in Airflow's own database, and is off again at the end."""

    def named() -> list[int]:
        extra = json.loads(site.api.call("GET", "/connections/exact_online_default")["extra"])
        found = extra.get("divisions", extra.get("division"))
        return found if isinstance(found, list) else [int(part) for part in str(found).split(",")]

    before = named()
    with window.logged_in(site.tokens["ada"]) as page:
        enter(page)
        tab(page, "Connections")
        frame = inside(page)
        for conn_id in ("exact_online_default", "personio_default"):
            card = frame.locator(f"#c-{conn_id}")
            card.get_by_role("button", name="Test", exact=True).click()
            card.get_by_text("checks passed").wait_for()
            assert card.locator(".badge.fail").count() == 0
        card = frame.locator("#c-exact_online_default")
        card.get_by_role("button", name="Ask Exact which divisions").click()
        off = card.get_by_role("switch", checked=False).first
        division = int(off.inner_text().split()[1])
        off.click()
        frame.get_by_role("button", name="Switch it on").click()
        frame.get_by_text("The division is switched on.").wait_for()
        assert named() == [*before, division]
        card.get_by_role("switch", name=f"Division {division}").click()
        frame.get_by_role("button", name="Switch it off").click()
        frame.get_by_text("The division is switched off").wait_for()
    assert named() == before


def test_mapping_is_tried_and_a_preview_downloaded(site: Site, window: Window, tmp_path: Path) -> None:
    with window.logged_in(site.tokens["ada"]) as page:
        enter(page)
        tab(page, "Mapping")
        frame = inside(page)
        frame.get_by_role("button", name="Read the record at Exact and try").click()
        frame.get_by_text("at Exact just now").wait_for()
        tab(page, "Runs")
        frame.get_by_role("link", name="Previews").click()
        frame.get_by_role("link", name=site.preview).click()
        with page.expect_download() as started:
            frame.get_by_role("link", name="Excel (XLSX)").click()
        file = tmp_path / started.value.suggested_filename
        started.value.save_as(file)
    assert (file.suffix, is_zipfile(file)) == (".xlsx", True)


def test_viewer_sees_no_person_and_changes_nothing(site: Site, window: Window) -> None:
    with window.logged_in(site.tokens["vera"]) as page:
        enter(page)
        tab(page, "Records")
        frame = inside(page)
        assert set(frame.locator(".records td[data-label=Person]").all_inner_texts()) == {"•••"}
        assert frame.get_by_text("With all that fits:").count() == 0
        tab(page, "Connections")
        frame.get_by_text("There is no connection of the type Exact Online that you may edit.").wait_for()
        preview = quote(f"{DAG}/{site.preview}", safe="")
        for path in ("previews/", f"previews/run?run={preview}", f"runs/download?run={preview}&form=xlsx"):
            assert page.request.get(f"/exact-console/{path}").status == 403, path
        own = {"Origin": site.url, "Sec-Fetch-Site": "same-origin"}
        acts: dict[str, dict[str, str | float | bool]] = {
            "connections/exact_online_default/division": {"token": "x", "division": "1", "act": "on"},
            "connections/personio_default/test": {"token": "x"},
        }
        for path, form in acts.items():
            answer = page.request.post(f"/exact-console/{path}", form=form, headers=own)
            assert answer.status == 403, path

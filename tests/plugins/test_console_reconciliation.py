"""The page of reconciliations with Airflow's own users: all is there, ids and no people, and texts stay texts."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from console_rights import refuse_dags
from include.ledger import open_ledger

if TYPE_CHECKING:
    import httpx

    from console import Console

HTML = {"Accept": "text/html"}
PAGE = "/exact-console/reconciliation/"
JSON = "/exact-console/reconciliation/report.json"
SCRIPT = "<script>document.title='owned'</script>"
SOURCE = "25ef2114-0000-4000-8000-b1f0e9c3deee"
CONTACTS = "exact_contacts_to_personio_applications"


def report(run: str = "sync_reconciliation/r1", **changes: Any) -> dict[str, Any]:
    finding = {
        "kind": "personio.application.missing",
        "level": "difference",
        "count": 31,
        "subjects": [SOURCE],
        "what": "31 applications are said to be at Personio and are not there.",
        "way_out": f"exact-personio trace {SOURCE}",
        "details": ["never seen"],
    }
    unproven = {"what": "Nothing is proven of it.", "reason_code": "personio.scope.missing", "way_out": "Grant it."}
    counts = {"read": 40, "states": {"created": 38, "rejected": 2}, "left_out": {}, "difference": 0}
    stream = {
        "part": "stream", "name": "124132/Contacts/application/4242/1001", "dags": [CONTACTS],
        "verdict": "difference", "counts": counts, "findings": [finding], "not_proven": [],
    }  # fmt: skip
    feed = {
        "part": "feed", "name": "exact_accounts_history/124132/Accounts", "dag": "exact_accounts_history",
        "verdict": "unproven", "counts": {}, "findings": [], "not_proven": [unproven],
    }  # fmt: skip
    head = {"version": 1, "run": run, "depth": "personio", "verdict": "difference"}
    return {**head, "calls": {"exact": 0, "personio": 7}, "parts": [stream, feed], **changes}


def keep(*reports: dict[str, Any]) -> None:
    with open_ledger() as ledger:
        for one in reports:
            ledger.reconciliations.keep(one, datetime.now(UTC), [])


def read(client: httpx.Client, path: str = PAGE, **query: str) -> httpx.Response:
    return client.get(path, params=query, headers=HTML)


def test_shows_verdict_balance_differences_and_what_to_do(admin: httpx.Client) -> None:
    keep(report())
    answer = read(admin)
    assert answer.status_code == 200
    text = html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text)))
    for shown in (
        "DIFFERENCE sync_reconciliation/r1",
        "to the depth of personio",
        "0 calls at Exact, 7 at Personio",
        "40 read = 38 created + 2 rejected; difference 0",
        "31 applications are said to be at Personio and are not there.",
        f"{SOURCE} never seen",
        "30 more",
        f"exact-personio trace {SOURCE}",
        "Nothing is proven of it. personio.scope.missing",
        "Grant it.",
    ):
        assert shown in text


def test_without_any_the_page_says_what_to_do(admin: httpx.Client) -> None:
    assert "Nothing was reconciled yet." in read(admin).text
    assert admin.get(JSON).status_code == 404


def test_older_reports_are_reached_by_their_run(admin: httpx.Client) -> None:
    """A run's id holds a plus, which an address must not read as a blank."""
    old = "sync_reconciliation/scheduled__2026-03-01T00:00:00+00:00"
    keep(report(old, verdict="ok"), report())
    links = [
        html.unescape(link) for link in re.findall(r'href="([^"]+/reconciliation/\?run=[^"]+)"', read(admin).text)
    ]
    assert [old in admin.get(link, headers=HTML).text.split("<h2>Runs")[0] for link in links] == [False, True]


def test_json_is_the_report(admin: httpx.Client) -> None:
    keep(report())
    assert admin.get(JSON).json() == report()


@pytest.mark.parametrize("path", [PAGE, JSON])
@pytest.mark.parametrize(("role", "status"), [(None, 401), ("viewer", 200), ("user", 200), ("admin", 200)])
def test_everybody_who_may_read_the_dag_sees_ids(console: Console, path: str, role: str | None, status: int) -> None:
    keep(report())
    answer = read(console.browser(role), path)
    assert answer.status_code == status
    assert (SOURCE in answer.text) == (status == 200)


@pytest.mark.parametrize("path", [PAGE, JSON])
def test_streams_of_dags_that_may_not_be_read_are_left_out(
    admin: httpx.Client, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    keep(report())
    refuse_dags(monkeypatch, lambda _, dag: dag == CONTACTS)
    answer = read(admin, path)
    assert answer.status_code == 200
    assert SOURCE not in answer.text
    assert "exact_accounts_history" in answer.text
    refuse_dags(monkeypatch, lambda _, dag: dag == "sync_reconciliation")
    assert read(admin, path).status_code == 403


@pytest.mark.parametrize("query", [{}, {"run": "sync_reconciliation/r1"}])
def test_where_no_part_may_be_read_nothing_of_the_report_is_told(
    admin: httpx.Client, monkeypatch: pytest.MonkeyPatch, query: dict[str, str]
) -> None:
    keep(report())
    refuse_dags(monkeypatch, lambda _, dag: dag == CONTACTS)
    refuse_dags(monkeypatch, lambda _, dag: dag == "exact_accounts_history")
    answer = read(admin, PAGE, **query)
    for hidden in ("sync_reconciliation/r1", "DIFFERENCE", "7 at Personio"):
        assert hidden not in answer.text
    assert answer.status_code == (404 if query else 200)
    assert read(admin, JSON, **query).status_code == 404


@pytest.mark.parametrize("run", ["no/such", "../../x", SCRIPT])
def test_unknown_run_is_a_sentence(admin: httpx.Client, run: str) -> None:
    keep(report())
    answer = read(admin, run=run)
    assert answer.status_code == 404
    assert "No report of this run is kept." in answer.text
    assert run not in answer.text


def test_hostile_texts_stay_texts(admin: httpx.Client) -> None:
    """Ids of Personio are whatever a service sends."""
    hostile = report()
    hostile["parts"][0]["findings"][0] |= {"subjects": [SCRIPT], "details": ['"><img src=x onerror=1>']}
    keep(hostile)
    answer = read(admin)
    assert "<script>document" not in answer.text
    assert "<img" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert admin.post(PAGE, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 405

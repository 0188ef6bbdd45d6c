from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from include.sandbox.server import RunningSandbox

    Api = Callable[..., httpx.Response]
    Rows = list[dict[str, Any]]

DIVISION = 124132
CONTACTS = "sync/CRM/Contacts"


def _walk(http: httpx.Client, url: str) -> list[list[dict[str, Any]]]:
    pages = []
    link: str | None = url
    while link:
        answer = http.get(link)
        assert answer.status_code == 200, answer.text
        pages.append(answer.json()["d"]["results"])
        link = answer.json()["d"].get("__next")
    return pages


def _after(version: int) -> str:
    return f"/api/v1/{DIVISION}/{CONTACTS}?$select=ID,Timestamp&$filter=Timestamp gt {version}L"


def _load(sandbox: RunningSandbox, count: int) -> None:
    start = datetime(2020, 1, 1)  # noqa: DTZ001 - the service's dates have no zone
    rows = [{"FirstName": f"P{number}", "Created": start + timedelta(minutes=number)} for number in range(count)]
    sandbox.sandbox.exact.bulk_load(DIVISION, "Contacts", rows)


def test_sync_comes_by_ascending_version_as_text(http: httpx.Client, people: list[dict[str, Any]]) -> None:
    """Timestamp is a text above 2**53 and rises; the filter is exclusive, with or without L."""
    rows = _walk(http, _after(1))[0]
    versions = [int(row["Timestamp"]) for row in rows]
    assert isinstance(rows[0]["Timestamp"], str)
    assert len(rows) == 150
    assert versions == sorted(set(versions))
    assert versions[0] > 2**53
    assert [len(page) for page in _walk(http, _after(versions[99]))] == [50]
    assert [len(page) for page in _walk(http, _after(versions[99]).removesuffix("L"))] == [50]


def test_sync_pages_hold_a_thousand_rows(http: httpx.Client, sandbox: RunningSandbox) -> None:
    """Page borders lose nothing, and the link ends in the last version with an L."""
    _load(sandbox, 2500)
    first = http.get(_after(1)).json()["d"]
    assert first["__next"].endswith(f"$skiptoken={first['results'][-1]['Timestamp']}L")
    pages = _walk(http, _after(1))
    assert [len(page) for page in pages] == [1000, 1000, 500]
    assert len({row["ID"] for page in pages for row in page}) == 2500


def test_update_moves_a_row_to_the_end(http: httpx.Client, sandbox: RunningSandbox, people: Rows) -> None:
    """A change raises the version above all others; a change to the same value does not."""
    exact = sandbox.sandbox.exact
    newest = int(_walk(http, _after(1))[0][-1]["Timestamp"])
    exact.update(DIVISION, "Contacts", people[3]["ID"], {"FirstName": "Nora"})
    exact.update(DIVISION, "Contacts", people[4]["ID"], {"FirstName": people[4]["FirstName"]})
    assert [row["ID"] for row in _walk(http, _after(newest))[0]] == [people[3]["ID"]]
    assert len(_walk(http, _after(1))[0]) == 150


def test_row_touched_while_paging_is_seen_twice(http: httpx.Client, sandbox: RunningSandbox) -> None:
    """With the switch on, somebody saves a row of every page again, and it comes once more."""
    _load(sandbox, 1500)
    sandbox.sandbox.settings.exact.sync_touch_rows = 2
    ids = [row["ID"] for page in _walk(http, _after(1)) for row in page]
    assert len(ids) == 1502
    assert len(set(ids)) == 1500


def test_late_commit_appears_below_the_newest(http: httpx.Client, sandbox: RunningSandbox, people: Rows) -> None:
    """A row that is written with an older version stands where its version belongs."""
    version = int(people[100]["Timestamp"]) + 1
    if version == int(people[101]["Timestamp"]):
        version = int(people[101]["Timestamp"]) + 1
    late = sandbox.sandbox.exact.add_contact(DIVISION, {"FirstName": "Late", "Timestamp": version})
    rows = _walk(http, _after(int(people[100]["Timestamp"])))[0]
    assert late["ID"] in {row["ID"] for row in rows[:2]}


def test_deleted_log_names_what_is_gone(api: Api, sandbox: RunningSandbox, people: Rows) -> None:
    """A deleted contact leaves the sync and enters the log as entity type 5, for two months."""
    sandbox.sandbox.exact.delete(DIVISION, "Contacts", people[5]["ID"])
    query = "$select=EntityKey,EntityType,Timestamp&$filter=Timestamp gt 1L and EntityType eq 5"
    rows = api("sync/Deleted", query).json()["d"]["results"]
    assert [(row["EntityKey"], row["EntityType"]) for row in rows] == [(people[5]["ID"], 5)]
    assert api("sync/Deleted").status_code == 400
    sandbox.sandbox.clock.advance(timedelta(days=62))
    token = sandbox.sandbox.exact.issue_tokens()["access_token"]
    again = api("sync/Deleted", query, headers={"Authorization": f"Bearer {token}"})
    assert again.json()["d"]["results"] == []


def test_deleting_an_account_takes_its_contacts(sandbox: RunningSandbox, people: Rows) -> None:
    """The log holds the account and each contact."""
    exact = sandbox.sandbox.exact
    exact.delete(DIVISION, "Accounts", people[0]["Account"])
    assert len(exact.deleted_log(DIVISION)) == 151
    assert exact.contents()[str(DIVISION)]["Contacts"] == []


def test_sync_filters_on_timestamp_only(api: Api, people: Rows) -> None:
    """Only the Timestamp may be filtered on, and $select is required unless $top=1."""
    answer = api(CONTACTS, "$select=ID&$filter=Modified gt datetime'2020-01-01'")
    assert answer.json()["error"]["message"]["value"] == "Filtering on these fields is not supported: Modified"
    assert api(CONTACTS, "$filter=Timestamp gt 1").status_code == 400
    assert len(api(CONTACTS, "$top=1").json()["d"]) == 1


def test_moving_a_division_regenerates_versions(api: Api, sandbox: RunningSandbox, people: Rows) -> None:
    """After a move all versions are new and lower, and the division says when it moved."""
    newest = max(int(row["Timestamp"]) for row in people)
    oldest = min(int(row["Timestamp"]) for row in people)
    sandbox.sandbox.exact.move_division(DIVISION)
    rows = api(CONTACTS, "$select=ID,Timestamp").json()["d"]["results"]
    assert len(rows) == 150
    assert all(int(row["Timestamp"]) < oldest < newest for row in rows)
    division = api("system/Divisions(124132)", "$select=DivisionMoveDate").json()["d"]
    assert division["DivisionMoveDate"] == "/Date(1782404052000)/"


def test_sync_timestamp_is_not_offered_for_contacts(api: Api, sandbox: RunningSandbox, people: Rows) -> None:
    """Its documentation omits CRM: refused by default, a switch offers it; both parameters are mandatory."""
    path = "read/sync/Sync/SyncTimestamp"
    query = "modified=datetime'2027-01-01'&endPoint='Contacts'"
    assert api(path, query).status_code == 400
    assert api(path, "endPoint='TransactionLines'").status_code == 400
    assert api(path, "modified=datetime'2026-01-01'&endPoint='TransactionLines'").status_code == 200
    sandbox.sandbox.settings.exact.sync_timestamp_for_crm = True
    rows = api(path, query).json()["d"]["results"]
    assert rows[0]["TimeStampAsBigInt"] == str(people[-1]["Timestamp"])


def test_two_hundred_thousand_rows_are_served_fast(http: httpx.Client, sandbox: RunningSandbox) -> None:
    """A page deep inside a big table costs no scan: well under the time that a scan or a sort would take."""
    _load(sandbox, 200_000)
    versions = sandbox.sandbox.exact.division(DIVISION).tables["Contacts"]
    deep = next(row["Timestamp"] for number, row in enumerate(versions.by_version(None)) if number == 198_500)
    started = time.perf_counter()
    for _ in range(10):
        page = http.get(_after(deep)).json()["d"]["results"]
    assert len(page) == 1000
    assert (time.perf_counter() - started) / 10 < 0.25

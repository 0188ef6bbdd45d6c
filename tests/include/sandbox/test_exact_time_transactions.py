"""project/TimeTransactions and its sync twin, as the sandbox serves them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from include.sandbox.exact_division import furniture_id

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from include.sandbox.server import RunningSandbox

    Api = Callable[..., httpx.Response]

DIVISION = 124132
PATH = "project/TimeTransactions"
SYNC = "sync/Project/TimeCostTransactions"
HOUR, LAPTOP = furniture_id(DIVISION, "a1"), furniture_id(DIVISION, "a2")
PROJECT = furniture_id(DIVISION, "b1")
NOWHERE = "00000000-0000-4000-8000-00000000dead"
BODY: dict[str, Any] = {"Item": HOUR, "Quantity": 1.5, "Project": PROJECT}
FULL = {"Prefer": "return=representation"}
# Every property of the reference page with its type; a plus says that POST and PUT may set it.
PROPERTIES = """
ID:Guid+ Account:Guid+ AccountName:String Activity:Guid+ ActivityDescription:String Amount:Double+ AmountFC:Double
Attachment:Guid+ Created:DateTime Creator:Guid CreatorFullName:String Currency:String+ CustomField:String
Date:DateTime+ Division:Int32 DivisionDescription:String Employee:Guid+ EndTime:DateTime+ EntryNumber:Int32+
ErrorText:String+ HourStatus:Int16+ Item:Guid+ ItemDescription:String ItemDivisable:Boolean Modified:DateTime
Modifier:Guid ModifierFullName:String Notes:String+ Price:Double+ PriceFC:Double Project:Guid+ ProjectAccount:Guid
ProjectAccountCode:String ProjectAccountName:String ProjectCode:String ProjectDescription:String Quantity:Double+
SkipValidation:Boolean+ StartTime:DateTime+ Subscription:Guid+ SubscriptionAccount:Guid+
SubscriptionAccountCode:String SubscriptionAccountName:String SubscriptionDescription:String
SubscriptionNumber:Int32 Type:Int16
"""


def _post(api: Api, change: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = api(PATH, method="POST", json={**BODY, **(change or {})}, headers=FULL)
    assert answer.status_code == 201, answer.text
    return dict(answer.json()["d"])


def _error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["message"]["value"]


def test_properties_are_those_of_the_reference(sandbox: RunningSandbox) -> None:
    """Names, types and which of them may be written."""
    columns = sandbox.sandbox.exact.division(DIVISION).columns["TimeTransactions"]
    found = {f"{name}:{column.edm}{'+' * column.writable}" for name, column in columns.items()}
    assert found == set(PROPERTIES.split())


def test_a_new_transaction_comes_back_filled(api: Api, sandbox: RunningSandbox) -> None:
    """201 with amount, price and names of item and project, dates of the site's wall clock, draft, type time."""
    account = sandbox.sandbox.exact.add_account(DIVISION, {"Name": "Voorbeeld B.V."})
    row = _post(api, {"Account": account["ID"], "Notes": "workshop", "StartTime": "2026-06-25T09:00"})
    expected = {
        "AccountName": "Voorbeeld B.V.",
        "AmountFC": 142.5,
        "Created": "/Date(1782404052000)/",
        "Date": "/Date(1782345600000)/",
        "Division": DIVISION,
        "DivisionDescription": "Sandbox B.V.",
        "Employee": sandbox.sandbox.exact.employee_id,
        "HourStatus": 1,
        "ItemDescription": "Consultancy hour",
        "ItemDivisable": True,
        "Modified": "/Date(1782404052000)/",
        "PriceFC": 95.0,
        "ProjectCode": "P-001",
        "ProjectDescription": "Website",
        "Quantity": 1.5,
        "StartTime": "/Date(1782378000000)/",
        "Type": 1,
    }
    assert {name: row[name] for name in expected} == expected
    assert api(f"{PATH}(guid'{row['ID']}')").json()["d"] == row
    assert _post(api)["EntryNumber"] == row["EntryNumber"] + 1


def test_amounts_are_exact(api: Api) -> None:
    """A price that was sent counts instead of the item's; 3 times 0.1 is 0.3; the obsolete names show the same."""
    row = _post(api, {"Quantity": 3, "Price": 0.1, "Amount": 99.0})
    assert (row["AmountFC"], row["Amount"], row["PriceFC"], row["Price"]) == (0.3, 0.3, 0.1, 0.1)


def test_the_account_follows_from_the_project(api: Api, sandbox: RunningSandbox) -> None:
    """Without an account of its own a transaction belongs to its project's."""
    exact = sandbox.sandbox.exact
    account = exact.add_account(DIVISION, {"Name": "Klant"})
    project = exact.add(DIVISION, "Projects", {"Account": account["ID"], "Code": "X", "Description": "X", "Type": 3})
    row = _post(api, {"Project": project["ID"]})
    assert (row["Account"], row["AccountName"], row["ProjectAccountName"]) == (account["ID"], "Klant", "Klant")
    assert row["ProjectAccountCode"] == account["Code"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"Item": None}, "Mandatory: Item"),
        ({"Quantity": None}, "Mandatory: Quantity"),
        ({"Project": None}, "Mandatory: Account, Project or Subscription"),
        ({"Item": NOWHERE}, "Invalid reference: Item"),
        ({"Project": NOWHERE}, "Invalid reference: Project"),
        ({"Account": NOWHERE}, "Invalid reference: Account"),
        ({"HourStatus": 20}, "Invalid value: HourStatus"),
        ({"HourStatus": 11}, "Invalid value: HourStatus"),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.parametrize("status", [500, 400])
def test_refusals(api: Api, sandbox: RunningSandbox, change: dict[str, Any], text: str, status: int) -> None:
    """500 as was seen, or 400, with the text; nothing is stored."""
    sandbox.sandbox.settings.exact.validation_status = status
    assert _error(api(PATH, method="POST", json={**BODY, **change})) == (status, text)
    assert sandbox.sandbox.exact.contents()[str(DIVISION)]["TimeTransactions"] == []


@pytest.mark.parametrize("change", [{"Quantity": "many"}, {"Quantity": True}, {"HourStatus": 1.5}, {"Item": "HOUR"}])
def test_values_must_fit_their_types(api: Api, change: dict[str, Any]) -> None:
    """500 that names property and type; a number in quotes is read."""
    status, text = _error(api(PATH, method="POST", json={**BODY, **change}))
    assert status == 500
    assert text.startswith("Error in converting value for property")
    assert _post(api, {"Quantity": "2"})["AmountFC"] == 190.0


def test_a_subscription_is_enough(api: Api) -> None:
    """One of the three links will do."""
    row = _post(api, {"Project": None, "Subscription": NOWHERE})
    assert (row["Subscription"], row["Project"]) == (NOWHERE, None)


def test_changes_move_the_amount_and_the_sync(api: Api) -> None:
    """204 and empty; another item brings its price; the row moves to the end of the sync."""
    first, second = _post(api), _post(api, {"Quantity": 2})
    answer = api(f"{PATH}(guid'{first['ID']}')", method="PUT", json={"Item": LAPTOP, "HourStatus": 10})
    assert (answer.status_code, answer.content) == (204, b"")
    row = api(f"{PATH}(guid'{first['ID']}')").json()["d"]
    assert (row["ItemDescription"], row["AmountFC"], row["HourStatus"]) == ("Laptop", 1874.25, 10)
    synced = api(SYNC, "$select=ID,Timestamp,AmountFC&$filter=Timestamp gt 1L").json()["d"]["results"]
    assert [(one["ID"], one["AmountFC"]) for one in synced] == [(second["ID"], 190.0), (first["ID"], 1874.25)]
    assert int(synced[0]["Timestamp"]) < int(synced[1]["Timestamp"])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"Project": None}, "Mandatory: Account, Project or Subscription"),
        ({"Item": None}, "Mandatory: Item"),
        ({"Project": NOWHERE}, "Invalid reference: Project"),
        ({"HourStatus": 20}, "Invalid value: HourStatus"),
    ],
    ids=["no link", "no item", "no such project", "final"],
)
def test_changes_are_checked_as_well(api: Api, change: dict[str, Any], text: str) -> None:
    """A PUT cannot make a row that a POST could not."""
    row = _post(api)
    assert _error(api(f"{PATH}(guid'{row['ID']}')", method="PUT", json=change)) == (500, text)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_final_hours_stay(api: Api, sandbox: RunningSandbox, method: str) -> None:
    """What is final cannot be changed or deleted, unless the switch allows it."""
    row = _post(api)
    sandbox.sandbox.exact.update(DIVISION, "TimeTransactions", row["ID"], {"HourStatus": 20})
    path = f"{PATH}(guid'{row['ID']}')"
    assert _error(api(path, method=method, json={"Notes": "x"}))[0] == 500
    assert api(path).json()["d"]["HourStatus"] == 20
    sandbox.sandbox.settings.exact.final_hours_locked = False
    assert api(path, method=method, json={"Notes": "x"}).status_code == 204


def test_deletions_are_logged_as_fourteen(api: Api) -> None:
    """204, then 404, and an entry in sync/Deleted."""
    row = _post(api)
    path = f"{PATH}(guid'{row['ID']}')"
    assert api(path, method="DELETE").status_code == 204
    assert api(path, method="DELETE").status_code == 404
    query = "$select=EntityKey,EntityType&$filter=Timestamp gt 1L and EntityType eq 14"
    assert [one["EntityKey"] for one in api("sync/Deleted", query).json()["d"]["results"]] == [row["ID"]]


def test_the_list_holds_own_hours_and_the_sync_everything(api: Api, sandbox: RunningSandbox) -> None:
    """Costs and other people's hours only come with the sync; a switch lists everybody's hours."""
    own = _post(api)
    other = _post(api, {"Employee": NOWHERE})
    cost = sandbox.sandbox.exact.add(DIVISION, "TimeTransactions", {**BODY, "Type": 2})
    assert [row["ID"] for row in api(PATH).json()["d"]["results"]] == [own["ID"]]
    assert api(f"{PATH}/$count", headers={"Accept": "*/*"}).text == "1"
    assert api(f"{PATH}(guid'{other['ID']}')").status_code == 200
    synced = api(SYNC, "$select=ID,Type").json()["d"]["results"]
    assert {(row["ID"], row["Type"]) for row in synced} == {(own["ID"], 1), (other["ID"], 1), (cost["ID"], 2)}
    sandbox.sandbox.settings.exact.own_hours_only = False
    assert {row["ID"] for row in api(PATH).json()["d"]["results"]} == {own["ID"], other["ID"]}


def test_pages_counts_and_inline_counts(api: Api, http: httpx.Client, sandbox: RunningSandbox) -> None:
    """Sixty a page here, a thousand in the sync, and the same counts."""
    for _ in range(130):
        sandbox.sandbox.exact.add(DIVISION, "TimeTransactions", BODY)
    page = api(PATH, "$select=ID&$inlinecount=allpages").json()["d"]
    assert page["__count"] == "130"
    ids, sizes = set(), []
    while page:
        sizes.append(len(page["results"]))
        ids |= {row["ID"] for row in page["results"]}
        page = http.get(page["__next"]).json()["d"] if "__next" in page else None
    assert (sizes, len(ids)) == ([60, 60, 10], 130)
    assert len(api(SYNC, "$select=ID").json()["d"]["results"]) == 130
    assert api(f"{PATH}/$count", "$filter=Quantity gt 1.0").text == "130"


def test_the_sync_wants_a_select_and_filters_on_timestamp(api: Api) -> None:
    """As every sync endpoint; Type cannot be filtered on, and nothing can be written."""
    _post(api)
    assert api(SYNC).status_code == 400
    assert len(api(SYNC, "$top=1").json()["d"]) == 1
    answer = api(SYNC, "$select=ID&$filter=Type eq 1")
    assert _error(answer) == (400, "Filtering on these fields is not supported: Type")
    assert api(SYNC, method="POST", json=BODY).status_code == 405


def test_sync_timestamp_knows_time_and_cost(api: Api, sandbox: RunningSandbox) -> None:
    """The highest version before a date, so that a first sync need not read the past."""
    first = _post(api)
    sandbox.sandbox.clock.advance(timedelta(minutes=5))
    second = _post(api)
    query = "modified=datetime'2026-06-25T16:15'&endPoint='TimeCostTransactions'"
    stamp = api("read/sync/Sync/SyncTimestamp", query).json()["d"]["results"][0]["TimeStampAsBigInt"]
    rows = api(SYNC, f"$select=ID&$filter=Timestamp gt {stamp}L").json()["d"]["results"]
    assert [row["ID"] for row in rows] == [second["ID"]]
    assert first["ID"] != second["ID"]


@pytest.mark.parametrize("path", ["Project/TimeTransactions", "PROJECT/timetransactions"])
def test_paths_ignore_case_and_null_keys_are_new(api: Api, path: str) -> None:
    """One client writes paths in capitals and sends the whole object, with a null key."""
    answer = api(path, method="POST", json={**BODY, "ID": None, "HourStatus": None})
    assert answer.status_code == 201
    assert answer.json()["d"]["ID"]
    assert answer.headers["Location"].endswith(f"{PATH}(guid'{answer.json()['d']['ID']}')")


def test_a_bare_answer_is_a_switch(api: Api, sandbox: RunningSandbox) -> None:
    """Not known for this endpoint: filled by default, bare on demand, filled again with Prefer."""
    sandbox.sandbox.settings.exact.bare_posts = [PATH]
    row = api(PATH, method="POST", json=BODY).json()["d"]
    assert {name for name, value in row.items() if value is not None} == {"__metadata", "ID"}
    assert _post(api)["AmountFC"] == 142.5

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from include.sandbox.odata_types import guid_order

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from include.sandbox.server import RunningSandbox

    Api = Callable[..., httpx.Response]
    Rows = list[dict[str, Any]]

DIVISION = 124132


def _results(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    document = answer.json()["d"]
    return list(document if isinstance(document, list) else document["results"])


def _names(answer: httpx.Response) -> set[str]:
    return {row["FirstName"] for row in _results(answer)}


def _message(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["message"]["value"])


def test_me_tells_the_division_and_the_local_clock(http: httpx.Client) -> None:
    """Recorded: in June the server's text clock is two hours ahead of the UTC date of the same answer."""
    answer = http.get("/api/v1/Current/ME")
    me = answer.json()["d"]["results"][0]
    assert me["CurrentDivision"] == DIVISION
    assert me["ServerTime"] == "2026-06-25T16:14:12"
    assert me["ServerUtcOffset"] == 7200
    assert answer.headers["Date"] == "Thu, 25 Jun 2026 14:14:12 GMT"
    assert "X-RateLimit-Remaining" not in answer.headers


@pytest.mark.parametrize("path", ["system/Divisions", "system/AllDivisions", "hrm/Divisions", "SYSTEM/divisions"])
def test_divisions_are_listed(api: Api, path: str) -> None:
    """Every division endpoint lists the companies; paths do not tell case apart."""
    rows = _results(api(path, "$select=Code,Description"))
    assert [row["Code"] for row in rows] == [124132, 124133]


def test_division_by_key_pads_its_country(api: Api) -> None:
    """An integer key returns one object; Country is padded and Hid is a text, as recorded."""
    row = api("system/Divisions(124132)").json()["d"]
    assert (row["Country"], row["Hid"]) == ("NL ", "1")


def test_pages_hold_sixty_rows_in_sql_server_guid_order(api: Api, http: httpx.Client, people: Rows) -> None:
    """Following __next reaches all rows once, in uniqueidentifier order, 60 at a time."""
    url = api("crm/Contacts", "$select=ID").url
    pages = []
    link: str | None = str(url)
    while link:
        page = http.get(link).json()["d"]
        pages.append([row["ID"] for row in page["results"]])
        link = page.get("__next")
        assert link is None or "&$skiptoken=guid'" in link
    ids = [row_id for page in pages for row_id in page]
    assert [len(page) for page in pages] == [60, 60, 30]
    assert ids == sorted((row["ID"] for row in people), key=guid_order)
    assert ids != sorted(ids)


def test_guid_order_compares_the_last_group_first() -> None:
    """SQL Server compares the last six bytes first, then group 4, then groups 3, 2 and 1 reversed."""
    low = "ffffffff-ffff-ffff-ffff-000000000001"
    high = "00000000-0000-0000-0000-000000000002"
    assert guid_order(low) < guid_order(high)
    assert guid_order(str(UUID(int=1))) > guid_order(str(UUID(int=0)))


def test_top_up_to_the_page_size_answers_a_bare_array(api: Api, people: Rows) -> None:
    """$top=60 gives d as an array, $top=0 an empty one; $top=100 gives results and a reduced $top."""
    assert isinstance(api("crm/Contacts", "$top=60").json()["d"], list)
    assert api("crm/Contacts", "$top=0").json() == {"d": []}
    page = api("crm/Contacts", "$select=ID&$top=100&$skip=5").json()["d"]
    assert len(page["results"]) == 60
    assert "$select=ID&$top=40&$skiptoken=guid'" in page["__next"]
    assert "$skip=" not in page["__next"]


@pytest.mark.parametrize("form", ["raw", "encoded", "twice"])
def test_skiptoken_is_accepted_however_it_is_encoded(api: Api, people: Rows, form: str) -> None:
    """Clients cut the token out and send it raw, encoded or encoded twice; all reach the second page."""
    query = "$select=ID,Modified&$orderby=Modified%20desc"
    link = api("crm/Contacts", query).json()["d"]["__next"]
    token = link.partition("$skiptoken=")[2]
    assert token.startswith("datetime'2026-06-25T16%3A14%3A12',guid'")
    sent = {"raw": f"$skiptoken={token.replace('%3A', ':')}", "encoded": f"%24skiptoken={token.replace(',', '%2C')}"}
    sent["twice"] = "$skiptoken=" + token.replace("%", "%25").replace("'", "%27")
    rows = _results(api("crm/Contacts", f"{query}&{sent[form]}"))
    assert len(rows) == 60


def test_select_keeps_entity_order(api: Api, people: Rows) -> None:
    """Properties come in the order of the entity, with __metadata always first."""
    row = _results(api("crm/Contacts", "$top=1&$select=Modified,Email,Account,ID"))[0]
    assert list(row) == ["__metadata", "ID", "Account", "Email", "Modified"]
    assert row["__metadata"]["type"] == "Exact.Web.Api.Models.Contact"


def test_full_rows_have_all_properties(api: Api, people: Rows) -> None:
    """A contact has 70 properties, an account 166 with its deferred bank accounts."""
    contact = _results(api("crm/Contacts", "$top=1"))[0]
    account = _results(api("crm/Accounts", "$top=1"))[0]
    assert len(contact) - 1 == 70
    assert len(account) - 1 == 166
    assert account["BankAccounts"]["__deferred"]["uri"].endswith("/BankAccounts")
    assert (account["Code"], account["Country"]) == ("           0000001", "NL ")
    assert account["Language"] == "NL        "


def test_expanded_bank_accounts_are_a_list(api: Api, people: Rows) -> None:
    """$expand replaces the deferred link by results; the navigation path answers as well."""
    row = _results(api("crm/Accounts", "$top=1&$expand=BankAccounts"))[0]
    assert row["BankAccounts"] == {"results": []}
    assert api(f"crm/Accounts(guid'{row['ID']}')/BankAccounts").json() == {"d": {"results": []}}


def test_contact_takes_what_it_does_not_hold_from_its_account(api: Api, people: Rows) -> None:
    """Name, code, country and main contact of the account are joined; the first contact is the main one."""
    row = api(f"crm/contacts(guid'{people[0]['ID'].upper()}')").json()["d"]
    assert row["AccountName"] == "Voorbeeld B.V."
    assert row["AccountIsCustomer"] is True
    assert row["IsMainContact"] is True
    assert row["FullName"] == "Noor000 O'Dijk"
    assert row["BusinessEmail"] == row["Email"]
    assert row["StartDate"] == "/Date(1782345600000)/"
    assert row["Created"] == "/Date(1782404052000)/"


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        ("FirstName eq 'Noor007'", 1),
        ("FirstName eq 'noor007 '", 1),
        ("FirstName+ge+'Noor140'", 10),
        ("LastName eq 'O''Dijk' and (FirstName lt 'Noor002' or FirstName eq 'Noor149')", 3),
        ("not (FirstName gt 'Noor000')", 1),
        ("startswith(FirstName,'Noor01') eq true", 10),
        ("substringof('or14', FirstName)", 10),
        ("endswith(Email,'9@example.org')", 15),
        ("tolower(FirstName) eq 'noor003'", 1),
        ("Modified ge datetime'2026-06-25T16:14'", 150),
        ("Modified gt datetime'2026-06-25T16:14:12.0'", 0),
        ("Created lt datetime'2026-06-25'", 0),
        ("MiddleName eq null", 150),
        ("MiddleName ne 'van'", 0),
        ("EndDate ne null", 0),
        ("IsMainContact eq true", 1),
        ("HID le 5 and HID ne 2", 4),
    ],
)
def test_filters_count_what_sql_would(api: Api, people: Rows, condition: str, count: int) -> None:
    """$count answers a plain number; comparisons ignore case and trailing blanks, nulls never match."""
    answer = api("crm/Contacts/$count", f"$filter={condition}", headers={"Accept": "*/*"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text == str(count)


def test_code_needs_its_padding(api: Api, people: Rows) -> None:
    """Leading blanks of Code count: the bare number finds nothing, padded or trimmed it does."""
    assert api("crm/Accounts/$count", "$filter=Code eq '0000001'").text == "0"
    assert api("crm/Accounts/$count", f"$filter=Code eq '{'0000001':>18}'").text == "1"
    assert api("crm/Accounts/$count", "$filter=trim(Code) eq '0000001'").text == "1"


def test_guid_filter_finds_the_rows_it_names(api: Api, people: Rows) -> None:
    """A list of IDs joined by or returns exactly these rows."""
    wanted = {row["ID"] for row in people[3:9]}
    condition = " or ".join(f"ID eq guid'{row_id.upper()}'" for row_id in wanted)
    assert {row["ID"] for row in _results(api("crm/Contacts", f"$select=ID&$filter={condition}"))} == wanted


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        ("ID eq 5", "Operator 'eq' incompatible with operand types 'System.Guid' and 'System.Int32' at position 3."),
        ("Nope eq 5", "No property 'Nope' exists in type 'Exact.Web.Api.Models.Contact' at position 0."),
        ("", "This $filter parameter is not supported for this resource"),
        ("firstname eq 'a'", "No property 'firstname'"),
        ("(HID eq 5", "')' expected"),
        ("HID eq", "Expression expected"),
        ("Account/Name eq 'a'", "navigation"),
        ("Timestamp gt 1L", "No property 'Timestamp'"),
    ],
)
def test_wrong_filters_are_refused(api: Api, people: Rows, condition: str, text: str) -> None:
    """A filter that the service cannot read is a 400 in the OData error shape with empty code and lang."""
    answer = api("crm/Contacts", f"$filter={condition}")
    assert answer.status_code == 400
    assert text in _message(answer)
    assert answer.json()["error"]["code"] == ""


def test_inlinecount_forces_results(api: Api, people: Rows) -> None:
    """The count comes as a text beside results, even with a small $top."""
    page = api("crm/Contacts", "$top=2&$inlinecount=allpages&$filter=HID gt 100").json()["d"]
    assert page["__count"] == "50"
    assert len(page["results"]) == 2


def test_bulk_needs_select_and_restricts_filters(api: Api, people: Rows) -> None:
    """Bulk pages hold 1000 rows, want $select, and filter contacts on five properties only."""
    answer = api("bulk/CRM/Contacts")
    assert answer.status_code == 400
    assert _message(answer) == "Please add a $select or a $top=1 statement to the query string."
    assert len(_results(api("bulk/crm/contacts", "$select=ID"))) == 150
    account = people[0]["Account"]
    assert len(_results(api("bulk/CRM/Contacts", f"$select=ID&$filter=Account eq guid'{account}'"))) == 150
    answer = api("bulk/CRM/Contacts", "$select=ID&$filter=Email eq 'a'")
    assert _message(answer) == "Filtering on these fields is not supported: Email"


def test_mandatory_filtering_is_a_switch(api: Api, sandbox: RunningSandbox, people: Rows) -> None:
    """With the switch on, a list without $filter is refused with the known text."""
    sandbox.sandbox.settings.exact.mandatory_filter = True
    answer = api("crm/Accounts")
    assert answer.status_code == 400
    assert _message(answer).startswith("This endpoint has mandatory filtering applied.")
    assert api("crm/Accounts", "$filter=Modified gt datetime'2020-01-01'").status_code == 200


def test_without_json_accept_comes_atom(api: Api, people: Rows) -> None:
    """*/* gets an Atom feed with entry, content and m:properties, and a link to the next page."""
    answer = api("crm/Contacts", "$select=ID,Modified,FirstName", headers={"Accept": "*/*"})
    assert answer.headers["content-type"].startswith("application/atom+xml")
    assert answer.text.count("<entry>") == 60
    assert '<link rel="next" href="' in answer.text
    assert '<d:Modified m:type="Edm.DateTime">2026-06-25T16:14:12</d:Modified>' in answer.text


def test_dates_are_the_wall_clock_in_sql_steps(api: Api, sandbox: RunningSandbox, people: Rows) -> None:
    """A local time is written as if it were UTC, rounded to ...0, 3, 7 ms; literals mean the same clock."""
    exact = sandbox.sandbox.exact
    at = datetime(2018, 9, 21, 4, 18, 55, 616_000)  # noqa: DTZ001 - the service's dates have no zone
    exact.update(DIVISION, "Contacts", people[0]["ID"], {"Modified": at})
    row = _results(api("crm/Contacts", "$filter=Modified eq datetime'2018-09-21T04:18:55.617'"))[0]
    assert row["Modified"] == "/Date(1537503535617)/"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("crm/Nothing", 404),
        ("crm/Contacts(guid'00000000-0000-4000-8000-00000000dead')", 404),
        ("crm/Contacts(5)", 400),
        ("sync/CRM/Contacts?$select=*", 400),
        ("crm/Contacts?$top=-1", 400),
        ("crm/Contacts?$select=Nope", 400),
        ("crm/Contacts?$nope=1", 400),
        ("crm/Contacts?$filter=" + "x" * 6000, 414),
    ],
)
def test_refusals(api: Api, path: str, status: int) -> None:
    """Unknown paths and keys are 404, what cannot be read is 400, and a URL has at most 6000 characters."""
    assert api(path).status_code == status


def test_foreign_division_is_forbidden(http: httpx.Client) -> None:
    """A company without access answers 403 with its reason in a header."""
    answer = http.get("/api/v1/999/crm/Contacts")
    assert answer.status_code == 403
    assert answer.headers["Reason"] == "NoDivisionAccess"


def test_missing_scope_is_forbidden(api: Api, sandbox: RunningSandbox) -> None:
    """An app without the scope gets the text that users report."""
    sandbox.sandbox.settings.exact.missing_scopes = ["crm/Contacts"]
    answer = api("crm/Contacts")
    assert answer.status_code == 403
    assert _message(answer) == "Forbidden - Application Scope Violated. Cannot read"


def test_bodies_are_utf8_json(api: Api, sandbox: RunningSandbox) -> None:
    """Names outside of ASCII arrive unharmed."""
    sandbox.sandbox.exact.add_account(DIVISION, {"Name": "Żółć & Søn"})
    answer = api("crm/Accounts", "$select=Name&$filter=Name eq 'Żółć %26 Søn'")
    assert answer.headers["content-type"] == "application/json;charset=utf-8"
    assert json.loads(answer.content)["d"]["results"][0]["Name"] == "Żółć & Søn"

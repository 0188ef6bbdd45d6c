"""The smaller endpoints of the Exact Online half: items, projects, documents, and other kinds of keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from include.sandbox.exact_division import furniture_id
from include.sandbox.exact_kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from include.sandbox.server import RunningSandbox

    Api = Callable[..., httpx.Response]

DIVISION = 124132
HOUR, LAPTOP = furniture_id(DIVISION, "a1"), furniture_id(DIVISION, "a2")
NOWHERE = "00000000-0000-4000-8000-00000000dead"
FULL = {"Prefer": "return=representation"}


@pytest.fixture
def account(sandbox: RunningSandbox) -> str:
    return str(sandbox.sandbox.exact.add_account(DIVISION, {"Name": "Voorbeeld B.V."})["ID"])


def _post(api: Api, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = api(path, method="POST", json=body, headers=FULL)
    assert answer.status_code == 201, answer.text
    return dict(answer.json()["d"])


def test_every_division_has_two_items_and_two_projects(api: Api, http: httpx.Client) -> None:
    """With the documented keys, the same at each start, different per division."""
    items = api("logistics/Items", "$select=ID,Code,StandardSalesPrice").json()["d"]["results"]
    found = {row["ID"]: (row["Code"], row["StandardSalesPrice"]) for row in items}
    assert found == {HOUR: ("CONSULT", 95.0), LAPTOP: ("LAPTOP", 1249.5)}
    projects = http.get("/api/v1/124133/project/Projects?$select=ID,Code").json()["d"]["results"]
    assert {row["ID"]: row["Code"] for row in projects} == {
        "00124133-0000-4000-8000-0000000000b1": "P-001",
        "00124133-0000-4000-8000-0000000000b2": "P-002",
    }


@pytest.mark.parametrize("path", [kind.path for kind in KINDS.values()])
def test_every_table_can_be_listed_and_counted(api: Api, path: str) -> None:
    """Rows in the envelope, a number as plain text, and one row as a bare array."""
    assert "results" in api(path).json()["d"]
    assert api(f"{path}/$count", headers={"Accept": "*/*"}).text.isdigit()
    assert isinstance(api(path, "$top=1").json()["d"], list)


@pytest.mark.parametrize("path", [kind.sync for kind in KINDS.values() if kind.sync])
def test_every_sync_endpoint_wants_a_select(api: Api, path: str) -> None:
    """400 without, rows by Timestamp with it."""
    assert api(path).status_code == 400
    assert api(path, "$select=ID,Timestamp&$filter=Timestamp gt 1L").status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "change"),
    [
        ("logistics/Items", {"Code": "X1", "Description": "Chair"}, {"Description": "Stool"}),
        ("project/Projects", {"Code": "P9", "Description": "Shed", "Type": 3}, {"Description": "Barn"}),
        ("crm/BankAccounts", {"BankAccount": "NL91ABNA0417164300"}, {"Description": "main"}),
    ],
)
def test_rows_live_and_die(api: Api, account: str, path: str, body: dict[str, Any], change: dict[str, Any]) -> None:
    """Created, changed, deleted; the deletion is logged with the type of the entity."""
    full = body if path == "logistics/Items" else {**body, "Account": account}
    for name in full:
        lacking = {key: value for key, value in full.items() if key != name}
        answer = api(path, method="POST", json=lacking)
        assert (answer.status_code, f"Mandatory: {name}" in answer.text) == (500, True)
    row = _post(api, path, full)
    assert {name: row[name] for name in full} == full
    key = f"{path}(guid'{row['ID']}')"
    assert api(key, method="PUT", json=change).status_code == 204
    assert change.items() <= api(key).json()["d"].items()
    assert api(key, method="DELETE").status_code == 204
    assert api(key).status_code == 404
    kind = next(kind for kind in KINDS.values() if kind.path == path)
    query = f"$select=EntityKey&$filter=EntityType eq {kind.deleted_type}"
    assert [one["EntityKey"] for one in api("sync/Deleted", query).json()["d"]["results"]] == [row["ID"]]


def test_codes_are_unique_and_stay_as_typed(api: Api, account: str) -> None:
    """Only account codes are padded; a second row with a code is refused, itself not."""
    row = _post(api, "logistics/Items", {"Code": "42", "Description": "Answer"})
    assert row["Code"] == "42"
    answer = api("logistics/Items", method="POST", json={"Code": "42", "Description": "Other"})
    assert (answer.status_code, "Already exists: Code" in answer.text) == (500, True)
    key = f"logistics/Items(guid'{row['ID']}')"
    assert api(key, method="PUT", json={"Code": "42", "Notes": "n"}).status_code == 204


@pytest.mark.parametrize(
    ("path", "key", "lines", "above"),
    [
        ("salesinvoice/SalesInvoices", "InvoiceID", "SalesInvoiceLines", "OrderedBy"),
        ("crm/Quotations", "QuotationID", "QuotationLines", "OrderAccount"),
    ],
)
class TestDocuments:
    """Invoices and quotations, which have lines and keys of their own name."""

    @staticmethod
    def _body(account: str, lines: str, above: str, *rows: dict[str, Any]) -> dict[str, Any]:
        journal = {"Journal": "70"} if lines == "SalesInvoiceLines" else {}
        return {**journal, above: account, lines: list(rows)}

    def test_lines_come_along(  # noqa: PLR0917 - one per column of the table above
        self, api: Api, account: str, path: str, key: str, lines: str, above: str
    ) -> None:
        """The amount is that of the lines, which are read by link, by expansion and by filter."""
        body = self._body(account, lines, above, {"Item": HOUR, "Quantity": 2}, {"Item": LAPTOP, "NetPrice": 1000})
        row = _post(api, path, body)
        address = f"{path}(guid'{row[key]}')"
        assert row["AmountFC"] == 1190.0
        assert row[lines]["__deferred"]["uri"].endswith(f"{address}/{lines}")
        linked = api(f"{address}/{lines}").json()["d"]["results"]
        found = {line["ItemDescription"]: line["AmountFC"] for line in linked}
        assert found == {"Consultancy hour": 190.0, "Laptop": 1000.0}
        assert api(address, f"$expand={lines}").json()["d"][lines]["results"] == linked
        query = f"$filter={key} eq guid'{row[key]}'"
        assert api(f"{path.partition('/')[0]}/{lines}", query).json()["d"]["results"] == linked
        assert api(path, f"{query}&$top=1").json()["d"][0][key] == row[key]

    def test_what_is_refused(  # noqa: PLR0917 - one per column of the table above
        self, api: Api, account: str, path: str, key: str, lines: str, above: str
    ) -> None:
        """No lines, or a line without an item that exists, stores nothing; there is no PUT and no DELETE here."""
        for rows in ([], [{"Item": NOWHERE}], [{"Quantity": 1}], ["x"]):
            refused = api(path, method="POST", json={**self._body(account, lines, above), lines: rows})
            assert refused.status_code in {400, 500}
        assert api(f"{path}/$count").text == "0"
        row = _post(api, path, self._body(account, lines, above, {"Item": HOUR}))
        for method in ("PUT", "DELETE"):
            assert api(f"{path}(guid'{row[key]}')", method=method, json={}).status_code == 405


def test_bank_accounts_hang_below_accounts(api: Api, http: httpx.Client, account: str) -> None:
    """Read by link and by expansion, sixty at a time, and deleted with the account."""
    for number in range(61):
        _post(api, "crm/BankAccounts", {"Account": account, "BankAccount": f"NL{number:02d}"})
    link = api(f"crm/Accounts(guid'{account}')").json()["d"]["BankAccounts"]["__deferred"]["uri"]
    page = http.get(f"{link}?$select=BankAccount").json()["d"]
    rest = http.get(page["__next"]).json()["d"]
    assert (len(page["results"]), len(rest["results"]), "__next" in rest) == (60, 1, False)
    expanded = api("crm/Accounts", "$select=ID&$expand=BankAccounts").json()["d"]["results"][0]["BankAccounts"]
    assert len(http.get(expanded["__next"]).json()["d"]["results"]) == 1
    assert api(f"crm/Accounts(guid'{account}')", method="DELETE").status_code == 204
    assert api("crm/BankAccounts/$count").text == "0"


def test_other_keys(api: Api) -> None:
    """A text key, an integer key, and a function with its parameter; all of them read only."""
    assert api("general/Currencies('EUR')").json()["d"]["Description"] == "Euro"
    assert api("general/Currencies('XXX')").status_code == 404
    assert api("general/Currencies(guid'" + NOWHERE + "')").status_code == 400
    assert api("hrm/Divisions(124133)").json()["d"]["Code"] == 124133
    stock = api("read/logistics/StockPosition", f"itemId=guid'{LAPTOP}'").json()["d"]["results"]
    assert [(row["ItemId"], row["InStock"]) for row in stock] == [(LAPTOP, 12.0)]
    assert api("read/logistics/StockPosition").status_code == 400
    for path in ("general/Currencies", "read/logistics/StockPosition", "crm/QuotationLines"):
        assert api(path, f"itemId=guid'{LAPTOP}'", method="POST", json={}).status_code == 405


def test_the_admin_interface_fills_every_table(http: httpx.Client) -> None:
    """Rows are added, changed, deleted and shown as they are stored, whatever the endpoint would refuse."""
    base = "/_sandbox/exact/124132"
    for table in KINDS:
        assert http.post(f"{base}/{table}", json={}).status_code == 200, table
    final = http.post(f"{base}/TimeTransactions", json={"Item": HOUR, "Quantity": 2, "HourStatus": 20}).json()
    shown = http.get("/_sandbox/contents?service=exact").json()["exact"]["124132"]
    row = next(row for row in shown["TimeTransactions"] if row["ID"] == final["ID"])
    assert (row["HourStatus"], row["PriceFC"], row["Timestamp"]) == (20, 95.0, final["Timestamp"])
    assert {table: len(rows) for table, rows in shown.items()} == {
        table: {"Items": 3, "Projects": 3, "TimeTransactions": 2}.get(table, 1) for table in KINDS
    }
    assert http.patch(f"{base}/Items/{HOUR}", json={"StandardSalesPrice": 100}).status_code == 200
    assert http.delete(f"{base}/Projects/{furniture_id(DIVISION, 'b2')}").status_code == 204

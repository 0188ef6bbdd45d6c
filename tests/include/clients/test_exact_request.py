"""Any endpoint: what is checked before a call is spent, and what the call then is."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from include.errors import ConfigurationError, OutcomeUnknownError, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.clients.exact import ExactClient
    from tests.include.clients.conftest import Service, State

ROOT = "https://start.exactonline.nl/api/v1/124132"
GUID = "790fc424-dc9f-405d-ab09-22d4ee00f653"
LINES = {"Journal": "70", "OrderedBy": GUID, "SalesInvoiceLines": [{"Item": GUID, "Quantity": Decimal("1.50")}]}


def rows(*found: dict[str, Any], following: str | None = None) -> httpx.Response:
    return httpx.Response(200, json={"d": {"results": list(found), **({"__next": following} if following else {})}})


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda c: c.request("GET", "crm/Acounts"), "exact.endpoint.unknown"),
        (lambda c: c.get("crm/Acounts", GUID), "exact.endpoint.unknown"),
        (lambda c: list(c.pages("crm/Acounts")), "exact.endpoint.unknown"),
        (lambda c: c.request("PATCH", "crm/Accounts", key=GUID, json={"Name": "x"}), "exact.method.unknown"),
        (lambda c: c.request("POST", "sync/CRM/Accounts", json={"a": 1}), "exact.method.not_offered"),
        (lambda c: c.create("general/Currencies", {"Code": "X"}), "exact.method.not_offered"),
        (lambda c: c.update("documents/DocumentAttachments", GUID, {"a": 1}), "exact.method.not_offered"),
        (lambda c: c.delete("salesorder/GoodsDeliveries", GUID), "exact.method.not_offered"),
        (lambda c: list(c.pages("crm/AcceptQuotation")), "exact.method.not_offered"),
        (lambda c: list(c.pages("bulk/CRM/Contacts")), "exact.query.select_missing"),
        (lambda c: c.request("GET", "sync/CRM/Contacts", params={"$top": 2}), "exact.query.select_missing"),
        (lambda c: c.delete("financial/GLAccounts", GUID), "exact.endpoint.protected"),
        (lambda c: c.delete("payroll/Employees", GUID), "exact.endpoint.protected"),
        (lambda c: c.request("DELETE", "webhooks/WebhookSubscriptions", key=GUID), "exact.endpoint.protected"),
        (lambda c: c.request("DELETE", "users/Users", key=GUID, unlisted=True), "exact.endpoint.protected"),
        (lambda c: c.request("PUT", "crm/Accounts", json={"Name": "x"}), "exact.key.missing"),
        (lambda c: c.request("DELETE", "crm/Accounts"), "exact.key.missing"),
        (lambda c: c.request("POST", "crm/Accounts", key=GUID, json={"Name": "x"}), "exact.key.unexpected"),
        (lambda c: c.request("GET", "crm/Accounts", json={"Name": "x"}), "exact.json.unexpected"),
        (lambda c: c.request("POST", "crm/Accounts", params={"a": 1}, json={"Name": "x"}), "exact.params.unexpected"),
        (lambda c: c.request("GET", "crm/Accounts", params={"$top": True}), "exact.params.malformed"),
        (lambda c: c.request("GET", "crm/Accounts", params={"a&b": "x"}), "exact.params.malformed"),
        (lambda c: c.request("GET", "crm/Accounts", params={"$filter": "x" * 6000}), "exact.query.too_long"),
        (lambda c: c.update("crm/Accounts", GUID, {}), "exact.payload.missing"),
        (lambda c: c.update("crm/Accounts", 5.0, {"Name": "x"}), "exact.ID.malformed"),
        (lambda c: c.create("crm/Accounts", {}), "exact.Name.missing"),
        (lambda c: c.create("crm/Accounts", {"Name": ""}), "exact.Name.missing"),
        (lambda c: c.create("crm/Contacts", {"LastName": "x"}), "exact.Account.missing"),
        (lambda c: c.create("crm/Contacts", {"Account": GUID}), "exact.FirstName.missing"),
        (lambda c: c.create("crm/Contacts", {"Account": GUID, "FirstName": None}), "exact.FirstName.missing"),
        (lambda c: c.create("salesinvoice/SalesInvoices", {**LINES, "SalesInvoiceLines": []}),
         "exact.SalesInvoiceLines.missing"),
        (lambda c: c.create("activities/Tasks", {}), "exact.payload.missing"),
        (lambda c: c.create("crm/Accounts", {"Name": "x", "Latitude": float("nan")}), "exact.Latitude.malformed"),
        (lambda c: c.create("crm/Accounts", {"Name": "x", "Logo": b"x"}), "exact.Logo.malformed"),
        (lambda c: list(c.pages("crm/Accounts", top=0)), "exact.top.malformed"),
        (lambda c: list(c.pages("crm/Accounts", top=1.5)), "exact.top.malformed"),
        (lambda c: c.get("read/project/RecentCosts", GUID), "exact.key.unknown"),
    ],
)  # fmt: skip
def test_wrong_calls_are_not_made(
    exact: ExactClient, service: Service, call: Callable[[ExactClient], object], code: str
) -> None:
    """Ten refusals an hour block the key, so what is known to be wrong is refused here."""
    with pytest.raises(ConfigurationError) as caught:
        call(exact)
    assert caught.value.reason_code == code
    assert caught.value.way_out
    assert service.requests == []


def test_proper_case_is_used_and_counted(exact: ExactClient, service: Service, state: State) -> None:
    service.answers = [rows({"ID": GUID})]
    assert exact.request("get", "SALESINVOICE/salesinvoices", params={"$select": "InvoiceID"}) == [{"ID": GUID}]
    assert service.urls() == [f"{ROOT}/salesinvoice/SalesInvoices?$select=InvoiceID"]
    assert state.calls["exact", "salesinvoice/SalesInvoices", 200] == 1


@pytest.mark.parametrize(
    ("endpoint", "key", "asked"),
    [
        ("salesinvoice/SalesInvoices", GUID, f"InvoiceID eq guid'{GUID}'"),
        ("system/Divisions", "124132", "Code eq 124132"),
        ("general/Currencies", "EUR", "Code eq 'EUR'"),
        (
            "read/financial/JournalStatusList",
            "Journal='10',Period=6,Year=2014",
            "Journal eq '10' and Period eq 6 and Year eq 2014",
        ),
    ],
)
def test_get_by_any_kind_of_key(exact: ExactClient, service: Service, endpoint: str, key: str, asked: str) -> None:
    """By a filter: a key that does not exist would be a 404, which counts."""
    service.answers = [httpx.Response(200, json={"d": [{"a": 1}]}), httpx.Response(200, json={"d": []})]
    assert exact.get(endpoint, key, select=["Description"]) == {"a": 1}
    assert exact.request("GET", endpoint, key=key) is None
    assert {request.url.params["$filter"] for request in service.requests} == {asked}
    assert service.requests[0].url.params["$select"] == "Description"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"d": {"results": [{"a": 1}, {"a": 2}]}}, [{"a": 1}, {"a": 2}]),
        ({"d": []}, []),
        ({"d": {"a": 1, "__metadata": {}}}, {"a": 1}),
    ],
    ids=["rows", "none", "object"],
)
def test_request_gives_what_came(exact: ExactClient, service: Service, body: Any, expected: Any) -> None:
    service.answers = [httpx.Response(200, json=body)]
    assert exact.request("GET", "crm/Accounts") == expected


@pytest.mark.parametrize("body", [[], "x", 5, {"d": None}, {"d": "x"}, {"d": {"results": [1]}}, {}])
def test_bodies_that_are_no_rows(exact: ExactClient, service: Service, body: Any) -> None:
    service.answers = [httpx.Response(200, json=body)]
    with pytest.raises(ProtocolError):
        exact.request("GET", "crm/Accounts")


def test_unlisted_calls(exact: ExactClient, service: Service, state: State) -> None:
    service.answers = [rows(), httpx.Response(404), httpx.Response(204)]
    day = {"checkDate": "datetime'2026-06-25'"}
    assert exact.request("GET", "read/project/HoursByDate", params=day, unlisted=True) == []
    with pytest.raises(ConfigurationError):
        exact.request("GET", f"crm/Accounts(guid'{GUID}')/BankAccounts", unlisted=True)
    assert exact.request("DELETE", "crm/NewThings", key=GUID, unlisted=True) is None
    assert service.urls()[0].endswith("/read/project/HoursByDate?checkDate=datetime'2026-06-25'")
    assert str(service.requests[2].url) == f"{ROOT}/crm/NewThings(guid'{GUID}')"
    assert state.errors == [("crm/Accounts/BankAccounts", 404)]


def test_writes_send_plain_json(exact: ExactClient, service: Service) -> None:
    """Decimals become numbers, times the site's wall clock, lines stay lines."""
    service.answers = [httpx.Response(201, json={"d": {"InvoiceID": GUID}}), httpx.Response(204), httpx.Response(204)]
    moments = {"OrderDate": date(2026, 6, 25), "DueDate": datetime(2026, 6, 25, 14, 14, tzinfo=UTC)}
    made = exact.request("POST", "salesinvoice/SalesInvoices", json={**LINES, **moments, "Description": "für Ö"})
    assert made == {"InvoiceID": GUID}
    sent = service.requests[0].content.decode()
    assert '"Quantity":1.5' in sent
    assert '"OrderDate":"2026-06-25"' in sent
    assert '"DueDate":"2026-06-25T16:14:00"' in sent
    assert exact.request("PUT", "salesinvoice/SalesInvoices", key=GUID, json={"Description": None}) is None
    assert exact.request("DELETE", "salesinvoice/SalesInvoices", key=GUID) is None
    assert [str(r.url) for r in service.requests[1:]] == [f"{ROOT}/salesinvoice/SalesInvoices(guid'{GUID}')"] * 2
    assert service.requests[1].content == b'{"Description":null}'


@pytest.mark.parametrize("answer", [httpx.Response(500), httpx.Response(201), httpx.ReadTimeout("x")])
def test_unclear_create_through_request(exact: ExactClient, service: Service, answer: Any) -> None:
    service.answers = [answer]
    with pytest.raises(OutcomeUnknownError):
        exact.request("POST", "crm/Accounts", json={"Name": "x"})
    assert len(service.requests) == 1


def numbered(first: int, last: int) -> list[dict[str, Any]]:
    return [{"ID": str(n)} for n in range(first, last + 1)]


def test_top_counts_over_all_pages(exact: ExactClient, service: Service) -> None:
    """100 asked for: 60 and 40, and no third call, although Exact still links on."""
    link = f"{ROOT}/crm/Accounts?$top=40&$skiptoken=guid'{{}}'"
    service.answers = [
        rows(*numbered(1, 60), following=link.format("a")),
        rows(*numbered(61, 120), following=link.format("b")),
    ]
    pages = list(exact.pages("crm/Accounts", top=100))
    assert [len(page.rows) for page in pages] == [60, 40]
    assert pages[-1].next is None
    assert service.requests[0].url.params["$top"] == "100"


def test_top_goes_on_from_a_resumed_page(exact: ExactClient, service: Service) -> None:
    service.answers = [rows(*numbered(61, 120))]
    resume = "/api/v1/124132/crm/Accounts?$top=40&$skiptoken=guid'a'"
    (page,) = exact.pages("crm/Accounts", top=100, resume=resume, first=2)
    assert (page.number, len(page.rows)) == (2, 40)


def test_one_row_of_a_sync_endpoint_needs_no_columns(exact: ExactClient, service: Service) -> None:
    service.answers = [httpx.Response(200, json={"d": numbered(1, 1)})]
    assert len(list(exact.pages("sync/CRM/Contacts", top=1))) == 1


def test_rights(exact: ExactClient, service: Service, state: State) -> None:
    service.answers = [httpx.Response(200, json={"d": []}), httpx.Response(403)]
    assert exact.rights("salesinvoice/SalesInvoices")
    assert not exact.rights("project/TimeTransactions")
    assert service.urls()[0] == f"{ROOT}/salesinvoice/SalesInvoices?$select=InvoiceID&$top=1"
    assert state.errors == [("project/TimeTransactions", 403)]


@pytest.mark.parametrize("ahead", [timedelta(minutes=10), timedelta(hours=-3)])
def test_clock_skew_is_read_from_answers(exact: ExactClient, service: Service, ahead: timedelta) -> None:
    """The last answer tells; only without any, one is asked for."""
    told = {"Date": format_datetime(datetime.now(UTC) + ahead, usegmt=True)}
    me = {"d": {"results": [{"CurrentDivision": 1}]}}
    service.answers = [httpx.Response(200, json=me, headers=told)]
    assert abs(exact.clock_skew() - ahead) < timedelta(seconds=30)
    assert abs(exact.clock_skew() - ahead) < timedelta(seconds=30)
    assert len(service.requests) == 1


def test_clock_skew_is_read_from_the_servers_wall_clock_without_a_date(exact: ExactClient, service: Service) -> None:
    """As recorded: 16:14:12 at an offset of 7200 seconds is 14:14:12 UTC."""
    there = datetime.now(UTC) - timedelta(minutes=10) + timedelta(hours=2)
    me = {"ServerTime": there.strftime("%Y-%m-%dT%H:%M:%S"), "ServerUtcOffset": 7200}
    service.answers = [httpx.Response(200, json={"d": {"results": [me]}})]
    assert abs(exact.clock_skew() + timedelta(minutes=10)) < timedelta(seconds=30)
    assert abs(exact.clock_skew() + timedelta(minutes=10)) < timedelta(seconds=30)
    assert len(service.requests) == 1


@pytest.mark.parametrize("headers", [{}, {"Date": "yesterday"}, {"Date": ""}])
def test_clock_skew_that_nobody_tells(exact: ExactClient, service: Service, headers: dict[str, str]) -> None:
    service.answers = [httpx.Response(200, json={"d": {"results": [{}]}}, headers=headers)]
    with pytest.raises(ProtocolError, match="Date"):
        exact.clock_skew()

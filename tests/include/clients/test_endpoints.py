"""The catalogue: names, verbs and keys as Exact's reference has them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from include.clients.endpoints import catalogue, find_endpoint, nearest, unlisted_endpoint
from include.errors import ConfigurationError


@pytest.mark.parametrize(
    ("path", "key", "kind", "methods", "size"),
    [
        ("crm/Accounts", "ID", "guid", "GET POST PUT DELETE", 60),
        ("crm/AcceptQuotation", "ID", "guid", "POST", 60),
        ("documents/DocumentAttachments", "ID", "guid", "GET POST DELETE", 60),
        ("salesinvoice/SalesInvoices", "InvoiceID", "guid", "GET POST PUT DELETE", 60),
        ("salesorder/GoodsDeliveries", "EntryID", "guid", "GET POST PUT", 60),
        ("payroll/VariableMutations", "ID", "guid", "GET POST PUT", 60),
        ("general/Currencies", "Code", "string", "GET", 60),
        ("system/Divisions", "Code", "int", "GET DELETE", 60),
        ("read/financial/PayablesList", "HID", "int64", "GET", 60),
        ("read/financial/JournalStatusList", "Journal,Period,Year", "composite", "GET", 60),
        ("read/project/RecentCosts", "", "unknown", "GET", 60),
        ("bulk/SalesInvoice/SalesInvoices", "InvoiceID", "guid", "GET", 1000),
        ("sync/CRM/Contacts", "Timestamp", "int64", "GET", 1000),
        ("sync/Deleted", "Timestamp", "int64", "GET", 1000),
    ],
)
def test_facts(path: str, key: str, kind: str, methods: str, size: int) -> None:
    info = find_endpoint(path)
    assert (info.path, info.key, info.key_type, info.page_size) == (path, key, kind, size)
    assert info.methods == set(methods.split())


def test_catalogue_holds_together() -> None:
    """Every endpoint offers something; bulk and sync only read; what is mandatory can be posted."""
    infos = catalogue().values()
    assert len(infos) > 300
    assert all(info.methods and info.path.count("/") in {1, 2} for info in infos)
    mass = [info for info in infos if info.needs_select]
    assert all(info.methods == {"GET"} and info.page_size == 1000 for info in mass)
    assert sum(info.path.startswith("sync/") for info in infos) == 54
    assert all("POST" in info.methods for info in infos if info.mandatory)
    assert all(info.key_parts for info in infos if info.key_type != "unknown")


@pytest.mark.parametrize("text", ["CRM/accounts", "/crm/Accounts/", " crm/ACCOUNTS "])
def test_names_are_found_in_any_case(text: str) -> None:
    assert find_endpoint(text).path == "crm/Accounts"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("crm/Acounts", "crm/Accounts"),
        ("SalesInvoices", "salesinvoice/SalesInvoices"),
        ("contact", "crm/Contacts"),
        ("project/TimeTransaction", "project/TimeTransactions"),
    ],
)
def test_unknown_endpoint_names_the_nearest(text: str, expected: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        find_endpoint(text)
    assert caught.value.reason_code == "exact.endpoint.unknown"
    assert expected in caught.value.way_out
    assert nearest(text)[0] == expected
    assert len(set(nearest(text))) == 3


@pytest.mark.parametrize("text", ["", "?", "zzz", "crm/Accounts(guid'ada@example.org')", None, 5])
def test_whatever_is_typed_gets_three_names_and_is_not_quoted(text: object) -> None:
    with pytest.raises(ConfigurationError) as caught:
        find_endpoint(text)  # type: ignore[arg-type]
    assert caught.value.way_out.count("/") >= 3
    assert "@" not in str(caught.value)


@pytest.mark.parametrize(
    "path",
    [
        "system/Divisions",
        "webhooks/WebhookSubscriptions",
        "users/UserRoles",
        "hrm/Costcenters",
        "payroll/Employees",
        "financial/GLAccounts",
        "financial/Journals",
        "financial/FinancialPeriods",
        "vat/VATCodes",
    ],
)
def test_protected(path: str) -> None:
    assert find_endpoint(path).protected
    service = path.partition("/")[0]
    assert unlisted_endpoint(f"{service.upper()}/SomethingNew").protected
    assert unlisted_endpoint(f"{path}(guid'00000000-0000-4000-8000-000000000001')").protected


@pytest.mark.parametrize("path", ["crm/Accounts", "project/TimeTransactions", "salesinvoice/SalesInvoices"])
def test_not_protected(path: str) -> None:
    assert not find_endpoint(path).protected


@pytest.mark.parametrize(
    "path",
    [
        "crm/../system/Divisions",
        "crm/Accounts?$top=1",
        "//evil.example.com/x",
        "crm/Accounts#",
        "a b",
        "crm/%2e%2e/x",
        "",
    ],
)
def test_unlisted_path_stays_below_the_division(path: str) -> None:
    with pytest.raises(ConfigurationError):
        unlisted_endpoint(path)


def test_unlisted_takes_functions_and_navigation() -> None:
    info = unlisted_endpoint("read/project/HoursByDate")
    assert not info.listed
    assert unlisted_endpoint("crm/Accounts(guid'x')/BankAccounts").path == "crm/Accounts(guid'x')/BankAccounts"
    assert unlisted_endpoint("CRM/accounts") is find_endpoint("crm/Accounts")


def test_yaml_is_read_only_when_asked_for() -> None:
    """Dag files import the module; they must stay quick to parse."""
    code = "import sys, include.clients.endpoints; print('yaml' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

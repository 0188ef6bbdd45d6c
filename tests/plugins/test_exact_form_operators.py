"""The two forms of Exact: what is refused at the field, what in the first task, and that no call is made for it."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.definitions.param import ParamsDict

from exact_online.endpoint_form import EndpointFormOperator, endpoint_params
from exact_online.time_form import PROPERTIES, TimeTransactionFormOperator, time_transaction_params
from include.clients.endpoints import catalogue
from include.clients.time_transactions import WRITABLE
from include.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

GUID = "790fc424-dc9f-405d-ab09-22d4ee00f653"
HOURS = {"action": "create", "Item": GUID, "Quantity": 1, "Project": GUID}
ACCOUNTS = {"endpoint": "crm/Accounts"}


@pytest.fixture(autouse=True)
def _connection(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody listens at this address, so a call would be a different error."""
    connection = {"conn_type": "exact_online", "host": "http://127.0.0.1:9", "extra": {"division": 124132}}
    monkeypatch.setenv("AIRFLOW_CONN_EXACT_ONLINE_DEFAULT", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))


def check(kind: type[Any], params: dict[str, Any], form: dict[str, Any]) -> Any:
    """Fill in the form as Airflow does, then run the task ``check``; it is given no ledger to call with."""
    filled = ParamsDict(params)
    for name, value in form.items():
        filled[name] = value
    context: Any = {"run_id": "r1", "params": filled.validate(), "ti": SimpleNamespace(map_index=-1)}
    return kind(task_id="check", check_only=True).work(None, context)


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"action": "list", "other_endpoint": "crm/Acounts"}, "exact.endpoint.unknown"),
        ({"action": "list"}, "exact.endpoint.missing"),
        ({**ACCOUNTS, "other_endpoint": "crm/Contacts"}, "exact.endpoint.ambiguous"),
        ({**ACCOUNTS, "action": "get", "key": "0000011"}, "exact.key.malformed"),
        ({**ACCOUNTS, "action": "get"}, "exact.key.missing"),
        ({**ACCOUNTS, "action": "update", "body": {"Name": "x"}}, "exact.key.missing"),
        ({"endpoint": "system/Divisions", "action": "get", "key": GUID}, "exact.key.malformed"),
        (
            {"endpoint": "hrm/Divisions", "action": "delete", "key": "1", "confirm_id": "1"},
            "exact.endpoint.protected",
        ),
        ({**ACCOUNTS, "action": "delete", "key": GUID}, "exact.confirm_id.different"),
        ({**ACCOUNTS, "action": "delete", "key": GUID, "confirm_id": GUID[:-1] + "0"}, "exact.confirm_id.different"),
        ({**ACCOUNTS, "action": "create", "body": {"City": "Delft"}}, "exact.Name.missing"),
        ({**ACCOUNTS, "action": "create"}, "exact.body.missing"),
        ({**ACCOUNTS, "action": "update", "key": GUID, "body": {}}, "exact.body.missing"),
        (
            {"endpoint": "crm/Contacts", "action": "create", "body": {"Account": GUID}},
            "exact.FirstName.missing",
        ),
        ({"endpoint": "sync/Deleted", "action": "create", "body": {"a": 1}}, "exact.method.not_offered"),
        ({"endpoint": "sync/CRM/Contacts", "action": "list"}, "exact.query.select_missing"),
        ({**ACCOUNTS, "filter": "Name eq 'x"}, "exact.filter.malformed"),
        ({**ACCOUNTS, "select": "ID;Name"}, "exact.select.malformed"),
        ({**ACCOUNTS, "orderby": "Name downwards"}, "exact.orderby.malformed"),
        ({**ACCOUNTS, "path": "file:///tmp/x.jsonl", "format": "parquet"}, "export.path.wrong_ending"),
        ({**ACCOUNTS, "path": "nowhere://bucket/x.jsonl"}, "export.path.unreachable"),
        ({**ACCOUNTS, "action": "other", "method": "POST"}, "exact.body.missing"),
        ({**ACCOUNTS, "action": "other", "method": "POST", "body": {"a": 1}, "key": GUID}, "exact.key.unexpected"),
        ({**ACCOUNTS, "action": "other", "method": "PUT", "body": {"a": 1}}, "exact.key.missing"),
        (
            {**ACCOUNTS, "action": "other", "method": "PUT", "body": {"a": 1}, "key": "0000011"},
            "exact.key.malformed",
        ),
        ({**ACCOUNTS, "action": "other", "key": "0000011"}, "exact.key.malformed"),
        ({**ACCOUNTS, "action": "other", "key": GUID, "filter": "Name eq 'x'"}, "exact.key.unexpected"),
        ({"endpoint": "sync/CRM/Contacts", "action": "other"}, "exact.query.select_missing"),
        (
            {"endpoint": "project/TimeTransactions", "action": "other", "method": "PUT"}
            | {"key": GUID, "body": {"Quantity": "many"}},
            "exact.Quantity.malformed",
        ),
        (
            {"other_endpoint": f"project/TimeTransactions(guid'{GUID}')", "unlisted": True}
            | {"action": "other", "method": "PUT", "key": GUID, "body": {"Quantity": 1}},
            "exact.endpoint.malformed",
        ),
        ({"action": "other", "other_endpoint": "read/some/Function"}, "exact.endpoint.unknown"),
        (
            {"endpoint": "project/TimeTransactions", "action": "create", "body": {"Item": GUID}},
            "exact.Quantity.missing",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_endpoint_form_is_refused_before_a_call(form: dict[str, Any], code: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        check(EndpointFormOperator, dict(endpoint_params()), form)
    assert refused.value.reason_code == code
    assert refused.value.way_out
    assert refused.value.what.count(". ") == 0


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({**HOURS, "Item": None}, "exact.Item.missing"),
        ({**HOURS, "Quantity": None}, "exact.Quantity.missing"),
        ({**HOURS, "Project": None}, "exact.Account.missing"),
        ({**HOURS, "StartTime": "tomorrow"}, "exact.StartTime.malformed"),
        (
            {**HOURS, "StartTime": "2026-06-25T10:00:00", "EndTime": "2026-06-25T09:59:00"},
            "exact.EndTime.before_start",
        ),
        (
            {**HOURS, "StartTime": "2026-06-25T09:00:00Z", "EndTime": "2026-06-25T10:00:00"},
            "exact.EndTime.before_start",
        ),
        ({"action": "update", "key": GUID}, "exact.body.missing"),
        ({"action": "update", "Quantity": 2}, "exact.key.missing"),
        ({"action": "delete", "key": GUID}, "exact.confirm_id.different"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_hours_are_refused_before_a_call(form: dict[str, Any], code: str) -> None:
    """09:00 UTC is 11:00 on the site's clock in June, so an end at 10:00 is before the start."""
    with pytest.raises(ConfigurationError) as refused:
        check(TimeTransactionFormOperator, dict(time_transaction_params()), form)
    assert refused.value.reason_code == code


@pytest.mark.parametrize(
    ("params", "form"),
    [
        (time_transaction_params(), {**HOURS, "Item": "no-guid"}),
        (time_transaction_params(), {**HOURS, "Quantity": "many"}),
        (time_transaction_params(), {**HOURS, "HourStatus": 20}),
        (time_transaction_params(), {**HOURS, "Date": "25-06-2026"}),
        (time_transaction_params(), {**HOURS, "action": "destroy"}),
        (endpoint_params(), {"endpoint": "crm/Nothing"}),
        (endpoint_params(), {"other_endpoint": "https://example.org/x"}),
        (endpoint_params(), {**ACCOUNTS, "path": "file:///opt/airflow/airflow.cfg"}),
        (endpoint_params(), {**ACCOUNTS, "top": 0}),
        (endpoint_params(), {**ACCOUNTS, "body": "text"}),
        (endpoint_params(), {**ACCOUNTS, "action": "other", "method": "DELETE"}),
    ],
    ids=["GUID", "number", "final", "date", "action", "endpoint", "URL", "no export", "top", "body", "DELETE"],
)
def test_field_is_refused_by_the_form_itself(params: dict[str, Any], form: dict[str, Any]) -> None:
    """What JSON Schema can say, Airflow says at the field, before there is a run."""
    with pytest.raises(ValueError, match="Invalid input for param"):
        check(EndpointFormOperator, dict(params), form)


def test_right_forms_pass() -> None:
    assert check(TimeTransactionFormOperator, dict(time_transaction_params()), HOURS) == {
        "action": "create",
        "fields": ["Item", "Project", "Quantity"],
    }
    form = {**ACCOUNTS, "select": "ID, Name", "orderby": "Modified desc,Name", "filter": "Name eq 'it''s'", "top": 5}
    assert check(EndpointFormOperator, dict(endpoint_params()), form) == {
        "action": "list",
        "endpoint": "crm/Accounts",
    }
    by_key = {**ACCOUNTS, "action": "other", "key": GUID, "select": "ID"}
    assert check(EndpointFormOperator, dict(endpoint_params()), by_key)["action"] == "other"
    odd = {"action": "other", "other_endpoint": "read/sync/Sync/SyncTimestamp", "unlisted": True}
    assert check(EndpointFormOperator, dict(endpoint_params()), odd)["action"] == "other"


def test_form_has_every_property_that_can_be_written() -> None:
    assert {name for name, *_ in PROPERTIES} == set(WRITABLE)
    assert set(WRITABLE) <= set(time_transaction_params())


def test_form_offers_every_endpoint() -> None:
    offered = endpoint_params()["endpoint"].schema["enum"]
    assert set(offered) - {None} == {info.path for info in catalogue().values()}


@pytest.mark.parametrize("params", [time_transaction_params(), endpoint_params()], ids=["hours", "endpoint"])
def test_every_field_has_a_title(params: dict[str, Any]) -> None:
    assert all(param.schema.get("title") for param in params.values())

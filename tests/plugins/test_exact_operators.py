"""Exact's operators as an author uses them: what Airflow stores of them, and what they do at the sandbox."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization

from airflow_home import CLIENT, DIVISION, REDIRECT
from exact_online.links import ExactOnlineRecordLink
from exact_online.operators import (
    ExactOnlineCreateOperator,
    ExactOnlineDeleteOperator,
    ExactOnlineGetOperator,
    ExactOnlineListOperator,
    ExactOnlineRequestOperator,
    ExactOnlineTimeTransactionOperator,
    ExactOnlineUpdateOperator,
)
from include.errors import ConfigurationError, RetryLaterError
from include.ledger import open_ledger
from include.login import App, log_in
from include.sandbox.faults import Fault
from include.sandbox.server import RunningSandbox
from include.transport import build_http

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from include.ledger import Ledger

GUID = "790fc424-dc9f-405d-ab09-22d4ee00f653"
PERSONAL = "Zonderling"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox() as running:
        yield running


@pytest.fixture
def ledger(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Ledger]:
    """Log in at the sandbox, and set the connection that goes with it."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    connection = {"conn_type": "exact_online", "login": CLIENT[0], "password": CLIENT[1], "host": sandbox.url}
    monkeypatch.setenv(
        "AIRFLOW_CONN_EXACT_ONLINE_DEFAULT", json.dumps({**connection, "extra": {"division": DIVISION}})
    )
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    sandbox.sandbox.faults.clear()
    sandbox.sandbox.log.clear()
    with build_http(base_url=sandbox.url) as browser:
        app = App(sandbox.url, *CLIENT, REDIRECT)

        def ask(address: str) -> str:
            return str(browser.get(address).headers["location"])

        log_in("exact_online_default", app, ask=ask, ledger_url=url)
    with open_ledger(url) as opened:
        yield opened


def run(operator: Any, ledger: Ledger, run_id: str = "r1", map_index: int = -1, **params: Any) -> Any:
    context: Any = {"run_id": run_id, "params": params, "ti": SimpleNamespace(map_index=map_index)}
    return operator.work(ledger, context)


def accounts(sandbox: RunningSandbox, name: str) -> list[dict[str, Any]]:
    rows = sandbox.sandbox.exact.contents()[str(DIVISION)]["Accounts"]
    return [row for row in rows if row["Name"] == name]


def posts(sandbox: RunningSandbox, kind: str = "crm/Accounts") -> int:
    return sum((entry.method, entry.kind) == ("POST", kind) for entry in sandbox.sandbox.log.entries())


def test_nothing_personal_is_stored_with_a_dag() -> None:
    """Neither the serialized DAG nor the template fields know body and filter."""
    with DAG("d", schedule=None) as dag:
        ExactOnlineCreateOperator(task_id="a", endpoint="crm/Accounts", body={"Name": PERSONAL})
        ExactOnlineUpdateOperator(task_id="b", endpoint="crm/Accounts", key=GUID, body={"Name": PERSONAL})
        ExactOnlineListOperator(task_id="c", endpoint="crm/Accounts", filter=f"Name eq '{PERSONAL}'")
        ExactOnlineRequestOperator(
            task_id="d", endpoint="crm/Accounts", query={"$filter": PERSONAL}, body={"a": PERSONAL}
        )
        ExactOnlineTimeTransactionOperator(task_id="e", notes=PERSONAL)
    assert PERSONAL not in json.dumps(DagSerialization.to_dict(dag), default=str)
    for task in dag.tasks:
        assert not any(PERSONAL in str(getattr(task, name)) for name in task.template_fields)
        assert [link.name for link in task.operator_extra_links] == ["Record at Exact Online"]


def test_result_of_another_task_in_the_body_makes_it_upstream() -> None:
    with DAG("d", schedule=None):
        first = ExactOnlineCreateOperator(task_id="a", endpoint="crm/Accounts", body={"Name": "A"})
        second = ExactOnlineCreateOperator(
            task_id="b",
            endpoint="crm/Contacts",
            body={"Account": first.output["id"], "LastName": "B"},  # type: ignore[index]
        )
        hours = ExactOnlineTimeTransactionOperator(task_id="c", account=second.output["id"])  # type: ignore[index]
    assert second.upstream_task_ids == {"a"}
    assert hours.upstream_task_ids == {"b"}


def test_created_record_is_linked_and_made_once(sandbox: RunningSandbox, ledger: Ledger) -> None:
    def task() -> ExactOnlineCreateOperator:
        return ExactOnlineCreateOperator(
            task_id="make", endpoint="CRM/accounts", body='{"Name": "{{ params.name }}", "City": "Delft"}'
        )

    operator = task()
    made = run(operator, ledger, name="Templated")
    (row,) = accounts(sandbox, "Templated")
    assert made == {"id": row["ID"], "state": "created", "endpoint": "crm/Accounts"}
    assert row["ID"] in ExactOnlineRecordLink().get_link(operator, ti_key=None)  # type: ignore[arg-type]
    assert run(task(), ledger, name="Templated") == made
    assert len(accounts(sandbox, "Templated")) == 1
    run(task(), ledger, map_index=1, name="Templated")
    run(task(), ledger, run_id="r2", name="Templated")
    assert len(accounts(sandbox, "Templated")) == 3


@pytest.mark.parametrize(
    ("action", "sent"), [("drop_after", 1), ("drop_before", 2)], ids=["it was created", "it was not"]
)
def test_lost_answer(sandbox: RunningSandbox, ledger: Ledger, action: Any, sent: int) -> None:
    """Whichever side of the commit the line broke, there is one record in the end."""
    operator = ExactOnlineCreateOperator(
        task_id="make", endpoint="crm/Accounts", body={"Name": action, "City": "Delft"}
    )
    sandbox.sandbox.faults.add(Fault(action, match="POST crm/Accounts"))
    sandbox.sandbox.exact.add_account(DIVISION, {"Name": action, "City": "Breda"})
    with pytest.raises(RetryLaterError):
        run(operator, ledger)
    made = run(operator, ledger)
    (ours,) = [row for row in accounts(sandbox, action) if row["City"] == "Delft"]
    assert made["id"] == ours["ID"]
    assert posts(sandbox) == sent


def test_twins_after_a_lost_answer_are_a_persons_decision(sandbox: RunningSandbox, ledger: Ledger) -> None:
    operator = ExactOnlineCreateOperator(task_id="make", endpoint="crm/Accounts", body={"Name": "Twin"})
    sandbox.sandbox.faults.add(Fault("drop_after", match="POST crm/Accounts"))
    with pytest.raises(RetryLaterError):
        run(operator, ledger)
    sandbox.sandbox.exact.add_account(DIVISION, {"Name": "Twin"})
    with pytest.raises(ConfigurationError) as refused:
        run(operator, ledger)
    assert refused.value.reason_code == "ledger.write.ambiguous"
    assert posts(sandbox) == 1


def test_lost_answer_of_an_invoice_and_of_what_cannot_be_searched(sandbox: RunningSandbox, ledger: Ledger) -> None:
    """An invoice is found by its own key; a call without rows to look at is left to a person."""
    exact = sandbox.sandbox.exact
    account = exact.add_account(DIVISION, {"Name": "Buyer"})
    item = exact.add(DIVISION, "Items", {"Code": "I", "Description": "Item"})
    body = {
        "Journal": "70",
        "OrderedBy": account["ID"],
        "SalesInvoiceLines": [{"Item": item["ID"], "Quantity": 1}],
    }
    operator = ExactOnlineRequestOperator(
        task_id="i", method="post", endpoint="salesinvoice/SalesInvoices", body=body
    )
    sandbox.sandbox.faults.add(Fault("drop_after", match="POST salesinvoice/SalesInvoices"))
    with pytest.raises(RetryLaterError):
        run(operator, ledger)
    made = run(operator, ledger)
    (invoice,) = exact.contents()[str(DIVISION)]["SalesInvoices"]
    assert made["id"] == invoice["ID"]

    printed = {"InvoiceID": made["id"], "DocumentLayout": GUID}
    operator = ExactOnlineRequestOperator(
        task_id="p", method="POST", endpoint="salesinvoice/PrintedSalesInvoices", body=printed
    )
    sandbox.sandbox.faults.add(Fault("drop_before", match="POST salesinvoice/PrintedSalesInvoices"))
    with pytest.raises(RetryLaterError):
        run(operator, ledger)
    with pytest.raises(ConfigurationError) as refused:
        run(operator, ledger)
    assert refused.value.reason_code == "ledger.write.unsearchable"
    assert posts(sandbox, "salesinvoice/PrintedSalesInvoices") == 1


def test_hours_whose_answer_is_lost_are_found_whatever_exact_makes_of_them(
    sandbox: RunningSandbox, ledger: Ledger
) -> None:
    """Exact numbers them itself, takes the account of the project, and keeps days as midnights."""
    exact = sandbox.sandbox.exact
    account = exact.add_account(DIVISION, {"Name": "Payer"})
    item = exact.add(DIVISION, "Items", {"Code": "H", "Description": "Hour"})
    fields = {"Account": account["ID"], "Code": "PX", "Description": "Project", "Type": 3}
    project = exact.add(DIVISION, "Projects", fields)
    operator = ExactOnlineTimeTransactionOperator(
        task_id="h",
        item=item["ID"].upper(),
        quantity="2.5",
        project=project["ID"],
        account=account["ID"],
        date="2026-06-25",
        start_time="2026-06-25T07:00:00+00:00",
        notes=" padded ",
        price=12.345,
        hour_status=1,
    )
    sandbox.sandbox.faults.add(Fault("drop_after", match="POST project/TimeTransactions"))
    with pytest.raises(RetryLaterError):
        run(operator, ledger)
    made = run(operator, ledger)
    (row,) = exact.contents()[str(DIVISION)]["TimeTransactions"]
    assert made["id"] == row["ID"]
    assert posts(sandbox, "project/TimeTransactions") == 1


def test_refused_record_ends_the_task(sandbox: RunningSandbox, ledger: Ledger) -> None:
    operator: Any = ExactOnlineUpdateOperator(task_id="u", endpoint="crm/Accounts", key=GUID, body={"Name": "x"})
    with pytest.raises(ConfigurationError) as refused:
        run(operator, ledger)
    assert refused.value.reason_code == "exact.record.not_found"
    operator = ExactOnlineDeleteOperator(task_id="d", endpoint="crm/Accounts", key=GUID, confirm_id=GUID)
    assert run(operator, ledger)["deleted"] is False


def test_refused_values_end_the_task_at_the_second_answer(sandbox: RunningSandbox, ledger: Ledger) -> None:
    """An item that does not exist: Exact answers 500, which could as well be an outage, so it is asked twice."""
    operator = ExactOnlineTimeTransactionOperator(task_id="h", item=GUID, quantity=1, account=GUID)
    with pytest.raises(RetryLaterError):
        run(operator, ledger)
    with pytest.raises(ConfigurationError, match="answered 500 again"):
        run(operator, ledger)
    assert posts(sandbox, "project/TimeTransactions") == 2


def test_get_returns_to_xcom_only_what_is_asked_for(sandbox: RunningSandbox, ledger: Ledger) -> None:
    row = sandbox.sandbox.exact.add_account(DIVISION, {"Name": PERSONAL})
    got = run(ExactOnlineGetOperator(task_id="g", endpoint="crm/Accounts", key=row["ID"]), ledger)
    assert PERSONAL not in json.dumps(got)
    assert got["count"] == 1
    operator = ExactOnlineGetOperator(
        task_id="g", endpoint="crm/Accounts", key=row["ID"], include_in_xcom=["ID", "Status"], format="parquet"
    )
    assert run(operator, ledger)["fields"] == {"ID": row["ID"], "Status": None} | {
        "Status": next(a["Status"] for a in accounts(sandbox, PERSONAL) if a["ID"] == row["ID"])
    }


def test_list_takes_templates_and_lists(sandbox: RunningSandbox, ledger: Ledger, tmp_path: Path) -> None:
    for number in range(130):
        sandbox.sandbox.exact.add_account(DIVISION, {"Name": f"L{number:03}"})
    operator = ExactOnlineListOperator(
        task_id="l",
        endpoint="crm/Accounts",
        select=["ID", "Name"],
        filter="startswith(Name,'{{ params.start }}')",
        orderby="Name desc",
        top="125",
        path=f"file://{tmp_path}/rows.jsonl",
    )
    assert run(operator, ledger, start="L") == {
        "count": 125,
        "path": f"file://{tmp_path}/rows.jsonl",
        "format": "jsonl",
    }
    names = [json.loads(line)["Name"] for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert names == [f"L{number:03}" for number in range(129, 4, -1)]


@pytest.mark.parametrize(
    "operator",
    [
        ExactOnlineListOperator(task_id="l", endpoint="crm/Nothing"),
        ExactOnlineGetOperator(task_id="g", endpoint="crm/Accounts", key="x"),
        ExactOnlineCreateOperator(task_id="c", endpoint="crm/Accounts", body="[1]"),
        ExactOnlineDeleteOperator(task_id="d", endpoint="crm/Accounts", key=GUID, confirm_id=""),
        ExactOnlineDeleteOperator(task_id="p", endpoint="vat/VATCodes", key=GUID, confirm_id=GUID),
        ExactOnlineRequestOperator(task_id="r", method="DELETE", endpoint="crm/Accounts", key=GUID),
        ExactOnlineTimeTransactionOperator(task_id="t", action="destroy"),
        ExactOnlineTimeTransactionOperator(task_id="n", quantity=1, account=GUID),
        ExactOnlineListOperator(task_id="n", endpoint="crm/Accounts", division="mine"),
    ],
    ids=["endpoint", "GUID", "body", "unconfirmed", "protected", "DELETE", "action", "item", "division"],
)
def test_wrong_argument_is_refused_without_a_call(sandbox: RunningSandbox, ledger: Ledger, operator: Any) -> None:
    before = len(sandbox.sandbox.log.entries())
    with pytest.raises(ConfigurationError):
        run(operator, ledger)
    assert len(sandbox.sandbox.log.entries()) == before

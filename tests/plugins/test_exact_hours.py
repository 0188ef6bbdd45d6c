"""Hours that two runs book alike, hours that are final, and keys that are numbers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_home import CLIENT, DIVISION
from exact_online.hooks import ExactOnlineHook
from exact_online.operators import (
    ExactOnlineCreateOperator,
    ExactOnlineDeleteOperator,
    ExactOnlineGetOperator,
    ExactOnlineRequestOperator,
    ExactOnlineTimeTransactionOperator,
    ExactOnlineUpdateOperator,
)
from include.errors import ConfigurationError, RetryLaterError
from include.ledger import open_ledger
from include.sandbox.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from include.ledger import Ledger
    from include.sandbox.server import RunningSandbox

GUID = "790fc424-dc9f-405d-ab09-22d4ee00f653"


@pytest.fixture
def ledger(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Ledger]:
    """Set the connection to the sandbox, and put its tokens into the vault."""
    connection = {"conn_type": "exact_online", "login": CLIENT[0], "password": CLIENT[1], "host": sandbox.url}
    monkeypatch.setenv(
        "AIRFLOW_CONN_EXACT_ONLINE_DEFAULT", json.dumps({**connection, "extra": {"division": DIVISION}})
    )
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    issued, now, hook = sandbox.sandbox.exact.issue_tokens(), datetime.now(UTC), ExactOnlineHook()
    with open_ledger() as opened:
        with opened.vault(hook.exact_conn_id, hook.app).locked() as chain:
            chain.replace(issued["access_token"], issued["refresh_token"], now, now + timedelta(seconds=600))
        yield opened


def run(operator: Any, ledger: Ledger, run_id: str = "r1") -> Any:
    context: Any = {"run_id": run_id, "params": {}, "ti": SimpleNamespace(map_index=-1)}
    return operator.work(ledger, context)


@pytest.fixture
def hours(sandbox: RunningSandbox) -> dict[str, Any]:
    """Return what an hour and a quarter of work needs."""
    account = sandbox.sandbox.exact.add_account(DIVISION, {"Name": "Payer"})
    item = sandbox.sandbox.exact.add(DIVISION, "Items", {"Code": "H", "Description": "Hour"})
    return {"Item": item["ID"], "Account": account["ID"], "Quantity": 1.25}


def booked(sandbox: RunningSandbox, hours: dict[str, Any]) -> list[dict[str, Any]]:
    rows = sandbox.sandbox.exact.contents()[str(DIVISION)]["TimeTransactions"]
    return [row for row in rows if row["Item"] == hours["Item"]]


def test_same_hours_of_two_runs_are_two_records(
    sandbox: RunningSandbox, ledger: Ledger, hours: dict[str, Any]
) -> None:
    """The request of the second never arrived, so the row of the first is not its own."""
    operator = ExactOnlineCreateOperator(task_id="h", endpoint="project/TimeTransactions", body=hours)
    first = run(operator, ledger, "a")
    sandbox.sandbox.faults.add(Fault("drop_before", match="POST project/TimeTransactions"))
    with pytest.raises(RetryLaterError):
        run(operator, ledger, "b")
    second = run(operator, ledger, "b")
    assert sorted(row["ID"] for row in booked(sandbox, hours)) == sorted([first["id"], second["id"]])
    assert first["id"] != second["id"]


def test_final_hours_are_not_changed_by_any_other_call(
    sandbox: RunningSandbox, ledger: Ledger, hours: dict[str, Any]
) -> None:
    def put(key: str) -> ExactOnlineRequestOperator:
        return ExactOnlineRequestOperator(
            task_id="r", method="PUT", endpoint="project/timetransactions", key=key, body={"Quantity": "3"}
        )

    row = sandbox.sandbox.exact.add(DIVISION, "TimeTransactions", {**hours, "HourStatus": 20})
    with pytest.raises(ConfigurationError) as refused:
        run(put(row["ID"]), ledger)
    assert refused.value.reason_code == "exact.HourStatus.final"
    with pytest.raises(ConfigurationError) as refused:
        run(put(GUID), ledger)
    assert refused.value.reason_code == "exact.record.not_found"
    assert [entry for entry in sandbox.sandbox.log.entries() if entry.method == "PUT"] == []
    draft = sandbox.sandbox.exact.add(DIVISION, "TimeTransactions", {**hours, "HourStatus": 1})
    assert run(put(draft["ID"]), ledger)["state"] == "updated"
    assert {kept["ID"]: kept["Quantity"] for kept in booked(sandbox, hours)} == {row["ID"]: 1.25, draft["ID"]: 3}


def test_key_may_be_a_number(sandbox: RunningSandbox, ledger: Ledger) -> None:
    got: Any = ExactOnlineGetOperator(task_id="g", endpoint="hrm/Divisions", key=DIVISION, include_in_xcom=["Code"])
    assert run(got, ledger)["fields"] == {"Code": DIVISION}
    got = ExactOnlineRequestOperator(task_id="r", endpoint="hrm/Divisions", key=DIVISION)
    assert run(got, ledger)["count"] == 1
    wrong: list[Any] = [
        ExactOnlineUpdateOperator(task_id="u", endpoint="crm/Accounts", key=7, body={"Name": "x"}),
        ExactOnlineDeleteOperator(task_id="d", endpoint="crm/Accounts", key=7, confirm_id=7),
        ExactOnlineTimeTransactionOperator(task_id="t", action="update", key=7, notes="x"),  # type: ignore[arg-type]
    ]
    for operator in wrong:
        with pytest.raises(ConfigurationError) as refused:
            run(operator, ledger)
        assert refused.value.reason_code == "exact.key.malformed"

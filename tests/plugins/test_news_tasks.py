"""Operators and sensors for new records: whose a batch is, when it counts as delivered, and how they wait."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG, TaskInstanceState  # noqa: F401 - the first import sets Airflow up
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred

from exact_online.news import ExactOnlineNewRecordsOperator
from exact_online.sensors import ExactOnlineNewAccountSensor, ExactOnlineNewContactSensor
from include.errors import ConfigurationError
from include.ledger import Ledger, open_ledger
from include.sandbox.faults import Fault
from include.sandbox.server import RunningSandbox
from line import DIVISION
from personio.news import PersonioNewEmployeesOperator
from personio.sensors import PersonioNewEmployeeSensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

START: dict[str, Any] = {"start_from": "beginning"}
SENSORS = [ExactOnlineNewContactSensor, ExactOnlineNewAccountSensor, PersonioNewEmployeeSensor]


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSandbox]:
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
    with RunningSandbox() as running:
        issued, settings = running.sandbox.exact.issue_tokens(), running.sandbox.settings
        settings.exact.refresh_min_seconds = 0.0
        exact: dict[str, Any] = {"conn_type": "exact_online", "host": running.url, "login": settings.exact.client_id}
        exact |= {"password": settings.exact.client_secret}
        exact |= {"extra": {"division": DIVISION, "refresh_token": issued["refresh_token"]}}
        personio = {"conn_type": "personio", "host": running.url, "login": settings.personio.client_id}
        personio |= {"password": settings.personio.client_secret}
        monkeypatch.setenv("AIRFLOW_CONN_EXACT_ONLINE_DEFAULT", json.dumps(exact))
        monkeypatch.setenv("AIRFLOW_CONN_PERSONIO_DEFAULT", json.dumps(personio))
        yield running


@pytest.fixture
def ledger(sandbox: RunningSandbox) -> Iterator[Ledger]:
    with open_ledger() as opened:
        yield opened


@pytest.fixture
def contact(sandbox: RunningSandbox) -> Callable[[], str]:
    exact = sandbox.sandbox.exact
    account = exact.add_account(DIVISION, {"Name": "Voorbeeld"})["ID"]
    return lambda: str(exact.add_contact(DIVISION, {"Account": account, "LastName": "Proef"})["ID"])


class Runs:
    """Airflow's part: what each run pushed."""

    def __init__(self) -> None:
        self.pushed: dict[tuple[str, str, int], Any] = {}

    def context(self, run_id: str, map_index: int = -1) -> Any:
        def pull(*, task_ids: str, run_id: str, map_indexes: int) -> Any:
            return self.pushed.get((task_ids, run_id, map_indexes))

        return {"run_id": run_id, "ti": SimpleNamespace(map_index=map_index, xcom_pull=pull)}

    def run(self, task: Any, ledger: Ledger, run_id: str, *, pushes: bool = True) -> list[str]:
        """Run the task; when the run is killed, nothing is pushed."""
        found = task.work(ledger, self.context(run_id))
        if pushes:
            self.pushed[task.task_id, run_id, -1] = found
        return list(found["ids"])


def contacts(task_id: str = "new", **arguments: Any) -> ExactOnlineNewRecordsOperator:
    with DAG("d", schedule=None):
        return ExactOnlineNewRecordsOperator(task_id=task_id, entity="Contacts", **{**START, **arguments})


def test_each_record_comes_once_and_an_empty_batch_is_a_result(ledger: Ledger, contact: Callable[[], str]) -> None:
    runs, task = Runs(), contacts()
    first = [contact(), contact()]
    assert runs.run(task, ledger, "r1") == first
    assert runs.run(task, ledger, "r2") == []
    assert runs.pushed["new", "r2", -1] == {"source": f"d/new/{DIVISION}/Contacts", "batch": "r2#-1"} | {
        "count": 0,
        "ids": [],
    }
    new = contact()
    assert runs.run(task, ledger, "r3") == [new]


def test_a_retry_of_the_run_gets_the_same_batch(ledger: Ledger, contact: Callable[[], str]) -> None:
    runs, task = Runs(), contacts()
    ids = [contact()]
    assert runs.run(task, ledger, "r1", pushes=False) == ids
    contact()
    assert runs.run(task, ledger, "r1") == ids


def test_what_a_killed_run_claimed_is_taken_over(ledger: Ledger, contact: Callable[[], str]) -> None:
    runs, task = Runs(), contacts()
    lost, new = contact(), None
    assert runs.run(task, ledger, "r1", pushes=False) == [lost]
    new = contact()
    assert runs.run(task, ledger, "r2") == [lost, new]
    assert runs.run(task, ledger, "r3") == []
    assert ledger.news.batches(f"d/new/{DIVISION}/Contacts") == []


def test_the_rest_of_a_large_batch_comes_with_the_next_run(ledger: Ledger, contact: Callable[[], str]) -> None:
    runs, task = Runs(), contacts(max_records=2)
    ids = [contact() for _ in range(5)]
    assert [runs.run(task, ledger, f"r{n}") for n in range(4)] == [ids[:2], ids[2:4], ids[4:], []]


def test_two_tasks_hear_of_everything_each(ledger: Ledger, contact: Callable[[], str]) -> None:
    runs, ids = Runs(), [contact()]
    assert runs.run(contacts("a"), ledger, "r1") == runs.run(contacts("b"), ledger, "r1") == ids


def test_nothing_new_can_be_skipped(ledger: Ledger, sandbox: RunningSandbox) -> None:
    with pytest.raises(AirflowSkipException):
        contacts(skip_when_none=True).work(ledger, Runs().context("r1"))


def test_employees_for_authors(ledger: Ledger, sandbox: RunningSandbox) -> None:
    person = sandbox.sandbox.personio.add_person("p@example.org", "P", "Q", {})
    with DAG("d", schedule=None):
        task = PersonioNewEmployeesOperator(task_id="new", **START)
    assert Runs().run(task, ledger, "r1") == [str(person.id)]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"entity": "Items"}, "params.entity.unknown"),
        ({"division": "Sandbox B.V."}, "params.division.malformed"),
        ({"start_from": "yesterday"}, "params.start_from.malformed"),
    ],
)
def test_a_wrong_argument_is_refused_before_a_call(
    ledger: Ledger, sandbox: RunningSandbox, arguments: dict[str, Any], code: str
) -> None:
    with DAG("d", schedule=None):
        task = ExactOnlineNewRecordsOperator(task_id="new", **{"entity": "Contacts", **START, **arguments})
    with pytest.raises(ConfigurationError) as caught:
        task.work(ledger, Runs().context("r1"))
    assert caught.value.reason_code == code
    assert sandbox.sandbox.log.entries() == []


@pytest.mark.parametrize("kind", SENSORS)
def test_a_sensor_is_kind_to_the_services_by_default(kind: type[Any]) -> None:
    with DAG("d", schedule=None, default_args={"retries": 4}):
        sensor, own = kind(task_id="s"), kind(task_id="t", retries=2)
    with DAG("e", schedule=None):
        bare = kind(task_id="s")
    assert sensor.mode == "reschedule"
    assert sensor.poke_interval >= 60
    assert (bare.retries, sensor.retries, own.retries) == (1, 4, 2)
    assert sensor.deferrable is False
    assert {"start_from"} < set(sensor.template_fields)
    with pytest.raises(TypeError):
        kind("s")


def test_a_sensor_waits_for_a_contact_and_hands_it_on_once(ledger: Ledger, contact: Callable[[], str]) -> None:
    runs = Runs()
    with DAG("d", schedule=None):
        sensor = ExactOnlineNewContactSensor(task_id="wait", **START)
    assert sensor.work(ledger, runs.context("r1")) is None
    new = contact()
    assert runs.run(sensor, ledger, "r1") == [new]
    assert sensor.work(ledger, runs.context("r2")) is None


def test_a_sensor_waits_through_an_outage_and_fails_at_a_refusal(sandbox: RunningSandbox) -> None:
    with DAG("d", schedule=None):
        sensor = ExactOnlineNewContactSensor(task_id="wait", **START)
    sandbox.sandbox.faults.add(Fault("status", match="GET sync/CRM/Contacts", times=3, status=503))
    assert not sensor.poke(Runs().context("r1"))
    sandbox.sandbox.faults.clear()
    sandbox.sandbox.faults.add(Fault("status", match="GET sync/CRM/Contacts", times=None, status=403))
    with pytest.raises(AirflowFailException):
        sensor.poke(Runs().context("r1"))


def test_a_deferrable_sensor_looks_first_and_then_leaves_the_worker(contact: Callable[[], str]) -> None:
    runs = Runs()
    with DAG("d", schedule=None):
        sensor = ExactOnlineNewContactSensor(task_id="wait", deferrable=True, poke_interval=90, timeout=600, **START)
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute(runs.context("r1"))
    path, arguments = deferred.value.trigger.serialize()
    until = deferred.value.kwargs or {}
    assert path == "exact_online.triggers.ExactOnlineNewRecordsTrigger"
    assert (arguments["consumer"], arguments["interval"], arguments["once"]) == ("d/wait", 90.0, True)
    assert deferred.value.timeout.total_seconds() <= 600
    # Another run was faster: it waits on, and no longer than it would have.
    with pytest.raises(TaskDeferred) as again:
        sensor.execute_complete(runs.context("r1"), {"waiting": 1}, **until)
    assert again.value.kwargs == until
    new = contact()
    found = sensor.execute_complete(runs.context("r1"), {"waiting": 1}, **until)
    assert found["ids"] == [new]
    contact()
    assert sensor.execute(runs.context("r2"))["count"] == 2

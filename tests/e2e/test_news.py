"""The three DAGs that tell of new records, through real runs of Airflow against the sandbox."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_home import DIVISION, ROOT, Airflow
from include.sandbox.faults import Fault
from include.sandbox.server import RunningSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.e2e

KINDS = {"exact_new_contacts": "Contacts", "exact_new_accounts": "Accounts", "personio_new_employees": "employees"}
OTHERS = {path.stem for path in (ROOT / "dags").glob("*.py")} - KINDS.keys()
ASSETS = {
    "exact_new_contacts": "x-exact-online://exact_online_default/contacts",
    "exact_new_accounts": "x-exact-online://exact_online_default/accounts",
    "personio_new_employees": "x-personio://personio_default/employees",
}

SENSORS = """
from airflow.sdk import DAG
from exact_online.sensors import ExactOnlineNewAccountSensor
from personio.sensors import PersonioNewEmployeeSensor

with DAG("waiting", schedule=None) as dag:
    ExactOnlineNewAccountSensor(task_id="accounts", start_from="beginning", mode="poke", poke_interval=1)
    PersonioNewEmployeeSensor(task_id="employees", start_from="beginning", poke_interval=1)
"""

# Runs the DAGs that it is told; reads back what Airflow's database knows of a test's runs so far.
RUN = """
import json, os, sys
from airflow.utils.db import initdb
initdb()
from airflow.dag_processing.dagbag import DagBag
from airflow.models.asset import AssetEvent
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import func
mine = ""
for line in sys.stdin:
    dag_ids, conf, env = json.loads(line)
    for name in [n for n in os.environ if n.startswith(("AIRFLOW_CONN_", "EXACT_PERSONIO_"))]:
        del os.environ[name]
    os.environ.update(env)
    # Parsed anew, as for every task of a real Airflow: a run's values stay in the params of the DAG object.
    bag = DagBag(dag_folder=sys.argv[1])
    assert not bag.import_errors, bag.import_errors
    if mine != env["EXACT_PERSONIO_LEDGER_URL"]:
        mine = env["EXACT_PERSONIO_LEDGER_URL"]
        with create_session() as session:
            before = session.query(func.max(AssetEvent.id)).scalar() or 0
        told_of = []
    runs = {}
    for dag_id in dag_ids:
        run = bag.dags[dag_id].test(run_conf=conf)
        runs[dag_id] = {"run_id": run.run_id, "tasks": {ti.task_id: ti.state for ti in run.get_task_instances()}}
        told_of.append(run.run_id)
    with create_session() as session:
        new = session.query(AssetEvent).where(AssetEvent.id > before)
        events = [{"uri": e.uri, "extra": e.extra} for e in new]
        known = session.query(XComModel).where(XComModel.run_id.in_(told_of))
        marks = [XComModel.deserialize_value(x) for x in known.filter_by(key="watermark")]
        last = known.filter_by(key="return_value", run_id=run.run_id)
        returned = {x.task_id: XComModel.deserialize_value(x) for x in last}
        everything = [str(x.value) for x in known]
    told = {"runs": runs, "events": events, "marks": marks, "xcoms": everything, "returned": returned}
    print("RESULT " + json.dumps(told), flush=True)
"""


class Process:
    """One Airflow for all tests: starting it takes longer than any of their runs."""

    def __init__(self, home: Path) -> None:
        self.dags = home / "dags"
        self.log = ""
        own = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db", "AIRFLOW_HOME": str(home)}
        # Airflow creates runs only of DAGs that are in its folder, and with each run writes all of them down.
        env = os.environ | own | {"AIRFLOW__CORE__DAGS_FOLDER": str(self.dags)}
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        command = [sys.executable, "-c", RUN, str(self.dags)]
        self.process = subprocess.Popen(command, text=True, env=env, cwd="/", **pipes)

    def ask(
        self, folder: Path, dag_ids: tuple[str, ...], params: dict[str, Any], env: dict[str, str]
    ) -> dict[str, Any]:
        """Run the DAGs; return what is known afterwards."""
        shutil.rmtree(self.dags, ignore_errors=True)
        shutil.copytree(folder, self.dags, ignore=lambda _, names: {n for n in names if Path(n).stem in OTHERS})
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        wanted = {n: v for n, v in env.items() if n.startswith(("AIRFLOW_CONN_", "EXACT_PERSONIO_"))}
        self.process.stdin.write(json.dumps([dag_ids, params, wanted]) + "\n")
        self.process.stdin.flush()
        self.log = ""
        for line in self.process.stdout:
            if line.startswith("RESULT "):
                found: dict[str, Any] = json.loads(line.removeprefix("RESULT "))
                return found
            self.log += line
        raise AssertionError(self.log[-3000:])


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    started = Process(tmp_path_factory.mktemp("news"))
    yield started
    started.process.communicate(timeout=60)


class Telling(Airflow):
    """Connections to a sandbox of the test's own, and the process that all share."""

    process: Process


@pytest.fixture
def airflow(process: Process, tmp_path: Path) -> Iterator[Telling]:
    with RunningSandbox() as sandbox:
        sandbox.sandbox.settings.personio.limits_enabled = False
        made = Telling(tmp_path, sandbox)
        made.process = process
        made.env["EXACT_PERSONIO_RETRY_SECONDS"] = "0"
        made.log_in()
        appear(sandbox, 3)
        yield made


def appear(sandbox: RunningSandbox, count: int, first: int = 0) -> None:
    """Let contacts, accounts and employees appear."""
    exact, company = sandbox.sandbox.exact, sandbox.sandbox.personio
    for number in range(first, first + count):
        person = {"FirstName": "Sanne", "LastName": f"Proef{number}", "Email": f"sanne{number}@example.org"}
        account = exact.add_account(DIVISION, {"Name": f"Voorbeeld {number}"})
        exact.add_contact(DIVISION, {"Account": account["ID"], **person})
        company.add_person(person["Email"], person["FirstName"], person["LastName"], {})


def truth(sandbox: RunningSandbox, kind: str) -> list[str]:
    if kind == "employees":
        return sorted(str(number) for number in sandbox.sandbox.personio.people)
    return sorted(str(row["ID"]) for row in sandbox.sandbox.exact.contents()[str(DIVISION)][kind])


class Told:
    """What was run, and what Airflow's database knows since."""

    def __init__(self, airflow: Telling, *dag_ids: str, folder: str = "dags", **params: Any) -> None:
        found = airflow.process.ask(ROOT / folder, dag_ids, params, airflow.environment())
        self.log = airflow.process.log
        self.runs: dict[str, dict[str, Any]] = found["runs"]
        self.events: list[dict[str, Any]] = found["events"]
        self.marks: list[dict[str, Any]] = found["marks"]
        self.xcoms: list[str] = found["xcoms"]
        self.returned: dict[str, Any] = found["returned"]

    def states(self, dag_id: str) -> list[str]:
        return [self.runs[dag_id]["tasks"][name] for name in ("poll", "emit", "confirm")]

    def heard(self, dag_id: str) -> list[list[str]]:
        return [sorted(event["extra"]["ids"]) for event in self.events if event["uri"] == ASSETS[dag_id]]


def test_every_new_record_is_in_one_event(airflow: Telling) -> None:
    """What is there at the beginning, then nothing, then what is new; and no word about anybody."""
    first = {dag_id: truth(airflow.sandbox, kind) for dag_id, kind in KINDS.items()}
    begun = Told(airflow, *KINDS)
    quiet = Told(airflow, *KINDS)
    appear(airflow.sandbox, 2, first=10)
    ended = Told(airflow, *KINDS)
    for dag_id, kind in KINDS.items():
        assert begun.states(dag_id) == ["success", "success", "success"], begun.log[-3000:]
        assert quiet.states(dag_id) == ["success", "skipped", "success"]
        new = sorted(set(truth(airflow.sandbox, kind)) - set(first[dag_id]))
        assert ended.heard(dag_id) == [first[dag_id], new]
        extra = next(event["extra"] for event in ended.events if event["uri"] == ASSETS[dag_id])
        assert extra.keys() == {"source", "batch", "count", "ids", "from", "to"}
        assert extra["batch"] == f"{dag_id}/{begun.runs[dag_id]['run_id']}"
        marks = {mark["run_id"]: mark for mark in ended.marks}
        one, two = marks[begun.runs[dag_id]["run_id"]], marks[quiet.runs[dag_id]["run_id"]]
        assert one.keys() == {"from", "to", "run_id", "mode", "committed_at", "count"}
        assert (one["count"], two["count"], two["from"]) == (3, 0, one["to"])
    said = "".join([begun.log, quiet.log, ended.log, json.dumps(ended.events), *ended.xcoms])
    assert not any(word in said for word in ("Sanne", "Proef", "sanne0", "Voorbeeld"))


def test_the_form_is_obeyed_and_another_api_tells_nobody_twice(airflow: Telling) -> None:
    """Start with v1 and nothing readable but the id; then v2 is allowed."""
    dag_id, settings = "personio_new_employees", airflow.sandbox.sandbox.settings.personio
    settings.v2_scopes, settings.attribute_whitelist = ["employees:read"], []
    assert Told(airflow, dag_id, start_from="now").states(dag_id)[1] == "skipped"
    appear(airflow.sandbox, 2, first=10)
    new = truth(airflow.sandbox, "employees")[-2:]
    assert Told(airflow, dag_id, max_records=1).heard(dag_id) == [new[:1]]
    settings.v2_scopes = ["employees:read", "personio:persons:read"]
    assert Told(airflow, dag_id).heard(dag_id) == [new[:1], new[1:]]


def test_an_outage_fails_the_run_and_the_next_one_tells_everything(airflow: Telling) -> None:
    dag_id = "exact_new_contacts"
    fault = Fault("status", match="GET sync/CRM/Contacts", times=None, status=503)
    airflow.sandbox.sandbox.faults.add(fault)
    broken = Told(airflow, dag_id)
    assert broken.states(dag_id) == ["failed", "upstream_failed", "upstream_failed"]
    assert broken.events == []
    airflow.sandbox.sandbox.faults.clear()
    assert Told(airflow, dag_id).heard(dag_id) == [truth(airflow.sandbox, "Contacts")]


def test_the_examples_parse_and_one_runs_without_an_event(airflow: Telling) -> None:
    told = Told(airflow, "example_new_employees", folder="docs/examples")
    assert told.runs["example_new_employees"]["tasks"] == {"prepare_first_day": "success"}


def test_sensors_end_with_what_is_new(airflow: Telling, tmp_path: Path) -> None:
    """One that keeps its worker, one that would be rescheduled: both see all that is there."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "waiting.py").write_text(SENSORS)
    told = Told(airflow, "waiting", folder=str(tmp_path / "own"))
    assert told.runs["waiting"]["tasks"] == {"accounts": "success", "employees": "success"}, told.log[-3000:]
    heard = {task_id: sorted(batch["ids"]) for task_id, batch in told.returned.items()}
    assert heard == {kind.lower(): truth(airflow.sandbox, kind) for kind in ("Accounts", "employees")}

"""An Airflow whose secrets and people are all marked, so that they are found wherever they end up.

The connections are in Airflow's own database and the ledger's key in its file: no process needs a secret in its
environment, and none may have one.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

from cryptography.fernet import Fernet

from airflow_home import CLIENT, DIVISION, PERSONIO_CLIENT, REDIRECT, ROOT
from include.login import App, log_in
from include.sandbox.settings import SandboxSettings
from include.transport import build_http

if TYPE_CHECKING:
    from pathlib import Path

    from include.sandbox.server import RunningSandbox

LOGGERS = ("include", "ledger_task", "exact_online", "personio", "exact_to_personio", "httpx", "httpcore", "authlib")
PATIENCE = 300
"""Seconds for one run."""
MARK = "Zqxkanarie"
SECRETS = {
    "client secret of Exact": "Zqx-exact-Geheim/47+11=",
    "client secret of Personio": "Zqx-personio-Geheim 47%11",
    "recruiting token": "Zqx.recruiting.Token-0815",
    "ledger key": "ZqxLedgerKey47110815ZqxLedgerKey47110815aaa=",
    "key of Airflow": "ZqxAirflowKey4711081ZqxAirflowKey4711081aaa=",
}
PEOPLE = {
    "mark": MARK,
    "first name": "Zqxkanarie-Voornaam",
    "last name": 'O\'Zqxkanarie "Achternaam" 👩‍👩‍👧',
    "local part": "zqxkanarie.postbus",
    "phone": "+31647110815",
    "phone, as it is written": "06-4711 0815",
    "salary": "4711.08 EUR",
    "birthday": "1931-07-19",
    "birthday at Exact": "1213574400000",
    "social security": "471108150",
    "notes": "zqxnotitie over salaris",
}
LOOP = """
import json, os, sys, threading, time, traceback
from airflow.utils.db import initdb
initdb()
from airflow.dag_processing.dagbag import DagBag
from airflow.models.connection import Connection
from airflow.utils.session import create_session
from airflow.models.hitl import HITLDetail
from airflow.models.trigger import handle_event_submit
from airflow.triggers.base import TriggerEvent
from airflow.utils import timezone
results = os.fdopen(int(sys.argv[1]), "w")

def person():
    # Answers what runs ask a person, as the page of required actions does; again if the run was not listening yet.
    while True:
        time.sleep(1)
        with create_session() as session:
            for asked in session.query(HITLDetail):
                ti = asked.task_instance
                if ti.state != "awaiting_input":
                    continue
                asked.responded_by, asked.responded_at = {"id": "1", "name": "ada"}, timezone.utcnow()
                asked.chosen_options, asked.params_input = ["Approve"], {}
                handle_event_submit(TriggerEvent(asked.as_resume_event_payload()), task_instance=ti, session=session)

threading.Thread(target=person, daemon=True).start()
for line in sys.stdin:
    asked = json.loads(line)
    if "connections" in asked:
        with create_session() as session:
            for fields in asked["connections"]:
                session.merge(Connection(**fields))
        found = {}
    else:
        # Parsed anew, as for every task of a real Airflow: a run's values stay in the params of the DAG object.
        bag = DagBag(dag_folder=f"{sys.argv[2]}/{asked['dag']}.py")
        assert not bag.import_errors, bag.import_errors
        try:
            run = bag.dags[asked["dag"]].test(run_conf=asked["conf"])
            tasks = {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
            found = {"state": str(run.state), "tasks": tasks, "run_id": run.run_id}
        except Exception:
            found = {"refused": traceback.format_exc()}
    sys.stdout.flush(); sys.stderr.flush()
    results.write(json.dumps(found) + "\\n")
    results.flush()
"""


def sandbox_settings() -> SandboxSettings:
    """Return a sandbox with marked secrets, and Personio's limits out of the way."""
    made = SandboxSettings()
    made.exact.client_secret = SECRETS["client secret of Exact"]
    made.personio.client_secret = SECRETS["client secret of Personio"]
    made.personio.recruiting_token = SECRETS["recruiting token"]
    made.personio.limits_enabled = False
    return made


class MarkedAirflow:
    """One Airflow process that makes one DAG run after the other.

    :param home: its ``AIRFLOW_HOME``.
    :param sandbox: made with :func:`sandbox_settings`.
    """

    def __init__(self, home: Path, sandbox: RunningSandbox) -> None:
        self.home, self.sandbox = home, sandbox
        self.ledger = home / "ledger.db"
        self.key_file = home / "ledger.key"
        self.config = home / "airflow.cfg"
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "EXACT_PERSONIO_"))}
        self.env = kept | {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
            "AIRFLOW__CORE__FERNET_KEY_CMD": f"cat {home}/airflow.key",
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            # As much as there is of ours. At DEBUG Airflow's own messages to itself would tell what is to be masked.
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
            "AIRFLOW__LOGGING__NAMESPACE_LEVELS": " ".join(f"{name}=DEBUG" for name in LOGGERS),
            "EXACT_PERSONIO_LEDGER_URL": f"sqlite:///{self.ledger}",
            "EXACT_PERSONIO_START_FROM": "beginning",
            "EXACT_PERSONIO_RETRY_SECONDS": "0",
            "EXACT_PERSONIO_APPROVAL_HOURS": "0.0003",
        }

    def __enter__(self) -> Self:
        for name, file in (("ledger key", self.key_file), ("key of Airflow", self.home / "airflow.key")):
            Fernet(SECRETS[name])
            file.touch(0o600)
            file.write_text(SECRETS[name])
        (self.home / "dags").mkdir()
        self._log_in()
        read, write = os.pipe()
        with (self.home / "airflow.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", LOOP, str(write), str(self.home / "dags")],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=[write],
                env=self.env,
                cwd="/",
                text=True,
            )
        os.close(write)
        self._results = os.fdopen(read)
        self._ask(connections=list(self._connections()))
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._results.close()

    def _connections(self) -> list[dict[str, Any]]:
        exact = {"division": DIVISION, "redirect_uri": REDIRECT}
        personio = {"company_id": 4242, "job_position_id": 1001}
        return [
            {"conn_id": "exact_online_default", "conn_type": "exact_online", "login": CLIENT[0]}
            | {"password": SECRETS["client secret of Exact"], "host": self.sandbox.url, "extra": json.dumps(exact)},
            {"conn_id": "personio_default", "conn_type": "personio", "login": PERSONIO_CLIENT[0]}
            | {"password": SECRETS["client secret of Personio"], "host": self.sandbox.url}
            | {"extra": json.dumps(personio | {"recruiting_access_token": SECRETS["recruiting token"]})},
        ]

    def _log_in(self) -> None:
        app = App(self.sandbox.url, CLIENT[0], SECRETS["client secret of Exact"], REDIRECT)
        with build_http(base_url=self.sandbox.url) as browser:

            def ask(address: str) -> str:
                answer = str(browser.get(address).headers["location"])
                (self.code,) = parse_qs(urlsplit(answer).query)["code"]
                return answer

            log_in("exact_online_default", app, ask=ask, ledger_url=self.env["EXACT_PERSONIO_LEDGER_URL"])

    def run(self, dag_id: str, **conf: Any) -> dict[str, Any]:
        """Run a DAG; return its states."""
        # One at a time: each run has Airflow parse the whole folder.
        if (file := ROOT / "dags" / f"{dag_id}.py").exists():
            shutil.rmtree(self.home / "dags")
            (self.home / "dags").mkdir()
            shutil.copy(file, self.home / "dags")
        return self._ask(dag=dag_id, conf=conf)

    def _ask(self, **asked: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        told = self._results.readline() if select.select([self._results], [], [], PATIENCE)[0] else ""
        assert told, self.log()[-3000:]
        found: dict[str, Any] = json.loads(told)
        return found

    def log(self) -> str:
        """Return what was logged so far."""
        return (self.home / "airflow.log").read_text(encoding="utf-8", errors="replace")


def hire(sandbox: RunningSandbox) -> dict[str, str]:
    """Let a few marked people appear at Exact; return the ids of an item and a project to book hours on."""
    exact = sandbox.sandbox.exact
    account = exact.add_account(DIVISION, {"Name": f"{MARK} Bedrijf"})
    person = {
        "Account": account["ID"],
        "FirstName": PEOPLE["first name"],
        "LastName": PEOPLE["last name"],
        "Mobile": PEOPLE["phone"],
        "Phone": PEOPLE["phone, as it is written"],
        "BirthDate": "1931-07-19T00:00:00",
        "City": f"{MARK}stad",
        "SocialSecurityNumber": PEOPLE["social security"],
        "Notes": f"{PEOPLE['notes']} {PEOPLE['salary']}",
        "JobTitleDescription": f"{MARK} functie",
    }
    for number in range(3):
        exact.add_contact(DIVISION, {**person, "Email": f"{PEOPLE['local part']}{number}@{MARK.lower()}.example.org"})
    # One who is refused by the rules, one by Personio.
    exact.add_contact(DIVISION, {**person, "Email": f"{PEOPLE['local part']} no address"})
    exact.add_contact(DIVISION, {**person, "Email": f"{PEOPLE['local part']}0@{MARK.lower()}.example.org"})
    item = exact.add(DIVISION, "Items", {"Code": "HOUR", "Description": "Hour"})
    project = {"Account": account["ID"], "Code": "P1", "Description": "Project", "Type": 3}
    return {"item": item["ID"], "project": exact.add(DIVISION, "Projects", project)["ID"]}


def secrets_of(sandbox: RunningSandbox) -> dict[str, str]:
    """Return all tokens that were handed out so far, by name."""
    exact, personio = sandbox.sandbox.exact.tokens, sandbox.sandbox.personio
    found = {f"access token {n}": token for n, token in enumerate(exact._access)}
    found |= {f"refresh token {n}": token for n, token in enumerate(exact._refresh)}
    return found | {f"token of Personio {n}": token for n, token in enumerate(personio.tokens)}

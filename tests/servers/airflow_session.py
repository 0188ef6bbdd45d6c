"""One Airflow process for many DAG runs: starting Airflow takes longer than any of them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from airflow_home import DIVISION, ROOT, Airflow

SESSION = """
import json, sys
from datetime import datetime, UTC
from airflow.utils.db import initdb
initdb()
from airflow.dag_processing.dagbag import DagBag
from airflow.models.renderedtifields import RenderedTaskInstanceFields as Rendered
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
print("READY", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    # Parsed anew, as for every task of a real Airflow: a run's values stay in the params of the DAG object.
    bag = DagBag(dag_folder=sys.argv[1])
    assert not bag.import_errors, bag.import_errors
    at = datetime.fromisoformat(asked["at"]) if asked["at"] else None
    when = {"logical_date": at, "run_after": at} if at else {}
    try:
        run = bag.dags[asked["dag"]].test(run_conf=asked["conf"], **when)
    except Exception as error:
        print("RESULT " + json.dumps({"refused": type(error).__name__, "text": str(error)}), flush=True)
        continue
    with create_session() as session:
        xcoms = session.query(XComModel).filter_by(dag_id=run.dag_id, run_id=run.run_id).all()
        fields = session.query(Rendered).filter_by(dag_id=run.dag_id, run_id=run.run_id).all()
        found = {"state": str(run.state), "run_id": run.run_id,
            "tasks": {ti.task_id: str(ti.state) for ti in run.get_task_instances()},
            "tries": {ti.task_id: ti.try_number for ti in run.get_task_instances()},
            "xcoms": {f"{x.task_id}.{x.key}": XComModel.deserialize_value(x) for x in xcoms},
            "rendered": {f.task_id: f.rendered_fields for f in fields}}
    print("RESULT " + json.dumps(found, default=str), flush=True)
"""


class Session(Airflow):
    """A running Airflow process that makes one DAG run after the other."""

    def __enter__(self) -> Self:
        home = Path(self.env["AIRFLOW_HOME"])
        (home / "dags").mkdir()
        for name in ("exact_time_transactions.py", "exact_endpoint.py"):
            shutil.copy(ROOT / "dags" / name, home / "dags" / name)
        self.env |= {"AIRFLOW__CORE__DAGS_FOLDER": f"{home}/dags", "EXACT_PERSONIO_RETRY_SECONDS": "1"}
        self.log_in()
        self.output = (home / "output").open("w", encoding="utf-8")
        return self

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SESSION, f"{self.env['AIRFLOW_HOME']}/dags"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.output,
            text=True,
            env=self.environment(),
            cwd="/",
        )
        self._until("READY")

    def __exit__(self, *_: object) -> None:
        try:
            self.process.communicate(timeout=60)
        finally:
            self.process.kill()
            self.output.close()

    def ask(self, dag_id: str, at: str = "", **conf: Any) -> dict[str, Any]:
        """Run the DAG; the same ``at`` is the same run, cleared."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"dag": dag_id, "at": at, "conf": conf}) + "\n")
        self.process.stdin.flush()
        found: dict[str, Any] = json.loads(self._until("RESULT "))
        return found

    def _until(self, start: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(start):
                return line.removeprefix(start)
            self.output.write(line)
        self.output.flush()
        raise AssertionError(self.log()[-3000:])

    def log(self) -> str:
        self.output.flush()
        return Path(self.output.name).read_text(encoding="utf-8")

    def calls(self, method: str, kind: str) -> list[int]:
        """Return the statuses of the calls that the sandbox saw."""
        return [e.status for e in self.sandbox.sandbox.log.entries() if (e.method, e.kind) == (method, kind)]

    def rows(self, table: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.sandbox.sandbox.exact.contents()[str(DIVISION)][table]
        return found

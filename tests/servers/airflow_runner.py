"""One Airflow process for all DAG runs of a test process: starting Airflow takes longer than any of them."""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

LOOP = """
import json, os, sys
from airflow.utils.db import initdb
initdb()
from airflow.dag_processing.dagbag import DagBag
results = os.fdopen(int(sys.argv[1]), "w")
for line in sys.stdin:
    asked = json.loads(line)
    for name in [n for n in os.environ if n.startswith(("AIRFLOW_CONN_", "EXACT_PERSONIO_"))]:
        del os.environ[name]
    os.environ.update(asked["env"])
    sys.path[:0] = [entry for entry in asked["path"] if entry not in sys.path]
    # Parsed anew, as for every task of a real Airflow: a run's values stay in the params of the DAG object.
    dag = DagBag(dag_folder=os.environ["AIRFLOW__CORE__DAGS_FOLDER"]).dags[asked["dag"]]
    run = dag.test(run_conf=asked["conf"])
    states = {ti.task_id: ti.state for ti in run.get_task_instances()}
    sys.stdout.flush(); sys.stderr.flush()
    results.write(json.dumps({"state": run.state, "tasks": states, "run_id": run.run_id}) + "\\n")
    results.flush()
"""


class Runner:
    """The process, its log, and a pipe for what it has to tell."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="exact-personio-runner-"))
        self._log = self.home / "log"
        read, write = os.pipe()
        environment = os.environ | {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home}/airflow.db",
            "AIRFLOW__CORE__DAGS_FOLDER": f"{self.home}/dags",
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", LOOP, str(write)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=[write],
                env=environment,
                cwd="/",
                text=True,
            )
        os.close(write)
        self._results = os.fdopen(read)
        atexit.register(self.close)

    def run(
        self, folder: Path, dag_id: str, conf: Mapping[str, Any], env: Mapping[str, str]
    ) -> tuple[dict[str, Any], str]:
        """Run a DAG; return its states and everything that was logged meanwhile."""
        before = self._log.stat().st_size
        assert self._process.stdin is not None
        wanted = {n: v for n, v in env.items() if n.startswith(("AIRFLOW_CONN_", "EXACT_PERSONIO_"))}
        # What a process of its own would find through the variable; entries stay for the runs that follow.
        path = [entry for entry in env.get("PYTHONPATH", "").split(os.pathsep) if entry]
        self._put(folder, dag_id)
        asked = {"dag": dag_id, "conf": conf, "env": wanted, "path": path}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        told = self._results.readline()
        log = self._log.read_bytes()[before:].decode(errors="replace")
        assert told, log[-3000:]
        return json.loads(told), log

    def _put(self, folder: Path, dag_id: str) -> None:
        """Let Airflow's folder hold the one DAG: to write all of them into its database takes longer than a run."""
        alone = folder / f"{dag_id}.py"
        shutil.rmtree(self.home / "dags", ignore_errors=True)
        shutil.copytree(folder, self.home / "dags", ignore=lambda _, names: others(alone, names))

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


def others(alone: Path, names: list[str]) -> set[str]:
    """Return the files that a DAG can do without: none if it has no file of its own name."""
    return {name for name in names if name != alone.name} if alone.exists() else set()


@functools.cache
def runner() -> Runner:
    """Return the process, started when it is first needed."""
    return Runner()

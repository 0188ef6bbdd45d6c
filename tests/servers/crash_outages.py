"""A running Airflow whose parts are killed one by one and brought back, its ledger's database among them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx
import psutil

from airflow_home import ROOT
from include.demo.airflow_api import FINISHED, AirflowApi
from include.demo.ports import Ports
from include.demo.stack import BIN, Stack
from postgres import server_user

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

PARTS = ("scheduler", "triggerer", "api-server", "database")
DAG = "long_load"


class MortalPostgres:
    """A PostgreSQL server that can be killed and started again with what it had committed.

    :param programs: directory of its programs.
    """

    def __init__(self, programs: Path) -> None:
        self.programs = programs
        self._ports = Ports()
        self.port = self._ports.hold()
        self.home = Path(tempfile.mkdtemp(prefix="exact-personio-mortal-"))
        user = server_user()
        if user is not None:
            shutil.chown(self.home, user)

    @property
    def url(self) -> str:
        """The ledger's address."""
        return f"postgresql+psycopg://ledger@127.0.0.1:{self.port}/postgres"

    def __enter__(self) -> Self:
        self._run("initdb", "--pgdata", self._data, "--username", "ledger", "--auth", "trust", "--encoding", "UTF8")
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run("pg_ctl", "--pgdata", self._data, "--mode", "immediate", "--wait", "stop")
        self._ports.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def start(self) -> None:
        """Start it; what the last one left of its memory may take a moment to go."""
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.home} -c max_connections=100"
        for attempt in range(10):
            try:
                self._run(
                    *("pg_ctl", "--pgdata", self._data, "--options", options),
                    *("--log", str(self.home / "log"), "--wait", "start"),
                )
            except subprocess.CalledProcessError:
                time.sleep(1 + attempt)
            else:
                return
        raise AssertionError((self.home / "log").read_text(encoding="utf-8")[-2000:])

    def kill(self) -> None:
        """Kill the server as a machine that runs out of memory would."""
        os.kill(int((self.home / "data" / "postmaster.pid").read_text(encoding="ascii").split()[0]), signal.SIGKILL)

    @property
    def _data(self) -> str:
        return str(self.home / "data")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), *arguments]
        subprocess.run(command, check=True, user=server_user(), cwd=self.home, stdout=subprocess.DEVNULL)


class FragileStack(Stack):
    """A stack with its ledger in PostgreSQL, and a long load as its only DAG.

    :param home: directory for everything it writes.
    :param database: where the ledger is.
    :param key: of the ledger.
    """

    def __init__(self, home: Path, database: MortalPostgres, key: str) -> None:
        self.database = database
        self.key = key
        self.dags = home.with_name(f"{home.name}-dags")
        self.dags.mkdir()
        shutil.copy(ROOT / "tests" / "servers" / "long_load_dag.py", self.dags)
        super().__init__(home, limit_seconds=12)
        self.api = AirflowApi(self.airflow)
        self._orphans: list[psutil.Process] = []

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        # Whoever lost their parent is nobody's descendant any more.
        for orphan in self._orphans:
            _kill(orphan)

    def _environment(self) -> dict[str, str]:
        return super()._environment() | {
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "EXACT_PERSONIO_LEDGER_URL": self.database.url,
            "EXACT_PERSONIO_LEDGER_KEY": self.key,
        }

    def kill(self, part: str) -> None:
        """Kill one part, and nothing that it has started: a running task goes on, if it can."""
        if part == "database":
            self.database.kill()
            return
        running = self.processes._running.pop(part)
        parent = psutil.Process(running.pid)
        children = parent.children(recursive=True)
        parent.kill()
        running.wait()
        if part == "api-server":
            # What answers requests is a child of it, and part of it.
            for child in children:
                _kill(child)
        else:
            self._orphans += children

    def bring_back(self, part: str) -> None:
        """Start the part again, and wait until Airflow is whole."""
        if part == "database":
            self.database.start()
        else:
            self.processes.start(part, [str(BIN / "airflow"), part])
        self.until("Airflow is healthy", self._whole)

    def until(self, what: str, ready: Callable[[], Any], seconds: float = 600) -> None:
        """Wait for something.

        :raises AssertionError: it did not come.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            self.processes.check()
            assert time.monotonic() < deadline, what
            time.sleep(0.5)

    def until_more_arrive(self) -> None:
        """Wait for the next applicant."""
        there = len(self.applicants())
        self.until("somebody else arrives", lambda: len(self.applicants()) > there)

    def applicants(self) -> list[str]:
        """Return the addresses of all applications, one per application."""
        contents = self.sandbox.get("/_sandbox/contents").json()
        return sorted(application["email"] for application in contents["personio"]["applications"])

    def ended(self) -> bool:
        """Say whether the run has ended."""
        try:
            return all(run["state"] in FINISHED for run in self.api.runs(DAG))
        except httpx.TransportError:
            return False

    def _whole(self) -> bool:
        try:
            return self._healthy()
        except (httpx.TransportError, ValueError):
            return False


def _kill(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()

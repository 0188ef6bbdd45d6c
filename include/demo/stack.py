"""The sandbox and a real Airflow beside each other, on ports of this machine."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import urlopen

from cryptography.fernet import Fernet

from include.demo.ports import Ports
from include.demo.processes import Processes
from include.demo.sandbox_connections import log_in_at_sandbox, sandbox_connections
from include.errors import ConfigurationError
from include.transport import build_http

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


class Stack:
    """Sandbox, scheduler, API server, DAG processor and triggerer, for as long as the block lasts.

    :param home: directory for everything it writes; emptied first.
    :param limit_seconds: how long a "minute" of the services' limits lasts.
    :param port: port of the Airflow UI; 0 chooses a free one.
    """

    def __init__(self, home: Path, *, limit_seconds: float, port: int = 0) -> None:
        self.home = home
        self.limit_seconds = limit_seconds
        self.ports = Ports()
        self.port = port or self.ports.hold()
        self.sandbox_port = self.ports.hold()
        self.env = self._environment()
        self.processes = Processes(home / "logs", self.env)
        self.sandbox = build_http(base_url=self.sandbox_url, timeout=120)
        self.airflow = build_http(base_url=self.url, timeout=60)

    @property
    def url(self) -> str:
        """Return the address of the Airflow UI."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def sandbox_url(self) -> str:
        """Return the address of both sandbox services."""
        return f"http://127.0.0.1:{self.sandbox_port}"

    @property
    def _redirect_uri(self) -> str:
        """Return the address at which Airflow's own page receives a login."""
        return f"{self.url}/exact-console/callback"

    def __enter__(self) -> Self:
        self.home.parent.mkdir(parents=True, exist_ok=True)
        self._lock = self.home.with_suffix(".lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"Another one is running in {self.home}.",
                reason_code="demo.home.in_use",
                way_out="End it first, or set EXACT_PERSONIO_BUILD to another directory.",
            ) from None
        self.ports.hold(self.port)
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir()
        self.processes.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.processes.stop()
        self.sandbox.close()
        self.airflow.close()
        self.ports.close()
        self._lock.close()

    def _environment(self) -> dict[str, str]:
        """Return the environment of all processes: everything below ``home``, everything on 127.0.0.1."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "EXACT_PERSONIO_"))}
        secret = Fernet.generate_key().decode()
        ours = {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home}/airflow.db",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": secret * 2,
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(self.ports.hold()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(self.ports.hold()),
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(self.ports.hold()),
            # A finished task is noticed at once instead of within five seconds.
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
            # A DAG file that was changed is parsed at once all the same; parsing all of them again and again is work.
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
            "EXACT_PERSONIO_START_FROM": "beginning",
            "EXACT_PERSONIO_RETRY_SECONDS": "5",
            "EXACT_PERSONIO_LEDGER_URL": f"sqlite:///{self.home}/exact_personio.db",
        }
        return {**kept, **ours}

    def start(self) -> None:
        """Bring everything up: sandbox, database, connections, then Airflow's four processes.

        :raises ConfigurationError: a process failed; the text names its log.
        """
        self.start_sandbox()
        airflow = str(BIN / "airflow")
        self.processes.run("db-migrate", [airflow, "db", "migrate"])
        path = self._write_connections()
        self.processes.run("connections", [airflow, "connections", "import", "--overwrite", str(path)])
        path.unlink()
        self._log_in()
        for name in ("api-server", "scheduler", "dag-processor", "triggerer"):
            self.processes.start(name, [airflow, name])
        self.processes.wait_for("Airflow", self._healthy)

    def start_sandbox(self) -> None:
        """Start the sandbox alone."""
        self.processes.start(
            "sandbox",
            [
                str(BIN / "exact-personio"), "sandbox",
                "--port", str(self.sandbox_port),
                "--limit-seconds", str(self.limit_seconds),
            ],
        )  # fmt: skip
        self.processes.wait_for("The sandbox", lambda: _answers(f"{self.sandbox_url}/_sandbox/clock"))

    def _healthy(self) -> bool:
        if not _answers(f"{self.url}/api/v2/monitor/health"):
            return False
        health = self.airflow.get("/api/v2/monitor/health").json()
        return all(
            (health.get(part) or {}).get("status") == "healthy"
            for part in ("scheduler", "dag_processor", "triggerer")
        )

    def _log_in(self) -> None:
        log_in_at_sandbox(self._connections(), self.sandbox, ledger_url=self.env["EXACT_PERSONIO_LEDGER_URL"])

    def _write_connections(self) -> Path:
        """Write the two connections as a user would export them; the file is removed once imported."""
        path = self.home / "connections.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(self._connections()), encoding="utf-8")
        return path

    def _connections(self) -> dict[str, dict[str, Any]]:
        return sandbox_connections(self.sandbox_url, self._redirect_uri, self.limit_seconds)


def _answers(url: str) -> bool:
    """Say whether a server answers there, with whatever status."""
    try:
        with urlopen(url, timeout=5):  # noqa: S310 - our own servers on 127.0.0.1
            return True
    except HTTPError:
        return True
    except OSError:
        return False

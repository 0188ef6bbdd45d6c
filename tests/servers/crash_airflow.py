"""The small Airflow of `crash_field`, as a test talks to it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from airflow_home import ROOT

if TYPE_CHECKING:
    from types import TracebackType

SCRIPT = Path(__file__).with_name("crash_field.py")
DAGS = ("exact_contacts_to_personio_applications", "exact_contacts_to_personio_employees")


class CrashAirflow:
    """The process, its log, and the pipe for its answers; one serves any number of stories."""

    def __enter__(self) -> Self:
        self.home = Path(tempfile.mkdtemp(prefix="exact-personio-crash-"))
        (self.home / "dags").mkdir()
        for dag_id in DAGS:
            shutil.copy(ROOT / "dags" / f"{dag_id}.py", self.home / "dags")
        read, write = os.pipe()
        with (self.home / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, SCRIPT, str(write)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=[write],
                env=self._environment(),
                cwd="/",
                text=True,
            )
        os.close(write)
        self.answers = os.fdopen(read)
        self._answer()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        self.answers.close()
        assert self.process.stdin is not None
        self.process.stdin.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def ask(self, do: str, **arguments: Any) -> Any:
        """Have the field do something; return what it told."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        told = self.answers.readline()
        assert told, (self.home / "log").read_text(errors="replace")[-6000:]
        return json.loads(told)

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "EXACT_PERSONIO_"))}
        return kept | {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home}/airflow.db",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.home / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
            # A frozen copy of a task holds nothing of its supervisor's; yet what holds on must not hold up the rest.
            "AIRFLOW__WORKERS__SOCKET_CLEANUP_TIMEOUT": "1",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
            "EXACT_PERSONIO_RETRY_SECONDS": "1",
        }

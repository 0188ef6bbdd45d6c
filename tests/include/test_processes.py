"""Child processes of the demo: none outlives its block, and a failure names its log."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from include.demo.processes import Processes
from include.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

# A parent that starts a child in a session of its own, as Airflow does with tasks, and then both sleep.
PARENT = (
    "import subprocess, sys, time, pathlib;"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True);"
    "pathlib.Path(sys.argv[1]).write_text(str(child.pid)); time.sleep(600)"
)


def test_grandchildren_in_sessions_of_their_own_end_too(tmp_path: Path) -> None:
    mark = tmp_path / "child"
    with Processes(tmp_path / "logs", {}) as processes:
        processes.start("parent", [sys.executable, "-c", PARENT, str(mark)])
        processes.wait_for("the child", lambda: mark.exists() and mark.read_text() != "")
        child = int(mark.read_text())
        assert psutil.pid_exists(child)
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_failed_command_names_its_log(tmp_path: Path) -> None:
    with (
        Processes(tmp_path, {}) as processes,
        pytest.raises(ConfigurationError, match=r"migrate ended .* code 3") as it,
    ):
        processes.run("migrate", [sys.executable, "-c", "import sys; print('no such table'); sys.exit(3)"])
    assert "no such table" in it.value.what
    assert str(tmp_path / "migrate.log") in it.value.way_out


def test_process_that_ends_by_itself_is_noticed_while_waiting(tmp_path: Path) -> None:
    with Processes(tmp_path, {}) as processes:
        processes.start("server", [sys.executable, "-c", "raise SystemExit(4)"])
        with pytest.raises(ConfigurationError, match="exit code 4"):
            processes.wait_for("The server", lambda: False)

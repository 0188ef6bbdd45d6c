"""What Airflow adds: a run with nothing to do, its processes, their memory: python -m benchmarks.airflow_cost.

A real Airflow with its own intervals and the LocalExecutor. A task's process is a fork of the scheduler's, as one of
Celery's is of the worker: its peak counts the pages that it shares with its parent, its own memory does not. Between
the runs a DAG runs whose tasks do nothing: that is what Airflow itself takes.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Self

import psutil

from benchmarks.airflow_stack import Airflow, airflow
from benchmarks.results import ROOT, Cell, Goal, Result, Table, publish, scale_asked, surroundings

if TYPE_CHECKING:
    from collections.abc import Sequence

RUNS = {"small": 3, "full": 5}
DAG, NOTHING = "exact_contacts_to_personio_applications", "nothing"
FILES = (ROOT / "dags" / f"{DAG}.py", ROOT / "benchmarks" / "empty_dags" / f"{NOTHING}.py")
SECONDS, PROCESSES = 4.0, 4
"""The goals."""
WHY = "a process for each task that has something to do"
_MIB = 1024 * 1024


class Watch:
    """Looks at the memory and the CPU of the scheduler's descendants, for as long as the block lasts.

    :ivar cpu: seconds by process id; the last hundredths of a process are not seen.
    :ivar peak: MiB by process id, shared pages included.
    :ivar own: the same without them.
    """

    def __init__(self, scheduler: int) -> None:
        self.scheduler = psutil.Process(scheduler)
        self.peak: dict[int, float] = {}
        self.own: dict[int, float] = {}
        self.cpu: dict[int, float] = {}
        self._over = Event()
        self._thread = Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.02):
            for process in self.scheduler.children(recursive=True):
                with suppress(psutil.Error, OSError, StopIteration):
                    took = process.cpu_times()
                    self.cpu[process.pid] = took.user + took.system
                    lines = Path(f"/proc/{process.pid}/status").read_text("ascii").splitlines()
                    highest = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
                    self.peak[process.pid] = highest / 1024
                    own = process.memory_full_info().uss / _MIB
                    self.own[process.pid] = max(own, self.own.get(process.pid, 0.0))


def seconds(one: dict[str, Any]) -> float:
    """Return how long a run or a task took."""
    begin, end = (datetime.fromisoformat(one[name]) for name in ("start_date", "end_date"))
    return (end - begin).total_seconds()


def measure(here: Airflow, dag_id: str) -> dict[str, Any]:
    """Return what a run with nothing to do took."""
    time.sleep(2)
    with Watch(here.stack.processes._running["scheduler"].pid) as watch:  # noqa: SLF001 - whose processes they are
        run = here.finished(dag_id, here.api.trigger(dag_id, {}))
    if run["state"] != "success":
        raise SystemExit(f"a run of {dag_id} failed")
    ran = [task for task in here.tasks(dag_id, run["dag_run_id"]) if task["pid"]]
    pids = {task["pid"] for task in ran}
    return {
        "run": seconds(run),
        "tasks": {task["task_id"]: seconds(task) for task in ran},
        "together": sum(map(seconds, ran)),
        "processes": len(pids),
        "cpu": sum(watch.cpu.get(pid, 0.0) for pid in pids),
        "peak": max((watch.peak.get(pid, 0.0) for pid in pids), default=0.0),
        "own": max((watch.own.get(pid, 0.0) for pid in pids), default=0.0),
    }


def tables(found: Sequence[dict[str, Any]], idle: Sequence[dict[str, Any]]) -> list[Table]:
    """Return the figures of a run, and of its tasks.

    :param idle: of runs whose tasks do nothing.
    """
    names = list(found[0]["tasks"])
    rows: list[list[Cell]] = [
        ["the run, begin to end, s", median(one["run"] for one in found)],
        ["its tasks together, s", median(one["together"] for one in found)],
        ["its tasks together, CPU s", median(one["cpu"] for one in found)],
        ["six tasks that do nothing, together, s", median(one["together"] for one in idle)],
        ["six tasks that do nothing, together, CPU s", median(one["cpu"] for one in idle)],
        *([f"task {name}, s", median(one["tasks"][name] for one in found)] for name in names),
        ["task processes", found[0]["processes"]],
        ["peak memory of a task's process, shared pages included, MiB", round(max(one["peak"] for one in found))],
        ["its own memory, MiB", round(max(one["own"] for one in found))],
    ]
    return [Table(f"A run with nothing new, median of {len(found)}", ["", "figure"], rows)]


def main(scale: str) -> int:
    """Measure runs."""
    about = surroundings(scale)
    found: list[dict[str, Any]] = []
    idle: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for file in FILES:
            shutil.copy(file, folder)
        with airflow("bench-airflow", dags=Path(folder)) as here:
            for dag_id in (NOTHING, DAG):
                here.ready(dag_id)
            here.finished(DAG)
            for _ in range(RUNS[scale]):
                idle.append(measure(here, NOTHING))
                found.append(measure(here, DAG))
    took = median(one["together"] for one in found)
    processes = max(one["processes"] for one in found)
    goal = Goal(
        f"a live run with nothing new under {SECONDS:.0f} s of task time in at most {PROCESSES} task processes",
        f"{took:.1f} s in {processes} processes",
        took < SECONDS and processes <= PROCESSES,
        WHY,
    )
    return publish(Result("airflow_cost", "Airflow", tables=tables(found, idle), goals=[goal], about=about))


if __name__ == "__main__":
    sys.exit(main(scale_asked(__doc__)))

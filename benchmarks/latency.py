"""From "created at Exact" to "applicant at Personio", by schedule, sensor and watcher: python -m benchmarks.latency.

A real Airflow with its own intervals. What waits for the next look depends on how often one looks, and is reckoned
for the built-in intervals: half of it on average. What comes after the look is measured: Airflow's scheduling, a
process for each task, our work in them. Looks come sooner here than in earnest, lest anybody waits a quarter hour.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.airflow_stack import Airflow, airflow
from benchmarks.results import ROOT, Cell, Plot, Result, Table, publish, scale_asked, surroundings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TIMES = {"small": 1, "full": 5}
POLL = 5
"""Seconds between two looks of sensor and watcher while measuring."""
SCHEDULE = 60
"""Seconds between two scheduled runs while measuring: so long that a run has ended before the next."""
APPLICATIONS = "v1/recruiting/applications"
CREATED = 201
FEED = "sync/CRM/Contacts"
PATIENCE = 300


@dataclass(frozen=True)
class Way:
    """One way of hearing of a new contact.

    :param every: seconds between two looks, as it is built in.
    :param waits: where it waits between two looks.
    """

    name: str
    every: int
    waits: str


WAYS = (
    Way("schedule", 15 * 60, "Airflow's scheduler: cron `*/15`, no call between"),
    Way("sensor", 5 * 60, "our trigger in the triggerer, a call per look"),
    Way("watcher", 60, "our watcher in the triggerer, a call per look"),
)


def arrived(here: Airflow, before: int) -> dict[str, float]:
    """Wait until an applicant more is at Personio; return when, and when it was looked for first.

    :param before: calls in the sandbox's log when the contact was created.
    """

    def since() -> list[dict[str, Any]]:
        return [one for one in here.log() if one["seq"] > before]

    def sent() -> list[float]:
        return [at(one) for one in since() if one["kind"] == APPLICATIONS and one["status"] == CREATED]

    until(here, lambda: bool(sent()))
    return {"sent": min(sent()), "looked": min(at(one) for one in since() if one["kind"] == FEED)}


def wake(here: Airflow, way: Way) -> None:
    """Have people join until one arrives.

    A watcher begins when its DAG's file is read next, and tells of nobody who came before.
    """
    before, deadline = last(here), time.monotonic() + PATIENCE
    while not any(one["seq"] > before and one["kind"] == APPLICATIONS for one in here.log()):
        if time.monotonic() > deadline:
            raise SystemExit(f"{way.name}: nobody came within {PATIENCE} seconds")
        here.join(time.time_ns())
        time.sleep(SCHEDULE / 2)


def until(here: Airflow, done: Callable[[], bool]) -> None:
    """Wait for something."""
    deadline = time.monotonic() + PATIENCE
    while not done():
        here.stack.processes.check()
        if time.monotonic() > deadline:
            raise SystemExit(f"nothing came within {PATIENCE} seconds")
        time.sleep(0.2)


def last(here: Airflow) -> int:
    """Return the number of the last call that the sandbox had."""
    return max((int(one["seq"]) for one in here.log()), default=0)


def at(entry: dict[str, Any]) -> float:
    """Return when a call was made."""
    return datetime.fromisoformat(entry["at"]).timestamp()


def measure(here: Airflow, way: Way, times: int) -> list[tuple[float, float]]:
    """Return seconds until the look, and from the look to the applicant, of each contact."""
    dag_id, found = f"bench_latency_{way.name}", []
    here.ready(dag_id)
    wake(here, way)
    settle(here)
    for number in range(times):
        # Not always in the same moment between two looks.
        time.sleep(1.7 + number)
        before = last(here)
        created = here.join(hash((way.name, number)) % 10**9)
        told = arrived(here, before)
        look = (created // SCHEDULE + 1) * SCHEDULE if way.name == "schedule" else told["looked"]
        found.append((look - created, told["sent"] - look))
        settle(here)
    here.pause(dag_id)
    return found


def settle(here: Airflow) -> None:
    """Wait until no run is under way but for sensors that wait: nothing but looks for a while."""
    quiet = time.monotonic()
    looks = ("plan", "extract", "transform", "approve", "load", "commit")
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() - quiet < 2 * POLL and time.monotonic() < deadline:
        runs = here.api.call("GET", "/dags/~/dagRuns/~/taskInstances", params={"state": ["running", "queued"]})
        if any(one["task_id"] in looks for one in runs["task_instances"]):
            quiet = time.monotonic()
        time.sleep(1)


def table(found: dict[Way, list[tuple[float, float]]]) -> Table:
    """Return measured and reckoned seconds."""
    rows: list[list[Cell]] = [
        [
            *(way.name, way.waits, way.every, rest(some), max(after for _, after in some)),
            *(way.every / 2 + rest(some), way.every + max(after for _, after in some)),
        ]
        for way, some in found.items()
    ]
    columns = ["", "between two looks", "s between them", "look to applicant, s", "the same, slowest, s"]
    title = f"{len(next(iter(found.values())))} contacts each"
    return Table(title, [*columns, "created to applicant, on average, s", "at worst, s"], rows)


def rest(some: Sequence[tuple[float, float]]) -> float:
    """Return the median of what comes after the look."""
    return median(after for _, after in some)


def main(scale: str) -> int:
    """Measure all ways, one after the other."""
    about = surroundings(scale)
    with airflow("bench-latency", ROOT / "benchmarks" / "latency_dags", {"BENCH_POLL_SECONDS": str(POLL)}) as here:
        found = {way: measure(here, way, TIMES[scale]) for way in WAYS}
    series: dict[str, list[float | None]] = {
        "waiting for the next look, on average": [way.every / 2 for way in found],
        "Airflow and our work after it": [rest(some) for some in found.values()],
    }
    names = [way.name for way in found]
    plot = Plot("latency", "Created at Exact to applicant at Personio", "stacked", names, series, "seconds")
    title = "Latency: created at Exact to applicant at Personio"
    return publish(Result("latency", title, tables=[table(found)], plots=[plot], about=about))


if __name__ == "__main__":
    sys.exit(main(scale_asked(__doc__)))

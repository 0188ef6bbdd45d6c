"""What is done to the stack, and what must be true of it afterwards."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from compose_console import Person, StackConsole

from compose_airflow import ComposeAirflow, until
from include.demo.airflow_api import FINISHED
from include.demo.oracle import TERMINAL, Verdict, addresses, compare, sound
from include.demo.sandbox_connections import DIVISION
from include.transport import build_http

if TYPE_CHECKING:
    from collections.abc import Callable

    from compose_engine import Engine

HISTORY_DAYS = 8 * 365
"""How far back the sandbox's company goes."""
MONTHS = 3
ENTITIES = ("Contacts", "Accounts")
FIRST_LINE = "::group::Pre Execute"
"""What every task writes first."""
STEP = 200
"""People that have to arrive between two deaths: each happens in the middle of the load."""
AWAY = 6.0
"""Seconds that a killed part is away."""


def live(entity: str) -> str:
    """Return the id of the entity's live DAG."""
    return f"exact_{entity.lower()}_to_personio_applications"


def history(entity: str) -> str:
    """Return the id of the entity's DAG for backfills."""
    return f"exact_{entity.lower()}_history"


def border(now: datetime) -> datetime:
    """Return the day from which on records are the live DAGs': the fourth month of its history."""
    first = (now - timedelta(days=HISTORY_DAYS)).replace(day=1)
    months = first.month - 1 + MONTHS
    return datetime(first.year + months // 12, months % 12 + 1, 1, tzinfo=UTC)


def beginning(now: datetime) -> datetime:
    """Return the first day of the backfills: of the month in which the company's history begins."""
    first = now - timedelta(days=HISTORY_DAYS)
    return datetime(first.year, first.month, 1, tzinfo=UTC)


class Story:
    """The stack is used, hurt and healed; then both sides are compared.

    :param engine: the running stack.
    :param ports: of the UI and of the sandbox, on 127.0.0.1.
    :param say: takes one line per step.
    """

    def __init__(self, engine: Engine, ports: tuple[int, int], say: Callable[[str], None]) -> None:
        self.engine = engine
        self.say = say
        self.api = ComposeAirflow(
            build_http(base_url=f"http://127.0.0.1:{ports[0]}", timeout=60), engine.secrets["ADMIN_PASSWORD"]
        )
        self.sandbox = build_http(base_url=f"http://127.0.0.1:{ports[1]}", timeout=120)
        self.figures: dict[str, Any] = {}

    def wake(self) -> None:
        """Wait until everything is healthy, and log in."""
        until("all containers are healthy", self._all_healthy, seconds=600)
        until("Airflow calls all of its parts healthy", self.api.healthy, seconds=300)
        if not self.api.refuses_strangers():
            raise AssertionError("Airflow lets people in without a password")
        self.api.login()
        dags = [name(entity) for entity in ENTITIES for name in (live, history)]
        until("the DAGs are parsed", lambda: all(self.api.has_dag(dag) for dag in dags), seconds=300)
        self.figures["memory_idle"] = self.engine.memory()

    def _all_healthy(self) -> bool:
        states = self.engine.health()
        return all(state == ("exited-0" if "-init" in name else "healthy") for name, state in states.items())

    def load(self) -> None:
        """Start both live DAGs and both backfills; kill three parts while they load; wait for the end."""
        now = datetime.now(UTC)
        first, last = beginning(now), border(now)
        for entity in ENTITIES:
            self.api.unpause(history(entity))
            self.api.backfill(history(entity), first.isoformat(), last.isoformat())
            self.api.unpause(live(entity))
        self.say(f"both live DAGs from {last:%Y-%m-%d} on, and backfills of the months before, are running")
        for service, seconds in (("airflow-worker", AWAY), ("airflow-scheduler", AWAY), ("postgres", AWAY)):
            self._more_arrive()
            self._die(service, seconds)
        until("all runs have ended", self._ended, seconds=2400)

    def _arrived(self) -> int:
        return len(self._contents()["personio"]["applications"])

    def _more_arrive(self) -> None:
        """Wait until something is being loaded right now, and a good part of it is done."""
        before = self._arrived()
        until("people arrive", lambda: self._arrived() >= before + STEP, seconds=900)
        if self._ended():
            raise AssertionError("the load was over before all parts had been killed")

    def _die(self, service: str, seconds: float) -> None:
        victim = self._busy(service)
        at = self._arrived()
        self.engine.kill(victim)
        time.sleep(seconds)
        self.engine.start(victim)
        self.say(f"{service}: kill -9 when {at} people had arrived, back after {seconds:.0f} s")
        self.figures.setdefault("kills", []).append({"service": service, "arrived": at})

    def _busy(self, service: str) -> str:
        """Return the container to kill; of the workers one that sends."""
        found = self.engine.containers(service)
        if service != "airflow-worker":
            return found[0]
        hosts = {
            str(task["hostname"])
            for entity in ENTITIES
            for run in self.api.runs(live(entity))
            for task in self.api.tasks(live(entity), str(run["dag_run_id"]))
            if task["task_id"] == "load" and task["state"] == "running"
        }
        return next((each for each in found if any(host and each.startswith(host) for host in hosts)), found[0])

    def _runs(self) -> list[dict[str, Any]]:
        return [run for entity in ENTITIES for name in (live, history) for run in self.api.runs(name(entity))]

    def _ended(self) -> bool:
        runs = self._runs()
        return len(runs) >= len(ENTITIES) * (1 + MONTHS) and all(run["state"] in FINISHED for run in runs)

    def settle(self) -> None:
        """Let further live runs resolve what the kills left in doubt, as the schedule would."""
        for turn in range(4):
            if not self._open():
                return
            self.say(f"{self._open()} records wait for the next run")
            for entity in ENTITIES:
                self.api.trigger(live(entity), {"approve_above": 100_000})
            time.sleep(5)
            until(f"the runs of turn {turn} have ended", self._ended, seconds=900)

    def _open(self) -> int:
        return sum(row["state"] not in TERMINAL for row in self.deliveries())

    def deliveries(self) -> list[dict[str, str]]:
        """Return the ledger's deliveries, read inside the stack."""
        streams = [f"{entity}={name(entity)}" for entity in ENTITIES for name in (live, history)]
        script = (Path(__file__).parent / "inside.py").read_text(encoding="utf-8")
        said = self.engine.compose("exec", "-T", "airflow-scheduler", "python", "-", *streams, feed=script)
        rows: list[dict[str, str]] = json.loads(said.strip().splitlines()[-1])
        return rows

    def _contents(self) -> dict[str, Any]:
        held: dict[str, Any] = self.sandbox.get("/_sandbox/contents").json()
        return held

    def verdict(self) -> Verdict:
        """Compare the ledger with the true contents of both services; a run that failed counts as unexplained."""
        held, rows = self._contents(), self.deliveries()
        # A record that both lanes decided has two rows; the one that was sent counts.
        best = {row["source_id"]: row for row in sorted(rows, key=lambda row: row["state"] != "skipped_by_rule")}
        exact = held["exact"][str(DIVISION)]
        emails = {k: v for entity in ENTITIES for k, v in addresses(exact, entity).items()}
        owed = {record for entity in ENTITIES for record in sound(exact, entity)}
        found: list[Any] = [SimpleNamespace(**row) for row in best.values()]
        verdict = compare(emails, held["personio"]["applications"], found, owed=owed)
        failed = Counter(run["state"] for run in self._runs() if run["state"] != "success")
        verdict.unexplained += [f"{count} runs {state}" for state, count in failed.items()]
        self.figures |= {
            "records": len(emails),
            "owed": len(owed),
            "applications": len(held["personio"]["applications"]),
            "states": dict(Counter(row["state"] for row in best.values())),
            "runs": dict(Counter(f"{run['run_type']} {run['state']}" for run in self._runs())),
        }
        return verdict

    def unreadable_logs(self) -> list[str]:
        """Return the tasks whose log the UI cannot show: of every attempt, also of those that were killed."""
        bad, attempts = [], 0
        for dag in (name(entity) for entity in ENTITIES for name in (live, history)):
            for run_id in (str(run["dag_run_id"]) for run in self.api.runs(dag)):
                for task in (str(task["task_id"]) for task in self.api.tasks(dag, run_id)):
                    for attempt in self.api.attempts(dag, run_id, task):
                        attempts += 1
                        if FIRST_LINE not in self.api.log_text(dag, run_id, task, attempt):
                            bad.append(f"{dag} {run_id} {task} attempt {attempt}")
        self.figures["logs"] = {"attempts": attempts, "unreadable": len(bad)}
        return bad

    def console_problems(self) -> list[str]:
        """Return what is wrong with the console behind FAB's login."""
        held = self._contents()["personio"]["applications"]
        one = next(each for each in held if str(each["last_name"]).isascii() and len(each["last_name"]) > 5)
        return StackConsole(self.api, self.engine).problems(Person(one["email"], one["last_name"]))

    def pages(self) -> dict[str, tuple[str, str]]:
        """Return what is worth a picture: file name -> path in the UI, and a text that is there once loaded."""
        dag = live("Contacts")
        run = min(self.api.runs(dag), key=lambda each: str(each["run_after"]))["dag_run_id"]
        return {
            "compose-dags": ("/dags?limit=25", dag),
            "compose-run": (f"/dags/{dag}/runs/{quote(str(run))}", "commit"),
            "compose-log": (f"/dags/{dag}/runs/{quote(str(run))}/tasks/load?try_number=1", "INFO -"),
            "compose-console": ("/exact-console/", dag),
        }

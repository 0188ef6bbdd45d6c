"""A running Airflow of a company of ten years, as its scheduler, its API and its command line show it."""

from __future__ import annotations

import re
import subprocess
import time
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from include.demo.airflow_api import AirflowApi
from include.demo.stack import BIN, Stack
from include.errors import ServiceUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

DAG = "exact_contacts_history"


def within(seconds: float, ready: Callable[[], Any]) -> Any:
    """Ask again and again; return the first answer that is not empty, or the last one."""
    deadline = time.monotonic() + seconds
    while not (found := ready()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


class Site:
    """A running Airflow with a company of ten years behind it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.api = AirflowApi(stack.airflow)
        self.api.login()
        self.until(lambda: self.api.has_dag(DAG))

    def until(self, ready: Callable[[], Any], seconds: float = 180) -> Any:
        found = within(seconds, ready)
        assert found, "Airflow did not get there"
        return found

    def contents(self) -> dict[str, Any]:
        found: dict[str, Any] = self.stack.sandbox.get("/_sandbox/contents").json()
        return found

    def by_month(self) -> dict[str, set[str]]:
        """Return month -> addresses of the contacts created in it, by the site's own clock."""
        found: dict[str, set[str]] = defaultdict(set)
        for row in self.contents()["exact"]["124132"]["Contacts"]:
            # Exact's milliseconds are those of its local wall clock.
            created = datetime.fromtimestamp(int(re.sub(r"\D", "", row["Created"])) / 1000, UTC)
            found[created.strftime("%Y-%m")].add(str(row["Email"]))
        return found

    def applicants(self) -> list[str]:
        return [str(row["email"]) for row in self.contents()["personio"]["applications"]]

    def finished(self, run_id: str, dag_id: str = DAG) -> str:
        """Wait until a run has ended; return its state."""

        def state() -> str:
            found = str(self.api.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])
            return found if found in {"success", "failed"} else ""

        return str(self.until(state))

    def tasks(self, run_id: str, dag_id: str = DAG) -> dict[str, str]:
        found = self.api.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {task["task_id"]: task["state"] for task in found}

    def question(self, run_id: str, dag_id: str = DAG) -> dict[str, Any]:
        """Wait until the run asks a person; return what the person sees."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/approve"
        self.until(lambda: self.api.call("GET", path)["state"] == "awaiting_input")
        found: dict[str, Any] = self.api.call("GET", f"{path}/-1/hitlDetails")
        return found

    def answer(self, run_id: str, answer: str, dag_id: str = DAG) -> None:
        """Answer what the run asks, as a person who reads the question first."""
        time.sleep(10)  # https://github.com/apache/airflow/issues/72716: an answer may come too soon for Airflow
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"
        self.api.call("PATCH", path, json={"chosen_options": [answer], "params_input": {}})

    def backfill(self, *arguments: str) -> None:
        """Create a backfill by Airflow's own command line.

        Airflow's database is SQLite here, which refuses a transaction that began before another one's write; what
        is left of it is removed, and the command is given again.
        """
        command = [str(BIN / "airflow"), "backfill", "create", "--dag-id", DAG, *arguments]
        for _ in range(10):
            ran = subprocess.run(command, env=self.stack.env, capture_output=True, text=True, check=False)
            if ran.returncode == 0:
                return
            assert "database is locked" in ran.stderr, ran.stdout[-2000:] + ran.stderr[-2000:]
            self.cancel_what_is_left()
        raise AssertionError("The database was locked ten times")

    def cancel_what_is_left(self) -> None:
        """Cancel the backfill that a locked database has left without its runs."""
        for left in self.backfills():
            if not left["completed_at"]:
                self.api.call("PUT", f"/backfills/{left['id']}/cancel")

    def end_backfills(self) -> None:
        """Mark those whose runs are done as completed: Airflow looks every 30 s, and refuses a new one until then."""
        # Airflow refuses to cancel what it has marked as completed meanwhile.
        with suppress(ServiceUnavailableError):
            self.cancel_what_is_left()
        self.until(self.is_idle)

    def has_new_run(self, known: set[str], seconds: float = 15) -> bool:
        """Wait a while for a run that is not known; say whether there is one."""
        return bool(within(seconds, lambda: {run["dag_run_id"] for run in self.api.runs(DAG)} - known))

    def backfills(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api.call("GET", f"/backfills?dag_id={DAG}")["backfills"]
        return found

    def is_idle(self) -> bool:
        """Say whether Airflow has marked all backfills as completed; it looks only now and then."""
        return all(made["completed_at"] for made in self.backfills())

    def busy_months(self, years: tuple[int, int]) -> list[str]:
        """Return the months of these years in which somebody was created."""
        return sorted(month for month in self.by_month() if years[0] <= int(month[:4]) <= years[1])


def day_after(month: str) -> str:
    """Return the first day of the next month."""
    year, number = int(month[:4]), int(month[5:])
    return f"{year + number // 12:04}-{number % 12 + 1:02}-01"


def day_before(day: str) -> str:
    """Return the day before."""
    return datetime.fromordinal(datetime.fromisoformat(day).toordinal() - 1).date().isoformat()

"""Airflow's REST API behind a password, as the compose stack has it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx

from include.demo.airflow_api import AirflowApi
from include.errors import ServiceUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

REFUSED = {401, 403}


class ComposeAirflow(AirflowApi):
    """Logs in by name and password, and asks again while a part of the stack is away.

    :param http: client whose base URL is the API server.
    :param password: of the user admin.
    """

    def __init__(self, http: httpx.Client, password: str) -> None:
        super().__init__(http)
        self._password = password
        self.bearer = ""

    def login(self) -> None:
        """Fetch a token."""
        self.bearer = self.token("admin", self._password)
        self._headers = {"Authorization": f"Bearer {self.bearer}"}

    def token(self, user: str, password: str) -> str:
        """Return what the login gives a user; a browser has it as the cookie ``_token``."""
        answer = self.http.post("/auth/token", json={"username": user, "password": password})
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    def refuses_strangers(self) -> bool:
        """Say whether nobody gets in without a password, or with a wrong one."""
        wrong = self.http.post("/auth/token", json={"username": "admin", "password": "wrong"})
        return self.http.get("/api/v2/dags").status_code in REFUSED and wrong.status_code in REFUSED

    def healthy(self) -> bool:
        """Say whether the API server answers and calls all other parts healthy."""
        try:
            answer = self.http.get("/api/v2/monitor/health")
        except httpx.HTTPError:
            return False
        parts = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        return answer.is_success and all((answer.json().get(p) or {}).get("status") == "healthy" for p in parts)

    def backfill(self, dag_id: str, first: str, last: str) -> None:
        """Start a backfill as the form does."""
        body = {"dag_id": dag_id, "from_date": first, "to_date": last, "max_active_runs": 3, "dag_run_conf": {}}
        self.call("POST", "/backfills", json=body)

    def log_text(self, dag_id: str, run_id: str, task: str, attempt: int) -> str:
        """Return a task's log as the UI gets it."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task}/logs/{attempt}"
        return str(self.call("GET", path, params={"full_content": "true"})["content"])

    def attempts(self, dag_id: str, run_id: str, task: str) -> list[int]:
        """Return the attempts of a task that a worker began; one that only waited in the queue has no log."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task}/tries"
        tries = self.call("GET", path)["task_instances"]
        return [int(each["try_number"]) for each in tries if each["start_date"] and each["hostname"]]

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run."""
        found: list[dict[str, Any]] = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")[
            "task_instances"
        ]
        return found


def until(what: str, ready: Callable[[], Any], *, seconds: float) -> Any:
    """Ask every three seconds until the answer is true; an outage counts as no.

    :param what: what is waited for.
    :param seconds: after which it is given up.
    :raises TimeoutError: it never was.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = ready()
        except (httpx.HTTPError, ServiceUnavailableError):
            found = None
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} seconds: {what}")
        time.sleep(3)

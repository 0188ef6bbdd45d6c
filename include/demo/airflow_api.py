"""The few calls of Airflow's REST API that a person's clicks would make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.errors import ServiceUnavailableError

if TYPE_CHECKING:
    import httpx

TASKS = ("plan", "extract", "transform", "approve", "load", "commit")
FINISHED = ("success", "failed")


@dataclass(frozen=True, slots=True)
class RunResult:
    """What one DAG run pushed to XCom, task by task."""

    dag_id: str
    run_id: str
    state: str
    results: dict[str, Any]
    watermark: dict[str, Any]


class AirflowApi:
    """Speaks to the API server.

    :param http: client whose base URL is the server.
    """

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self._headers: dict[str, str] = {}

    def login(self) -> None:
        """Fetch a token; the demo's server asks for no password on 127.0.0.1."""
        answer = self.http.get("/auth/token")
        answer.raise_for_status()
        self._headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def call(self, method: str, path: str, **body: Any) -> Any:
        """Call the API and return the answer's JSON.

        :raises ServiceUnavailableError: Airflow refused.
        """
        answer = self.http.request(method, f"/api/v2{path}", headers=self._headers, **body)
        if answer.is_error:
            raise ServiceUnavailableError(
                f"Airflow answered {answer.status_code} to {method} {path}.",
                reason_code="airflow.api.refused",
                status=answer.status_code,
            )
        return answer.json()

    def has_dag(self, dag_id: str) -> bool:
        """Say whether the DAG has been parsed."""
        answer = self.http.get(f"/api/v2/dags/{dag_id}", headers=self._headers)
        return bool(answer.status_code == 200)  # noqa: PLR2004 - HTTP OK

    def unpause(self, dag_id: str) -> None:
        """Let the DAG run."""
        self.call("PATCH", f"/dags/{dag_id}", json={"is_paused": False})

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> str:
        """Start a run as the Trigger button does; return its id."""
        run = self.call("POST", f"/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": conf})
        return str(run["dag_run_id"])

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Return all runs, oldest first."""
        found = self.call("GET", f"/dags/{dag_id}/dagRuns", params={"limit": 100})["dag_runs"]
        return sorted(found, key=lambda run: run["run_after"])

    def result(self, dag_id: str, run_id: str, state: str) -> RunResult:
        """Return what the run's tasks pushed."""
        results = {task: self._xcom(dag_id, run_id, task, "return_value") for task in TASKS}
        watermark = self._xcom(dag_id, run_id, "commit", "watermark") or {}
        return RunResult(dag_id, run_id, state, results, watermark)

    def _xcom(self, dag_id: str, run_id: str, task: str, key: str) -> Any:
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task}/xcomEntries/{key}"
        answer = self.http.get(path, headers=self._headers)
        return answer.json()["value"] if answer.is_success else None

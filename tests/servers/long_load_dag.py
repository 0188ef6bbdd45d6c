"""A load on its own: its records are put into the ledger by the task before it, as plan to transform would."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, task

from exact_to_personio.loading import LoadOperator
from include.ledger import open_ledger
from include.records import Decision, SourceRow, StreamKey, Window
from include.sync.job import Job
from ledger_task.dag_defaults import default_args


def decided(number: int) -> Decision:
    """Return the decision to send one invented person."""
    email = f"s{number}@example.org"
    person = {"first_name": "Sanne", "last_name": f"Proef{number}", "email": email, "job_position_id": 1001}
    return Decision(f"id-{number}", number + 1, "ready", payload=person, email=email)


with DAG(
    "long_load",
    schedule=None,
    params={"created_from": "", "preview": False, "people": 5},
    default_args=default_args(),
) as dag:

    @task
    def fill(run_id: Any = None, params: Any = None) -> None:
        """Pin the run's window and make everybody ready, in the lane that the form asks for."""
        live = Job(StreamKey("long_load", 124132, "Contacts"), "application", 4242, 1001)
        windowed = bool(params["created_from"])
        job = live.history() if windowed or params["preview"] else live
        begin = datetime(2026, 1, 1, tzinfo=UTC)
        window = Window("window" if windowed else "live", 0, advances=not windowed, preview=params["preview"])
        rows = [SourceRow(f"id-{n}", n + 1, begin, {"ID": f"id-{n}"}) for n in range(params["people"])]
        ready = [decided(number) for number in range(params["people"])]
        selected_for = job.run_key(run_id) if job.stream.is_history else None
        with open_ledger() as ledger:
            ledger.windows.pin(job.stream, run_id, window)
            ledger.staging.stage(job.stream, run_id, rows, resume=None, page=1)
            if not params["preview"]:
                ledger.deliveries.decide(
                    *(job.stream, job.destination, job.position, job.company, ready, job.run_key(run_id)),
                    selected_for=selected_for,
                )

    fill() >> LoadOperator(task_id="load", entity="Contacts", destination="application", pause_after=1.0)

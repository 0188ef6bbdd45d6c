"""The DAG that moves one entity of Exact to one destination at Personio."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, Param, chain

from exact_to_personio.operators import (
    CommitOperator,
    ExtractOperator,
    LoadOperator,
    PlanOperator,
    TransformOperator,
)

if TYPE_CHECKING:
    from include.records import Destination, Entity

START = datetime(2026, 1, 1, tzinfo=UTC)


def optional(kind: str, title: str, text: str, **schema: Any) -> Param:
    """Return a param that may stay empty."""
    return Param(None, type=["null", kind], title=title, description=text, **schema)


def application_params() -> dict[str, Param]:
    """Return the manual form's fields; every default is valid, as a schedule demands."""
    more: dict[str, Any] = {"section": "Application fields"}
    return {
        "job_position_id": optional(
            "integer",
            "Job position",
            "Position to apply for; empty: the mapping's, then the connection's.",
            minimum=1,
        ),
        "division": optional("integer", "Division", "Company at Exact; empty: the connection's.", minimum=1),
        "start_from": Param(
            os.environ.get("EXACT_PERSONIO_START_FROM", "now"),
            type="string",
            title="Start from",
            description="For the very first run only: now, beginning, or a date like 2026-01-31.",
            pattern=r"^(now|beginning|\d{4}-\d{2}-\d{2})$",
            section="Where to start",
        ),
        "recruiting_channel_id": optional("integer", "Recruiting channel", "Id of a channel at Personio.", **more),
        "external_posting_id": optional("string", "External posting", "Must exist and match the channel.", **more),
        "message": optional("string", "Message", "Free text; for a template use the mapping file.", **more),
        "application_date": optional("string", "Application date", "Not in the future.", format="date", **more),
        "tags": optional("array", "Tags", "Unknown tags are created.", items={"type": "string"}, **more),
        "files": optional(
            "array", "Files", 'List of {"path", "category"} on the worker.', items={"type": "object"}, **more
        ),
        "attributes": optional("array", "Attributes", 'List of {"id", "value"}.', items={"type": "object"}, **more),
        "phase_type": optional("string", "Phase type", "system or custom.", enum=[None, "system", "custom"], **more),
        "phase_id": optional("string", "Phase", "Id of the phase.", **more),
    }


def build_dag(*, dag_id: str, entity: Entity, destination: Destination, doc: str | None, schedule: str) -> DAG:
    """Return the DAG plan → extract → transform → load → commit.

    :param dag_id: id of the DAG; part of the watermark's name, so never change it.
    :param entity: Exact's ``Accounts`` or ``Contacts``.
    :param destination: what a record becomes at Personio.
    :param doc: Markdown shown in the UI.
    :param schedule: cron expression in UTC; its data intervals are real, a bare cron's would be empty.
    """
    asset = Asset(name=dag_id, uri=f"x-exact-online://{dag_id}/{entity.lower()}")
    with DAG(
        dag_id,
        schedule=CronDataIntervalTimetable(schedule, timezone="UTC"),
        start_date=START,
        catchup=False,
        max_active_runs=1,
        default_args={
            "owner": "exact-to-personio",
            "retries": 3,
            "retry_delay": timedelta(seconds=float(os.environ.get("EXACT_PERSONIO_RETRY_SECONDS", "60"))),
            "retry_exponential_backoff": 2,
            "max_retry_delay": timedelta(minutes=15),
        },
        params=application_params(),
        tags=["exact-online", "personio", entity.lower()],
        doc_md=doc,
    ) as dag:
        line: dict[str, Any] = {"entity": entity, "destination": destination}
        chain(
            PlanOperator(task_id="plan", **line),
            ExtractOperator(task_id="extract", **line),
            TransformOperator(task_id="transform", **line),
            LoadOperator(task_id="load", **line),
            CommitOperator(task_id="commit", asset=asset, **line),
        )
    return dag

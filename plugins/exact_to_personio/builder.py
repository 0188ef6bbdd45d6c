"""The DAG that moves one entity of Exact to one destination at Personio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, TriggerRule, chain

from exact_to_personio.approval import ApproveOperator
from exact_to_personio.forms import form
from exact_to_personio.loading import LoadOperator
from exact_to_personio.operators import CommitOperator, ExtractOperator, PlanOperator, TransformOperator
from exact_to_personio.stream_alarms import stream_committed, stream_failed
from include.environment import deadline_minutes
from ledger_task.dag_defaults import FIRST_DAY, add_in_order, default_args

if TYPE_CHECKING:
    from airflow.sdk.definitions.deadline import DeadlineAlert

    from include.records import Destination, Entity

RUNS = 4
"""Runs of a DAG at once: one that waits for a person must not hold up the schedule."""


BETWEEN: Final = ("transform", "approve", "load")
"""What a run spares that finds nothing new where nothing waits."""


def build_dag(*, dag_id: str, entity: Entity, destination: Destination, doc: str | None, schedule: str) -> DAG:
    """Return the DAG plan → extract → transform → approve → load → commit.

    Where a run has nothing new and nothing waits, commit follows extract, and what is between them is skipped.

    :param dag_id: id of the DAG; part of the watermark's name, so never change it.
    :param entity: Exact's ``Accounts`` or ``Contacts``.
    :param destination: what a record becomes at Personio.
    :param doc: Markdown shown in the UI.
    :param schedule: cron expression in UTC; its data intervals are real, a bare cron's would be empty.
    """
    dag = DAG(
        dag_id,
        schedule=CronDataIntervalTimetable(schedule, timezone="UTC"),
        start_date=FIRST_DAY,
        catchup=False,
        max_active_runs=RUNS,
        # A list: of anything else Airflow asks all kinds of collections whether it is one, a millisecond long.
        default_args={**default_args(), "on_failure_callback": [stream_failed]},
        deadline=_deadline(dag_id),
        params=form(destination, entity),
        tags=["exact-online", "personio", entity.lower()],
        doc_md=doc,
    )
    add_line(dag, entity, destination)
    return dag


def _deadline(dag_id: str) -> DeadlineAlert | None:
    if not deadline_minutes():
        return None
    from exact_to_personio.deadlines import deadline_of  # noqa: PLC0415 - few have one

    return deadline_of(dag_id)


def add_line(dag: DAG, entity: Entity, destination: Destination, *, windows_only: bool = False) -> None:
    """Add the tasks of the line to a DAG, whose id also names the asset that tells other DAGs of a run.

    :param dag: outside of its block.
    :param windows_only: of a DAG for history: a run has to say which records it means. Only a live run may find that
        there is nothing to do.
    """
    line: dict[str, Any] = {
        "entity": entity,
        "destination": destination,
        "windows_only": windows_only,
        "default_args": dag.default_args,
    }
    add_in_order(
        dag,
        PlanOperator(task_id="plan", **line),
        ExtractOperator(task_id="extract", skip_when_idle=() if windows_only else BETWEEN, **line),
        TransformOperator(task_id="transform", **line),
        ApproveOperator(task_id="approve", **line),
        LoadOperator(task_id="load", **line),
        CommitOperator(
            task_id="commit",
            asset=Asset(name=dag.dag_id, uri=f"x-exact-online://{dag.dag_id}/{entity.lower()}"),
            on_success_callback=[] if windows_only else [stream_committed],
            trigger_rule=TriggerRule.ALL_SUCCESS if windows_only else TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
            **line,
        ),
    )
    if not windows_only:
        # Of a task that is cleared Airflow asks only those right before it whether they skip it: after a no, approve.
        chain([dag.get_task("extract"), dag.get_task("approve")], dag.get_task("commit"))

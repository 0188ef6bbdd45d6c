"""The DAG for history: months to backfill, and windows by hand, beside the live one."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from airflow.sdk import DAG

from exact_to_personio.builder import RUNS, add_line
from exact_to_personio.forms import form
from exact_to_personio.history_timetable import HistoryTimetable
from include.environment import setting
from ledger_task.dag_defaults import default_args

if TYPE_CHECKING:
    from include.records import Destination, Entity

MONTHLY: Final = "0 0 1 * *"
FIRST_YEAR: Final = 2010
RUN_TYPES: Final = ("backfill", "manual", "operator_triggered")
"""No schedule and no event starts a run; the last one is a replay's."""


def build_history_dag(
    *, dag_id: str, entity: Entity, destination: Destination, doc: str | None, schedule: str = MONTHLY
) -> DAG:
    """Return a DAG whose intervals are made for backfills; unpausing it starts nothing.

    A backfill has one run per interval. A run by hand names its days in the form. None of them moves a watermark,
    and none sends what the live DAG of the same destination has sent.

    The zone of the intervals is ``EXACT_PERSONIO_HISTORY_TIMEZONE``, Europe/Amsterdam by default: the one in which
    Exact's site tells its days.

    :param dag_id: id of the DAG; part of its lane's name, so never change it.
    :param entity: Exact's ``Accounts`` or ``Contacts``.
    :param destination: what a record becomes at Personio.
    :param doc: Markdown shown in the UI.
    :param schedule: cron expression of the intervals' borders, in that zone.
    """
    zone = setting("EXACT_PERSONIO_HISTORY_TIMEZONE", "Europe/Amsterdam")
    dag = DAG(
        dag_id,
        schedule=HistoryTimetable(schedule, timezone=zone),
        start_date=datetime(FIRST_YEAR, 1, 1, tzinfo=ZoneInfo(zone)),
        catchup=False,
        is_paused_upon_creation=True,
        allowed_run_types=RUN_TYPES,  # type: ignore[arg-type] # Airflow converts text
        max_active_runs=RUNS,
        default_args=default_args(),
        params=form(destination, entity, history=True),
        tags=["exact-online", "personio", entity.lower(), "history"],
        doc_md=doc,
    )
    add_line(dag, entity, destination, windows_only=True)
    return dag

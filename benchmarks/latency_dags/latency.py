"""Three ways to hear of a new contact, each with the whole line behind it: schedule, sensor, watcher."""

from __future__ import annotations

import os
from typing import Any

from airflow.sdk import DAG, CronDataIntervalTimetable

from exact_online.sensors import ExactOnlineNewContactSensor
from exact_to_personio.assets import watched_new_contacts
from exact_to_personio.builder import add_line
from exact_to_personio.forms import form
from ledger_task.dag_defaults import FIRST_DAY, default_args

SECONDS = float(os.environ.get("BENCH_POLL_SECONDS", "5"))


def line_dag(way: str, schedule: Any) -> DAG:
    """Return a DAG that moves contacts, one run at a time."""
    dag_id = f"bench_latency_{way}"
    dag = DAG(
        dag_id,
        schedule=schedule,
        start_date=FIRST_DAY,
        catchup=False,
        max_active_runs=1,
        default_args=default_args(),
        params=form("application", "Contacts"),
    )
    add_line(dag, "Contacts", "application")
    return dag


by_schedule = line_dag("schedule", CronDataIntervalTimetable("* * * * *", timezone="UTC"))
by_watcher = line_dag("watcher", [watched_new_contacts(interval=SECONDS)])
by_sensor = line_dag("sensor", "@continuous")
with by_sensor:
    waiting = ExactOnlineNewContactSensor(task_id="wait", poke_interval=SECONDS, deferrable=True)
    waiting >> by_sensor.get_task("plan")

"""The plugin through which Airflow's scheduler knows the calendar of the history DAGs."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from exact_to_personio.history_timetable import HistoryTimetable


class ExactToPersonioPlugin(AirflowPlugin):
    """Registers the timetable: Airflow reads no other out of a stored DAG."""

    name = "exact_to_personio"
    timetables: list[Any] = [HistoryTimetable]  # noqa: RUF012 - Airflow's own shape

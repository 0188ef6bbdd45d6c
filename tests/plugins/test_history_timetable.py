"""The calendar of the history DAGs: months of the site's zone for backfills, and nothing for the scheduler."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from airflow.plugins_manager import get_timetables_plugins
from airflow.serialization.serialized_objects import DagSerialization
from pendulum import instance

from exact_to_personio.history import build_history_dag

if TYPE_CHECKING:
    from airflow.serialization.definitions.dag import SerializedDAG

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


@pytest.fixture(scope="module", autouse=True)
def plugins() -> None:
    """Load the plugins once; Airflow's look into the folder warns of a library of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert any(name.endswith(".HistoryTimetable") for name in get_timetables_plugins())


def stored(**changes: str) -> SerializedDAG:
    """Return the DAG as the scheduler reads it out of the database."""
    dag = build_history_dag(dag_id="history", entity="Contacts", destination="application", doc="x", **changes)
    return DagSerialization.from_dict(DagSerialization.to_dict(dag))


def intervals(dag: SerializedDAG, first: str, last: str) -> list[tuple[datetime, datetime]]:
    """Return the intervals of a backfill; a day without a time is midnight in UTC, as Airflow has it."""
    days = (instance(datetime.fromisoformat(day).replace(tzinfo=UTC)) for day in (first, last))
    found = [info.data_interval for info in dag.iter_dagrun_infos_between(*days)]
    return [(span.start, span.end) for span in found if span is not None]


def test_days_of_a_backfill_are_days_of_the_site() -> None:
    """January of Amsterdam begins in December of UTC, and who chooses 1 January means January."""
    found = intervals(stored(), "2026-01-01", "2026-03-31")
    borders = [datetime(2026, month, 1, tzinfo=AMSTERDAM) for month in (1, 2, 3, 4)]
    assert found == list(pairwise(borders))


def test_day_of_the_next_month_is_part_of_it() -> None:
    """Both days of a backfill are included, as Airflow says."""
    assert len(intervals(stored(), "2026-01-01", "2026-02-01")) == 2
    assert len(intervals(stored(), "2026-01-02", "2026-02-28")) == 1


def test_dialog_of_the_ui_sends_the_end_of_the_last_day() -> None:
    """28 February 23:59:59.999 in UTC is after the beginning of March in Amsterdam."""
    start, end = datetime(2023, 1, 1, tzinfo=UTC), datetime(2023, 2, 28, 23, 59, 59, 999000, tzinfo=UTC)
    found = list(stored().iter_dagrun_infos_between(instance(start), instance(end)))
    assert len(found) == 2


def test_time_of_day_is_taken_as_it_is() -> None:
    dag = stored()
    start, end = (instance(datetime(2026, 1, 1, tzinfo=AMSTERDAM)), instance(datetime(2026, 1, 31, tzinfo=AMSTERDAM)))
    assert len(list(dag.iter_dagrun_infos_between(start, end))) == 1


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo", "UTC"])
def test_zone_is_a_setting(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXACT_PERSONIO_HISTORY_TIMEZONE", zone)
    [(start, end)] = intervals(stored(), "2026-05-01", "2026-05-31")
    assert start == datetime(2026, 5, 1, tzinfo=ZoneInfo(zone))
    assert end == datetime(2026, 6, 1, tzinfo=ZoneInfo(zone))


def test_days_at_the_change_of_the_clocks_have_23_and_25_hours() -> None:
    dag = stored(schedule="0 0 * * *")
    hours = {
        day: (end - start).total_seconds() / 3600
        for day in ("2026-03-29", "2026-10-25")
        for start, end in intervals(dag, day, day)
    }
    assert hours == {"2026-03-29": 23, "2026-10-25": 25}


def test_all_of_history_is_one_backfill_without_gaps() -> None:
    found = intervals(stored(), "2010-01-01", "2025-12-31")
    assert len(found) == 16 * 12
    assert all(before[1] == after[0] for before, after in pairwise(found))


def test_scheduler_starts_nothing_by_itself() -> None:
    """Neither the first run after unpausing nor the one after a backfill."""
    dag = stored()
    assert dag.next_dagrun_info(last_automated_run_info=None) is None
    [last] = list(dag.iter_dagrun_infos_between(*(instance(datetime(2026, 1, day, tzinfo=UTC)) for day in (1, 31))))
    assert dag.next_dagrun_info(last_automated_run_info=last) is None
    assert set(dag.allowed_run_types or ()) == {"backfill", "manual", "operator_triggered"}
    assert dag.timetable.periodic
    assert dag.timetable.summary == "backfill only"

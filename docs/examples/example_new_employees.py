"""Example: runs whenever Personio has new employees.

Copy this file into your DAGs folder and unpause it together with `personio_new_employees`, which looks every
15 minutes. One run may stand for several events, and an event may be repeated: go by the ids.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import dag, task

from exact_to_personio.assets import ids_of, new_employees

log = logging.getLogger(__name__)


@dag(schedule=[new_employees()], start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False, tags=["example"])
def example_new_employees() -> None:
    """Prepare what a new colleague needs."""

    @task(retries=2)
    def prepare_first_day(triggering_asset_events: Any = None) -> int:
        ids = ids_of(triggering_asset_events)
        for employee_id in ids:
            # Order a laptop, create an account … under the employee's id, so that a repetition does nothing.
            log.info("Preparing the first day of employee %s.", employee_id)
        return len(ids)

    prepare_first_day()


example_new_employees()

"""Example: runs as soon as Exact Online has new contacts, and reads what it needs of them.

Copy this file into your DAGs folder and unpause it. It needs no other DAG: while it is unpaused, Airflow's
triggerer looks once a minute, which is 1,440 of the 5,000 calls that Exact allows a day.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import dag, task

from exact_online.hooks import ExactOnlineHook
from exact_to_personio.assets import ids_of, watched_new_contacts

log = logging.getLogger(__name__)


@dag(schedule=[watched_new_contacts()], start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False, tags=["example"])
def example_new_contacts() -> None:
    """Look at new contacts."""

    @task(retries=2)
    def without_an_address(triggering_asset_events: Any = None) -> list[str]:
        ids = ids_of(triggering_asset_events)
        with ExactOnlineHook().session("example_new_contacts") as exact:
            rows = list(exact.by_ids("crm/Contacts", ids, ["Email"]))
        # XCom and logs are no place for names and addresses: ids are enough.
        return [str(row["ID"]) for row in rows if not row.get("Email")]

    without_an_address()


example_new_contacts()

"""Plan: decide once what a run reads, and pin it under the run's id."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from include.ledger.window_terms import read_terms, terms_of
from include.sync.planning_live import plan_live, start_of
from include.sync.planning_starts import (
    FEED_START,
    Newest,
    Start,
    first_start,
    fixed_start,
    newest_of,
    reach_back,
)
from include.sync.planning_window import WindowPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from zoneinfo import ZoneInfo

    from include.clients.exact import ExactClient
    from include.ledger import Ledger
    from include.records import Window
    from include.sync.asked import Asked
    from include.sync.job import Job
    from include.transform import Mapping as FieldMapping

__all__ = [
    "FEED_START",
    "Newest",
    "Start",
    "first_start",
    "fixed_start",
    "newest_of",
    "plan_live",
    "plan_run",
    "reach_back",
    "start_of",
]


def plan_run(
    ledger: Ledger,
    job: Job,
    run_id: str,
    asked: Asked,
    *,
    mapping: FieldMapping,
    zone: ZoneInfo,
    client: Callable[[], AbstractContextManager[ExactClient]],
    pushed: Callable[[str], Mapping[str, Any] | None],
    now: datetime | None = None,
) -> tuple[Window, dict[str, Any]]:
    """Return the window of a run, and what goes to XCom; the first call decides it, later ones get the same.

    Only a plain live run is pinned in the live lane; every other one in the history lane, whatever lane the job
    names.

    :param ledger: the open ledger.
    :param job: what is moved where, in either lane.
    :param run_id: Airflow's id of the run.
    :param asked: what the run is to do.
    :param mapping: the one in force; says which columns are needed.
    :param zone: the site's time zone.
    :param client: opens a client of Exact; called only if Exact has to be asked.
    :param pushed: run id -> the ``watermark`` XCom of that run's commit, or None.
    :param now: aware; None: the clock's.
    :raises ConfigurationError: the start, the reset or the watermark's XCom is wrong.
    """
    if asked.history:
        planned = WindowPlan(ledger, job, run_id, asked, mapping, zone, client, pushed, now=now or datetime.now(UTC))
        window, stream = planned.pin(), planned.stream
        return window, told(window, ledger.windows.counted(stream, run_id))
    stream = dataclasses.replace(job.stream, dag_id=job.stream.dag)

    def newest() -> Newest:
        with client() as exact:
            return newest_of(exact, stream.entity)

    window = plan_live(
        ledger,
        stream,
        run_id,
        start_from=asked.start_from,
        zone=zone,
        newest=newest,
        pushed=pushed,
        reset_to=asked.reset_watermark_to,
    )
    return window, told(window, {"why": "It reads what changed since the watermark."})


def told(window: Window, counted: Mapping[str, Any]) -> dict[str, Any]:
    """Return a window as it goes to XCom; row versions are text, because they have 64 bits.

    :param counted: what the planner noted of it.
    """
    return {
        "mode": window.mode,
        "name": window.name,
        "after": str(window.after),
        "created_from": window.created_from.isoformat() if window.created_from else None,
        "created_to": window.created_to.isoformat() if window.created_to else None,
        "advances": window.advances,
        "preview": window.preview,
        "max_records": window.max_records,
        "where": read_terms(terms_of(window))["where"],
        "reading": {
            "method": window.reading,
            "records": counted.get("records"),
            "calls": counted.get("calls"),
            "instead_of": counted.get("instead_of"),
            "why": counted.get("why", ""),
        },
    }

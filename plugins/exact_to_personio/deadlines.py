"""Airflow's own deadline for a live run, for installations that want one: who is late is told of, once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

# The same classes as in `airflow.sdk`, whose types do not name them.
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from include.environment import deadline_minutes

if TYPE_CHECKING:
    from include.ledger import Ledger

_OWN_AFFAIR = (
    *("created_from", "created_to", "preview", "forecast", "replay_only", "max_records", "require_approval"),
)
"""Who fills in one of these fields waits for the run, and knows how long it may take."""


def deadline_of(dag_id: str) -> DeadlineAlert | None:
    """Return the deadline of a live DAG's runs, None if ``EXACT_PERSONIO_DEADLINE_MINUTES`` asks for none.

    It runs from when a run is queued, for a manual run has no logical date. A run that is never made misses none:
    that is what ``EXACT_PERSONIO_STALE_HOURS`` is for.

    .. seealso:: https://airflow.apache.org/docs/apache-airflow/stable/howto/deadline-alerts.html

    :param dag_id: the DAG.
    :raises ConfigurationError: the setting is no whole number.
    """
    minutes = deadline_minutes()
    if not minutes:
        return None
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(minutes=minutes),
        callback=AsyncCallback(run_is_late, kwargs={"dag_id": dag_id, "minutes": minutes}),
        name="through in time",
    )


async def run_is_late(dag_id: str, minutes: int, context: Any = None) -> None:
    """Tell that a run was not through in time; called in the triggerer.

    :param dag_id: the DAG.
    :param minutes: within which it should have been through.
    :param context: Airflow's context of the deadline.
    """
    # The ledger and the notifiers wait for others: in a thread, or every trigger of this process would wait too.
    await asyncio.to_thread(_tell, dag_id, minutes, dict(context or {}))


def _tell(dag_id: str, minutes: int, context: dict[str, Any]) -> None:
    from exact_to_personio.stream_alarms import tell_quietly  # noqa: PLC0415 - lazily, for the Dag parse

    if _is_late(context.get("dag_run") or {}):
        tell_quietly(lambda ledger: _note(ledger, dag_id, minutes), context, f"that {dag_id} is late")


def _is_late(run: dict[str, Any]) -> bool:
    """Say whether a run that moves the watermark still goes on, and not because a person has to say yes.

    :param run: as Airflow's API shows it; Airflow sets a deadline for every run of the DAG, whoever wanted it.
    """
    conf = run.get("conf") or {}
    asked = any(conf.get(name) not in (None, False, "") for name in _OWN_AFFAIR)
    return run.get("state") in (None, "queued", "running") and run.get("run_type") != "backfill" and not asked


def _note(ledger: Ledger, dag_id: str, minutes: int) -> None:
    from include.ledger.alarms import Trouble  # noqa: PLC0415
    from include.metrics.streams import is_failing  # noqa: PLC0415

    if any(one.dag_id == dag_id and is_failing(ledger, one) for one in ledger.alarms.standing()):
        # Why it failed says more than that the next run is late.
        return
    way_out = "See what it waits for: exact-personio status, and its log in Airflow's UI."
    ledger.alarms.note(dag_id, Trouble("stream.run.late", f"A run is not through after {minutes} minutes.", way_out))

"""When a stream does not go on: what the ledger shows of it, without asking Airflow or a service."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from include.ledger.alarms import WAITING, Trouble
from include.records import HISTORY

if TYPE_CHECKING:
    from datetime import datetime

    from include.ledger import Ledger
    from include.ledger.alarms import Alarm

STALE: Final = "stream.watermark.stale"
_SEEN_HERE: Final = (STALE, WAITING)


def look_at_all(ledger: Ledger, stale_hours: int) -> None:
    """Note of each live stream whether it goes on.

    :param ledger: the open ledger.
    :param stale_hours: hours without a commit, or of a record's waiting, that are too many; 0: none are.
    """
    live = {one.dag_id for one in ledger.vitals.committed() if not one.dag_id.endswith(HISTORY)}
    for dag_id in sorted(live | {alarm.dag_id for alarm in ledger.alarms.standing()}):
        look_at(ledger, dag_id, stale_hours)


def look_at(ledger: Ledger, dag_id: str, stale_hours: int) -> None:
    """Note whether one live stream goes on.

    :param ledger: the open ledger.
    :param dag_id: its DAG.
    :param stale_hours: as for `look_at_all`.
    """
    trouble = _trouble(ledger, dag_id, stale_hours)
    alarm = next((one for one in ledger.alarms.standing() if one.dag_id == dag_id), None)
    if alarm is None:
        if trouble is not None:
            ledger.alarms.note(dag_id, trouble)
    elif is_failing(ledger, alarm):
        return
    elif trouble is not None:
        ledger.alarms.note(dag_id, trouble)
    elif stale_hours or _is_failure(alarm):
        ledger.alarms.end(dag_id)
    else:
        # Nobody wants to hear of age any more: whether it goes on was not looked at.
        ledger.alarms.forget(dag_id)


def is_failing(ledger: Ledger, alarm: Alarm) -> bool:
    """Say whether a run failed, or is late, and none has come through since.

    :param ledger: the open ledger.
    :param alarm: one that stands.
    """
    return _is_failure(alarm) and not _is_over(ledger, alarm)


def _trouble(ledger: Ledger, dag_id: str, stale_hours: int) -> Trouble | None:
    if not stale_hours:
        return None
    before = ledger.vitals.now() - timedelta(hours=stale_hours)
    committed = _last_commit(ledger, dag_id)
    if committed is not None and committed < before:
        return Trouble(
            STALE,
            f"No run has committed since {committed:%Y-%m-%d %H:%M} UTC.",
            f"See its runs in Airflow's UI, whether it is paused, and what stopped the last one: "
            f"exact-personio status. A pause that is meant: airflow dags pause {dag_id}, and "
            "EXACT_PERSONIO_STALE_HOURS=0.",
        )
    waiting = [one for one in ledger.vitals.pending() if one.dag_id == dag_id and one.oldest < before]
    if not waiting:
        return None
    oldest = min(one.oldest for one in waiting)
    return Trouble(
        WAITING,
        f"{sum(one.count for one in waiting)} records wait to be sent, the oldest since {oldest:%Y-%m-%d %H:%M} UTC.",
        "What holds them up: exact-personio status.",
    )


def _is_failure(alarm: Alarm) -> bool:
    """Say whether it came from a run that failed: its cause says more than what is seen here of its effect."""
    return alarm.trouble.reason_code not in _SEEN_HERE


def _is_over(ledger: Ledger, alarm: Alarm) -> bool:
    """Say whether the stream goes on: after a run that failed, another one has to have come through."""
    committed = _last_commit(ledger, alarm.dag_id)
    return committed is not None and committed > alarm.noted_at


def _last_commit(ledger: Ledger, dag_id: str) -> datetime | None:
    # Of all divisions: one that somebody read once by hand does not make the stream stale.
    return max((one.at for one in ledger.vitals.committed() if one.dag_id == dag_id), default=None)

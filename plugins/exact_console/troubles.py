"""What somebody should look at now, the worst first; the template has the words and the buttons that mend."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from exact_console.guard import may_read_dag
from exact_console.reconciled import DAG as RECONCILIATION
from exact_console.reconciled import may_read_part
from include.ledger.budget import ERRORS_PER_HOUR
from include.ledger.failures import Failure  # noqa: TC001 - of a dataclass
from include.records import HISTORY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from exact_console.connections import LoginState
    from exact_console.dag_runs import SeenDag
    from exact_console.limits import ErrorCount, Quota
    from exact_console.streams import Standing, StreamRow
    from include.ledger import Ledger

Kind = Literal[
    "alarm", "failed", "login_dead", "login_dying", "no_commit", "quota", "errors", "paused", "in_doubt", "difference"
]

SOON: Final = timedelta(days=7)
"""So long before a login ends, somebody is told; housekeeping renews one that is idle, so that it should not come."""

_SLACK: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Trouble:
    """One of them.

    :param bad: whether something stands still or is wrong; else it may become so.
    :param dag_id: what mends it, or where; empty: no DAG does.
    :param about: what the words need.
    """

    kind: Kind
    bad: bool
    dag_id: str = ""
    about: Any = None
    count: int = 0
    since: datetime | None = None


def troubles_of(
    ledger: Ledger,
    user: BaseUser,
    standing: Standing,
    logins: Sequence[LoginState],
    limits: tuple[Sequence[Quota], Sequence[ErrorCount]],
) -> list[Trouble]:
    """Return what there is to look at of what the user may know of.

    :param standing: of the streams.
    :param logins: of the connections that the user may edit.
    :param limits: quotas and errors.
    """
    found = [
        *_of_streams(ledger, standing),
        *_of_logins(logins, standing.now),
        *_of_limits(*limits),
        *_of_records(standing),
        *_differences(ledger, user),
    ]
    return sorted(found, key=lambda one: not one.bad)


def _of_streams(ledger: Ledger, standing: Standing) -> Iterator[Trouble]:
    for alarm in standing.alarms:
        yield Trouble("alarm", bad=True, dag_id=alarm.dag_id, about=alarm.trouble, since=alarm.since)
    told = {alarm.dag_id for alarm in standing.alarms}
    by_dag: dict[str, list[StreamRow]] = {}
    for row in standing.rows:
        by_dag.setdefault(row.dag.dag_id, []).append(row)
    for dag_id, rows in by_dag.items():
        dag = rows[0].dag
        if dag_id not in told and any(row.state == "trouble" for row in rows) and dag.last_scheduled:
            run = dag.last_scheduled
            failure = _failure(ledger, f"{dag_id}/{run.run_id}")
            yield Trouble("failed", bad=True, dag_id=dag_id, about=failure, since=run.ended)
        yield from _unkept(dag, rows)
        waiting = sum(row.backlog.count for row in rows)
        if dag.known and dag.paused and waiting:
            yield Trouble("paused", bad=False, dag_id=dag_id, count=waiting)


def _unkept(dag: SeenDag, rows: Sequence[StreamRow]) -> Iterator[Trouble]:
    """Yield a stream of which Airflow says that a run came through, and the ledger knows nothing of it."""
    run = dag.last_scheduled
    if run is None or run.state != "success" or run.started is None:
        return
    committed = max((row.watermark.committed_at for row in rows if row.watermark), default=None)
    if committed is None or committed < run.started - _SLACK:
        yield Trouble("no_commit", bad=True, dag_id=dag.dag_id, about=run, since=committed)


def _failure(ledger: Ledger, run: str) -> Failure | None:
    return next(reversed(ledger.failures.of_run(run)), None)


def _of_logins(logins: Sequence[LoginState], now: datetime) -> Iterator[Trouble]:
    for login in logins:
        if login.state == "dead":
            yield Trouble("login_dead", bad=True, about=login)
        elif login.dies_at is not None and login.dies_at - now < SOON:
            yield Trouble("login_dying", bad=False, about=login, since=login.dies_at)


def _of_limits(quotas: Sequence[Quota], errors: Sequence[ErrorCount]) -> Iterator[Trouble]:
    for quota in quotas:
        # A minute's limit is used up again and again, and free again before anybody has read this.
        if quota.is_spent and quota.window == "day":
            yield Trouble("quota", bad=True, about=quota)
    for error in errors:
        if error.count >= ERRORS_PER_HOUR:
            yield Trouble("errors", bad=True, about=error, count=error.count)


def _of_records(standing: Standing) -> Iterator[Trouble]:
    in_doubt: Counter[str] = Counter()
    for one in standing.pending:
        if one.state == "in_doubt":
            in_doubt[one.dag_id.removesuffix(HISTORY)] += one.count
    for dag_id, count in sorted(in_doubt.items()):
        yield Trouble("in_doubt", bad=False, dag_id=dag_id, count=count)


def _differences(ledger: Ledger, user: BaseUser) -> Iterator[Trouble]:
    standing = ledger.reconciliations.standing()
    if not standing or not may_read_dag(user, RECONCILIATION):
        return
    kept = ledger.reconciliations.latest()
    readable: dict[str, bool] = {}
    for part in kept.report["parts"] if kept else ():
        readable[part["name"]] = may_read_part(user, part)
    for check, since in standing:
        # A part that the last report does not name is of nobody knows which DAG.
        if readable.get(check.part, False):
            yield Trouble("difference", bad=True, about=check, count=check.count, since=since)

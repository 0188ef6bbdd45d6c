"""Keeps logins alive and forgets what need not be kept, once a day.

**Run**: unpause it; it needs no form. `keep_logins_alive` renews the login of each connection in
`EXACT_PERSONIO_CONNECTIONS` (comma separated, default `exact_online_default`), and of every other connection that
has logged in, if it was not used for a day: a login at Exact dies after 30 days without use. It warns in its log,
and through the notifiers in `EXACT_PERSONIO_NOTIFIERS`, when a login is dead or has less than 7 days left and could
not be renewed.
`forget` removes personal data of records finished longer ago than `EXACT_PERSONIO_RETENTION_DAYS` (180).
`follow_deletions` erases whom Exact deleted or anonymised, if `EXACT_PERSONIO_FOLLOW_DELETIONS` is `erase`, and names
in its log what Personio has of them; see docs/privacy.md.
`watch_streams` looks whether each stream goes on, and tells once when one does not, and once when it does again.
`report_metrics` hands the gauges of `exact-personio metrics` to Airflow's own metrics; see docs/monitoring.md.
**After a failure**: the last line of the task's log names the connection and the command that logs in again.
**Who**: the owner of the connection `exact_online_default`.
"""

from __future__ import annotations

from airflow.sdk import DAG, CronDataIntervalTimetable, Param

from exact_to_personio.airflow_metrics import ReportMetricsOperator
from exact_to_personio.following import FollowDeletionsOperator
from exact_to_personio.housekeeping import ForgetOperator, KeepLoginsAliveOperator
from exact_to_personio.stream_alarms import WatchStreamsOperator
from include.environment import setting
from ledger_task.dag_defaults import FIRST_DAY, default_args

with DAG(
    "sync_housekeeping",
    schedule=CronDataIntervalTimetable("17 3 * * *", timezone="UTC"),
    start_date=FIRST_DAY,
    catchup=False,
    max_active_runs=1,
    default_args=default_args(),
    params={
        "connections": Param(
            setting("EXACT_PERSONIO_CONNECTIONS", "exact_online_default"),
            type="string",
            title="Connections",
            description="Connections of the type Exact Online whose logins must be kept alive, comma separated. "
            "Others that have logged in are kept alive too, as long as they exist.",
            pattern=r"^\s*[\w.-]+(\s*,\s*[\w.-]+)*\s*$",
        )
    },
    tags=["exact-online", "housekeeping"],
    doc_md=__doc__,
) as dag:
    KeepLoginsAliveOperator(task_id="keep_logins_alive", exact_conn_ids="{{ params.connections }}")
    ForgetOperator(task_id="forget")
    FollowDeletionsOperator(task_id="follow_deletions", exact_conn_ids="{{ params.connections }}")
    watched = WatchStreamsOperator(task_id="watch_streams")
    # Also when nobody could be told: figures are missed the most on such a day.
    watched >> ReportMetricsOperator(task_id="report_metrics", trigger_rule="all_done")

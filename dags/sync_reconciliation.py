"""Proves daily that Exact, the ledger and Personio agree, and lists what does not.

**Run**: unpause it; or trigger it with another `depth`. `ledger` makes no call: read = created + already there +
rejected + pending + skipped. `personio` reads the list of applications and of employees once: everything that was
created is there, once. `exact` counts what Exact has: everything was read. What it will cost is in the task's log
before the first call. The report: *Exact → Personio > Reconciliation*, or `exact-personio reconcile --last`.
**A difference** is told once through the notifiers in `EXACT_PERSONIO_NOTIFIERS`, and once more when it is gone; the
run stays green. Each is named with the command that comes next; docs/reconciliation.md has all of them.
**After a failure**: nothing was concluded; clear the task.
**Who**: the owner of the connection `personio_default`.
"""

from __future__ import annotations

from airflow.sdk import DAG, CronDataIntervalTimetable, Param

from exact_to_personio.reconciliation import ReconcileOperator, TellDifferencesOperator
from include.environment import setting
from ledger_task.dag_defaults import FIRST_DAY, add_in_order, default_args

NAMES = r"^\s*[\w.-]+(\s*,\s*[\w.-]+)*\s*$"

dag = DAG(
    "sync_reconciliation",
    schedule=CronDataIntervalTimetable("37 4 * * *", timezone="UTC"),
    start_date=FIRST_DAY,
    catchup=False,
    max_active_runs=1,
    default_args=default_args(),
    params={
        "depth": Param(
            setting("EXACT_PERSONIO_RECONCILE_DEPTH", "personio"),
            type="string",
            enum=["ledger", "personio", "exact"],
            title="Depth",
            description="The ledger by itself (no calls), with Personio's lists, or with Exact's counts as well.",
        ),
        "channel": Param(
            setting("EXACT_PERSONIO_CHANNEL_ID"),
            type="string",
            title="Our recruiting channel",
            description="Id of the channel that only this project applies through, if the mapping sends one: then "
            "what is at Personio by us must be in the ledger. Empty: strangers are only counted.",
            pattern=r"^\s*\d*\s*$",
        ),
        "exact_connections": Param(
            setting("EXACT_PERSONIO_CONNECTIONS", "exact_online_default"),
            type="string",
            title="Connections of Exact Online",
            description="Comma separated; several are told apart by the divisions that they name.",
            pattern=NAMES,
        ),
        "personio_connections": Param(
            "personio_default",
            type="string",
            title="Connections of Personio",
            description="Comma separated, one per company.",
            pattern=NAMES,
        ),
    },
    tags=["exact-online", "personio", "reconciliation"],
    doc_md=__doc__,
)
add_in_order(
    dag,
    ReconcileOperator(
        task_id="reconcile",
        depth="{{ params.depth }}",
        channel="{{ params.channel }}",
        exact_conn_ids="{{ params.exact_connections }}",
        personio_conn_ids="{{ params.personio_connections }}",
        default_args=dag.default_args,
    ),
    # A task of its own: whoever was not told is told by its retry, without a second comparison.
    TellDifferencesOperator(task_id="tell", default_args=dag.default_args),
)

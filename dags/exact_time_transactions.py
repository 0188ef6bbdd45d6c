"""Create, update or delete hours at Exact Online, by a form.

- **Book hours**: action *create*, an item (hour type), a quantity, and one of project, account and subscription.
- **Correct hours**: action *update*, the key of the hours, and only the fields that change. Final hours are refused.
- **Delete hours**: action *delete*, the key, and the key once more as confirmation.

**After a failure**: read the last line of the task's log; it names the field and the way out. Clearing a task is
always safe: hours whose booking got no answer are looked up before anything is sent again. To send other values,
trigger a new run. **Who**: the owner of the connection `exact_online_default`.
"""

from __future__ import annotations

from airflow.sdk import DAG

from exact_online.time_form import TimeTransactionFormOperator, time_transaction_params
from ledger_task.dag_defaults import add_in_order, default_args

dag = DAG(
    "exact_time_transactions",
    schedule=None,
    catchup=False,
    default_args=default_args(),
    params=time_transaction_params(),
    tags=["exact-online", "manual"],
    doc_md=__doc__,
)
add_in_order(
    dag,
    TimeTransactionFormOperator(task_id="check", check_only=True, default_args=dag.default_args),
    TimeTransactionFormOperator(task_id="write", default_args=dag.default_args),
)

"""List, get, count, create, update or delete at any endpoint of Exact Online, by a form.

- **Export**: action *list*, an endpoint such as `crm/Accounts`, columns such as `ID,Name`, perhaps a filter such as
  `Status eq 'C'`. All pages go to one file; its path and the number of rows are in the XCom of the task `call`.
- **Create or update**: action *create* or *update*, an endpoint, the body as JSON such as `{"Name": "Example"}`, and
  for *update* the key of the record. *other* makes any other call.
- **Delete**: action *delete*, an endpoint, the key, and the key once more as confirmation. Protected endpoints
  (settings, ledgers, payroll) are refused.

**After a failure**: read the last line of the task's log; it names the field and the way out. Clearing a task is
always safe: a record whose creation got no answer is looked up before anything is sent again. What is typed into
the form is kept by Airflow with the run. **Who**: the owner of the connection `exact_online_default`.
"""

from __future__ import annotations

from airflow.sdk import DAG

from exact_online.endpoint_form import EndpointFormOperator, endpoint_params
from ledger_task.dag_defaults import add_in_order, default_args

dag = DAG(
    "exact_endpoint",
    schedule=None,
    catchup=False,
    default_args=default_args(),
    params=endpoint_params(),
    tags=["exact-online", "manual"],
    doc_md=__doc__,
)
add_in_order(
    dag,
    EndpointFormOperator(task_id="check", check_only=True, default_args=dag.default_args),
    EndpointFormOperator(task_id="call", default_args=dag.default_args),
)

"""For each new account of Exact Online: the employees of Personio that are the same person.

**Run**: unpause it, or trigger it without changing the form. The first run decides what is new:
`now` (only what is created from then on), a date, or `beginning`.
**The result**: `exact-personio trace <Exact ID or e-mail address>` shows the employees kept with a record. Nothing
is written at Personio. **Changed since** in the form also notes all employees that changed since a day.
**After a failure**: read the last line of the task's log; it names the cause and the way out. Nothing
is lost and nothing is asked twice, so clearing a task or triggering again is always safe.
**Who**: the owner of the connections `exact_online_default` and `personio_default`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exact_to_personio.builder import build_dag

if TYPE_CHECKING:
    from airflow.sdk import DAG

# The annotation is more than a hint: Airflow parses only files in which it finds its own name.
dag: DAG = build_dag(
    dag_id="exact_accounts_list_personio_employees",
    entity="Accounts",
    destination="employee_match",
    doc=__doc__,
    schedule="*/15 * * * *",
)

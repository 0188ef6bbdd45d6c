"""The main contacts of new accounts of Exact Online become employees at Personio.

**Run**: unpause it, or trigger it without changing the form. The first run decides what is new:
`now` (only what is created from then on), a date, or `beginning`.
**Somebody who works there already** is found by the e-mail address and left as they are. A department, office
or subcompany that Personio does not know is ignored by it; the warning is kept with the record.
**After a failure**: read the last line of the task's log; it names the cause and the way out. Nothing
is lost and nobody is created twice, so clearing a task or triggering again is always safe.
**Who**: the owner of the connections `exact_online_default` and `personio_default`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exact_to_personio.builder import build_dag

if TYPE_CHECKING:
    from airflow.sdk import DAG

# The annotation is more than a hint: Airflow parses only files in which it finds its own name.
dag: DAG = build_dag(
    dag_id="exact_accounts_to_personio_employees",
    entity="Accounts",
    destination="employee",
    doc=__doc__,
    schedule="*/15 * * * *",
)

"""History of contacts of Exact Online becomes applicants at Personio, month by month.

**Backfill**: Trigger → Backfill, choose the first and the last day, *Missing runs*, and unpause. Or
`airflow backfill create --dag-id exact_contacts_history --from-date 2020-01-01 --to-date 2020-12-31`.
One run per month; any order, several at once, again and again: nobody is sent twice, and the live DAG goes on
meanwhile. Unpausing alone starts nothing.
**By hand**: trigger it with the days in the form; look first with *Forecast* or *Preview*.
**After a failure**: read the last line of the task's log; it names the cause and the way out. Nothing
is lost and nothing is sent twice, so clearing a task or backfilling again is always safe.
**Who**: the owner of the connections `exact_online_default` and `personio_default`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exact_to_personio.history import build_history_dag

if TYPE_CHECKING:
    from airflow.sdk import DAG

# The annotation is more than a hint: Airflow parses only files in which it finds its own name.
dag: DAG = build_history_dag(
    dag_id="exact_contacts_history", entity="Contacts", destination="application", doc=__doc__
)

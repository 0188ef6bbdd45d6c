"""New accounts of Exact Online start other DAGs.

**Run**: unpause it, and schedule a DAG of your own on `new_accounts()` of `exact_to_personio.assets`: it
gets the ids of what is new. The first run decides where to start: `now`, a date, or `beginning`.
**After a failure**: read the last line of the task's log; it names the cause and the way out. Nothing is
lost: what was not announced comes with the next run. It may come twice, so go by the ids.
**Who**: the owner of the connection `exact_online_default`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exact_to_personio.news import build_news_dag

if TYPE_CHECKING:
    from airflow.sdk import DAG

# The annotation is more than a hint: Airflow parses only files in which it finds its own name.
dag: DAG = build_news_dag(dag_id="exact_new_accounts", kind="accounts", doc=__doc__, schedule="*/15 * * * *")

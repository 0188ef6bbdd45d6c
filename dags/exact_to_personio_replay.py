"""Records that were rejected or put aside are decided and sent again, by a form.

**Run**: mend the cause first (a file, a setting, the mapping), then trigger this and say which records: IDs, a
reason code, a run, or all rejected. `exact-personio status` shows what waits and why. What Exact corrects comes
again by itself and needs no replay.
**What it does**: `mark` marks the records and sends nothing; `start` starts one run per DAG concerned that decides
and sends what is marked, and reads nothing. What was created, or is on its way, is never touched.
**After a failure**: read the last line of the task's log; it names the field and the way out. Any order, any number
of times, and interrupted halfway: the end is the same. **Who**: the owner of the connection `personio_default`.
"""

from __future__ import annotations

from airflow.sdk import DAG

from exact_to_personio.replay import ReplayOperator, StartReplayOperator, replay_params
from ledger_task.dag_defaults import default_args

dag = DAG(
    "exact_to_personio_replay",
    schedule=None,
    catchup=False,
    default_args=default_args(),
    params=replay_params(),
    tags=["exact-online", "personio", "manual"],
    doc_md=__doc__,
)
mark = ReplayOperator(task_id="mark", default_args=dag.default_args)
dag.add_task(mark)
StartReplayOperator.partial(task_id="start", dag=dag).expand_kwargs(mark.output)

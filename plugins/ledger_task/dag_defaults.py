"""What all of this project's DAGs have in common: patient retries, and where their time begins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import chain

from include.environment import setting

if TYPE_CHECKING:
    from airflow.sdk import DAG, BaseOperator, Param

FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
"""Start date of the scheduled DAGs; they do not catch up, so it only has to lie in the past."""

DIALECT = "http://json-schema.org/draft-07/schema#"
"""Of the forms' fields. Airflow checks each field's schema at every parse, run and task, and takes the newest dialect
where none is named: its own schema is in eight parts, which takes three times as long."""


def default_args() -> dict[str, Any]:
    """Return the default arguments of a DAG: a retry is safe, for nothing is written twice.

    The first wait is ``EXACT_PERSONIO_RETRY_SECONDS``, 60 by default; each next one is twice as long, up to a
    quarter of an hour.
    """
    return {
        "owner": "exact-to-personio",
        "retries": 3,
        "retry_delay": timedelta(seconds=float(setting("EXACT_PERSONIO_RETRY_SECONDS", "60"))),
        "retry_exponential_backoff": 2,
        "max_retry_delay": timedelta(minutes=15),
    }


def add_in_order(dag: DAG, *tasks: BaseOperator) -> None:
    """Add tasks to a DAG, one after the other.

    They are made before they are added, with its ``default_args``: a task that is made inside a DAG's block copies
    the whole form once for each class that it is made of, and carries a copy. Airflow puts the form's values before a
    task in any case.

    :param dag: outside of its block.
    """
    dag.add_tasks(tasks)
    chain(*tasks)


def in_one_dialect(params: dict[str, Param]) -> dict[str, Param]:
    """Return the form with the dialect of JSON Schema named in each field.

    :param params: the form's fields; they are changed.
    """
    for param in params.values():
        param.schema["$schema"] = DIALECT
    return params

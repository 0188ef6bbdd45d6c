"""What Airflow itself costs: a DAG of as many tasks as the line has, which do nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import DAG, BaseOperator, chain

if TYPE_CHECKING:
    from airflow.sdk import Context

TASKS = 6


class NothingOperator(BaseOperator):
    """Do nothing, in a process of its own; Airflow starts none for its own empty operator."""

    def execute(self, context: Context) -> None:
        """Do nothing."""


with DAG("nothing", schedule=None, catchup=False) as dag:
    chain(*(NothingOperator(task_id=f"nothing_{number}") for number in range(TASKS)))

"""The operator that all of this project's operators are: a task with an open ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.ledger import Ledger


class LedgerOperator(BaseOperator):
    """A task that works with the ledger open, and whose failures say what to do next.

    :raises AirflowFailException: until a person acts, trying again changes nothing.
    :raises AirflowException: a service is limited or away; Airflow tries again after its delay.
    """

    def execute(self, context: Context) -> Any:
        """Do the task's work; its failure is kept in the ledger and translated for Airflow."""
        return self.opened(context)

    def opened(self, context: Context) -> Any:
        """Do the task's work with the ledger open; a task that goes on after a pause comes in here.

        Airflow guards ``execute`` against being called from anywhere but its task runner.

        :param context: Airflow's context of the task.
        """
        from include.errors import ExactPersonioError  # noqa: PLC0415 - lazily, for the Dag parse
        from include.ledger import open_ledger  # noqa: PLC0415 - SQLAlchemy stays out of the Dag parse
        from ledger_task.failures import as_airflow_failures  # noqa: PLC0415

        with as_airflow_failures(), open_ledger() as ledger, ledger.told_plainly():
            try:
                return self.work(ledger, context)
            except ExactPersonioError as error:
                ledger.failures.record(self.run_key(context), self.task_id, error)
                raise

    def run_key(self, context: Context) -> str:
        """Name the run across DAGs: two DAGs' scheduled runs share their run ids."""
        return f"{self.dag_id}/{context['run_id']}"

    def work(self, ledger: Ledger, context: Context) -> Any:
        """Do the task's own part.

        :param ledger: the open ledger.
        :param context: Airflow's context of the task.
        """
        raise NotImplementedError

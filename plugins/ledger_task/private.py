"""Arguments that may hold personal data: templated as others are, but never stored.

Airflow keeps the rendered values of ``template_fields`` in its database and shows them. What is about people is
therefore rendered while the task runs, and kept nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import XComArg

from ledger_task.operator import LedgerOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class PrivateOperator(LedgerOperator):
    """A task with arguments that Airflow does not store."""

    def keep_private(self, **arguments: Any) -> None:
        """Assign arguments that :meth:`private` renders later; results of other tasks make these upstream."""
        for name, value in arguments.items():
            setattr(self, name, value)
            XComArg.apply_upstream_relationship(self, value)

    def private(self, context: Context, name: str) -> Any:
        """Return a private argument, rendered."""
        return self.render_template(getattr(self, name), context)

    def write_key(self, context: Context) -> str:
        """Name this task's single write: the same for every retry, and for the task when it is cleared."""
        return f"{self.run_key(context)}/{self.task_id}/{map_index_of(context)}"


def map_index_of(context: Context) -> int:
    """Return the number of a mapped task, -1 for any other."""
    index = getattr(context["ti"], "map_index", -1)
    return -1 if index is None else int(index)

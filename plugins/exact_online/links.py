"""The button on a task that leads to the record at Exact Online."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class ExactOnlineRecordLink(BaseOperatorLink):
    """Lead to the record that the task read or wrote, else to the start page of the division.

    Airflow asks once, when the task has ended.
    """

    name = "Record at Exact Online"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the address, empty while there is none."""
        return str(getattr(operator, "record_url", "") or getattr(operator, "source_url", "") or "")

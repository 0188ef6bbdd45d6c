"""The buttons on a task that lead to Personio, where the connection says under which address the company has it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

    from personio.hooks import PersonioHook


class PersonioLink(BaseOperatorLink):
    """Lead to the job or the employee that the task was about, else to the company's first page.

    Airflow asks once, when the task has ended.
    """

    name = "Open at Personio"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the address, empty without one."""
        return str(getattr(operator, "personio_url", "") or getattr(operator, "source_url", "") or "")


def company_page(hook: PersonioHook) -> str:
    """Return the address at which the company has Personio, empty if the connection does not say.

    :param hook: the hook of the connection.
    """
    parts = urlsplit(hook.company_url or "")
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""

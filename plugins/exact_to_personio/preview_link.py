"""The button on a task of a preview run that leads to what the run would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit

from airflow.configuration import conf
from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

FRAME: Final = "/plugin/exact-personio"
"""Where Airflow frames the console; the console builds on this package, so it cannot be asked."""
PAGE: Final = "/exact-console/previews/run"


class PreviewLink(BaseOperatorLink):
    """Lead to the page of the run's preview; an operator whose ``preview_url`` is empty has no button.

    Airflow asks once, when the task has ended.
    """

    name = "Preview"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the address, empty if the run is no preview."""
        return str(getattr(operator, "preview_url", "") or "")


def preview_url(run_key: str) -> str:
    """Return the address at which Airflow shows a run's preview, for an operator's ``preview_url``.

    :param run_key: ``DAG/run``, as the ledger calls it.
    """
    # Without a host: the browser's own is right, whatever a worker believes the API server to be called.
    path = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
    return f"{path}{FRAME}{path}{PAGE}?{urlencode({'run': run_key})}"

"""What all of this package's operators are: one call to Personio, with a client that shares pace with all workers."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ledger_task.private import PrivateOperator
from personio.hooks import PersonioHook
from personio.links import PersonioLink, company_page

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow.sdk import Context

    from include.clients.personio import PersonioClient
    from include.ledger import Ledger


class PersonioCallOperator(PrivateOperator):
    """Ask one thing of Personio.

    :param personio_conn_id: id of the Airflow connection. (templated)
    """

    template_fields: Sequence[str] = ("personio_conn_id",)
    ui_color = "#eaf7ee"
    operator_extra_links = (PersonioLink(),)
    personio_url: str = ""

    def __init__(self, *, personio_conn_id: str = PersonioHook.default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.personio_conn_id = personio_conn_id

    @property
    def hook(self) -> PersonioHook:
        """The hook of this task's connection."""
        return PersonioHook(self.personio_conn_id)

    @contextmanager
    def client(self, ledger: Ledger, context: Context) -> Iterator[PersonioClient]:
        """Yield a client for this task's connection."""
        hook = self.hook
        # Until the task knows a page of its own.
        self.personio_url = company_page(hook)
        with hook.client(ledger, self.run_key(context)) as client:
            yield client

"""The trigger that looks for new employees at Personio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ledger_task.triggers import NewRecordsTrigger
from personio.hooks import PersonioHook
from personio.news import PersonioNewsFeed

if TYPE_CHECKING:
    from airflow.sdk import Connection


class PersonioNewEmployeesTrigger(NewRecordsTrigger):
    """Fire for new employees.

    .. seealso:: https://developer.personio.de/reference/get_v2-persons

    :param conn_id: Airflow connection of Personio.
    """

    def __init__(self, *, conn_id: str = PersonioHook.default_conn_name, **kwargs: Any) -> None:
        super().__init__(conn_id=conn_id, **kwargs)

    def feed(self, connection: Connection) -> PersonioNewsFeed:
        """Return the employees."""
        return PersonioNewsFeed(self.conn_id, connection)

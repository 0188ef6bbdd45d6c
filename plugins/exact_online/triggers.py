"""The trigger that looks for new accounts or contacts of Exact Online."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exact_online.hooks import ExactOnlineHook
from exact_online.news import ExactNewsFeed
from ledger_task.triggers import NewRecordsTrigger

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from include.records import Entity


class ExactOnlineNewRecordsTrigger(NewRecordsTrigger):
    """Fire for new accounts or contacts.

    .. seealso:: https://start.exactonline.nl/docs/HlpRestAPIResourcesDetails.aspx?name=SyncCRMContacts

    :param entity: ``Accounts`` or ``Contacts``.
    :param division: company; None: the connection's.
    :param conn_id: Airflow connection of Exact Online.
    """

    def __init__(
        self,
        *,
        entity: Entity,
        division: int | None = None,
        conn_id: str = ExactOnlineHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(conn_id=conn_id, **kwargs)
        self.entity: Entity = entity
        self.division = division

    def feed(self, connection: Connection) -> ExactNewsFeed:
        """Return the sync feed."""
        return ExactNewsFeed(self.entity, self.conn_id, self.division, connection)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what makes the trigger anew in the triggerer."""
        path, arguments = super().serialize()
        return path, {**arguments, "entity": self.entity, "division": self.division}

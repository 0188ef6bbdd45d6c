"""Sensors that wait for new accounts or contacts of Exact Online."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from exact_online.hooks import ExactOnlineHook
from exact_online.links import ExactOnlineRecordLink
from exact_online.news import ExactNewsFeed, division_of
from ledger_task.sensors import NewRecordsSensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.triggers.base import BaseTrigger

    from include.records import Entity


class _NewRecordSensor(NewRecordsSensor):
    """What both have in common.

    :param exact_conn_id: Airflow connection of Exact Online (templated).
    :param division: company; None: the connection's (templated).
    """

    entity: ClassVar[Entity]
    template_fields: Sequence[str] = ("start_from", "exact_conn_id", "division")
    operator_extra_links = (ExactOnlineRecordLink(),)

    def __init__(
        self,
        *,
        exact_conn_id: str = ExactOnlineHook.default_conn_name,
        division: int | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.exact_conn_id = exact_conn_id
        self.division = division

    def feed(self) -> ExactNewsFeed:
        """Return the sync feed."""
        return ExactNewsFeed(self.entity, self.exact_conn_id, division_of(self.division))

    def waiting_trigger(self) -> BaseTrigger:
        """Return the trigger that fires when something is new."""
        from exact_online.triggers import ExactOnlineNewRecordsTrigger  # noqa: PLC0415 - only when it defers

        return ExactOnlineNewRecordsTrigger(
            entity=self.entity,
            division=division_of(self.division),
            conn_id=self.exact_conn_id,
            consumer=self.consumer,
            start_from=self.start_from,
            interval=self.poke_interval,
            once=True,
        )


class ExactOnlineNewContactSensor(_NewRecordSensor):
    """Wait until a contact is created in Exact Online.

    .. seealso:: https://start.exactonline.nl/docs/HlpRestAPIResourcesDetails.aspx?name=SyncCRMContacts

    Returns ``{"source", "batch", "count", "ids"}``; each contact is in one batch of this task, at least once.

    :param start_from: for the very first run: ``now``, ``beginning`` or a date like ``2026-01-31`` (templated).
    :param exact_conn_id: Airflow connection of Exact Online (templated).
    :param division: company; None: the connection's (templated).
    :param max_records: most records in one batch, up to 1,000.
    :param deferrable: wait in the triggerer. Default: Airflow's ``[operators] default_deferrable``.
    :param poke_interval: seconds between two looks; each costs a call.
    :param mode: when not deferrable: ``reschedule`` (default) frees the worker between two looks, ``poke`` keeps it.
    :param timeout: seconds after which it gives up waiting. Default: Airflow's ``[sensors] default_timeout``, a week.
    :raises AirflowSensorTimeout: nothing was new in that time; not tried again. With ``soft_fail`` it is skipped.
    :raises AirflowFailException: login, rights, division or ``start_from`` are wrong.
    """

    entity = "Contacts"


class ExactOnlineNewAccountSensor(_NewRecordSensor):
    """Wait until an account is created in Exact Online.

    .. seealso:: https://start.exactonline.nl/docs/HlpRestAPIResourcesDetails.aspx?name=SyncCRMAccounts

    Returns ``{"source", "batch", "count", "ids"}``; each account is in one batch of this task, at least once.

    :param start_from: for the very first run: ``now``, ``beginning`` or a date like ``2026-01-31`` (templated).
    :param exact_conn_id: Airflow connection of Exact Online (templated).
    :param division: company; None: the connection's (templated).
    :param max_records: most records in one batch, up to 1,000.
    :param deferrable: wait in the triggerer. Default: Airflow's ``[operators] default_deferrable``.
    :param poke_interval: seconds between two looks; each costs a call.
    :param mode: when not deferrable: ``reschedule`` (default) frees the worker between two looks, ``poke`` keeps it.
    :param timeout: seconds after which it gives up waiting. Default: Airflow's ``[sensors] default_timeout``, a week.
    :raises AirflowSensorTimeout: nothing was new in that time; not tried again. With ``soft_fail`` it is skipped.
    :raises AirflowFailException: login, rights, division or ``start_from`` are wrong.
    """

    entity = "Accounts"

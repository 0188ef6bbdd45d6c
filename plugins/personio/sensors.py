"""The sensor that waits for new employees at Personio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ledger_task.sensors import NewRecordsSensor
from personio.hooks import PersonioHook
from personio.links import PersonioLink
from personio.news import PersonioNewsFeed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.triggers.base import BaseTrigger


class PersonioNewEmployeeSensor(NewRecordsSensor):
    """Wait until an employee is created at Personio.

    .. seealso:: https://developer.personio.de/reference/get_v2-persons

    Returns ``{"source", "batch", "count", "ids"}``; each employee is in one batch of this task, at least once.

    :param start_from: for the very first run: ``now``, ``beginning`` or a date like ``2026-01-31`` (templated).
    :param personio_conn_id: Airflow connection of Personio (templated).
    :param max_records: most employees in one batch, up to 1,000.
    :param deferrable: wait in the triggerer. Default: Airflow's ``[operators] default_deferrable``.
    :param poke_interval: seconds between two looks; each costs a call.
    :param mode: when not deferrable: ``reschedule`` (default) frees the worker between two looks, ``poke`` keeps it.
    :param timeout: seconds after which it gives up waiting. Default: Airflow's ``[sensors] default_timeout``, a week.
    :raises AirflowSensorTimeout: nothing was new in that time; not tried again. With ``soft_fail`` it is skipped.
    :raises AirflowFailException: login, rights or ``start_from`` are wrong.
    """

    template_fields: Sequence[str] = ("start_from", "personio_conn_id")
    operator_extra_links = (PersonioLink(),)

    def __init__(self, *, personio_conn_id: str = PersonioHook.default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.personio_conn_id = personio_conn_id

    def feed(self) -> PersonioNewsFeed:
        """Return the employees."""
        return PersonioNewsFeed(self.personio_conn_id)

    def waiting_trigger(self) -> BaseTrigger:
        """Return the trigger that fires when somebody is new."""
        from personio.triggers import PersonioNewEmployeesTrigger  # noqa: PLC0415 - only when it defers

        return PersonioNewEmployeesTrigger(
            conn_id=self.personio_conn_id,
            consumer=self.consumer,
            start_from=self.start_from,
            interval=self.poke_interval,
            once=True,
        )

"""Waiting for new records, without a worker while there are none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from airflow.sdk import BaseSensorOperator, PokeReturnValue, conf

from ledger_task.news import NewRecordsTask
from ledger_task.operator import LedgerOperator

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.triggers.base import BaseTrigger

    from include.ledger import Ledger


class NewRecordsSensor(NewRecordsTask, BaseSensorOperator):
    """Succeed as soon as there is a new record; its XCom is the batch.

    A service that is away or limited is waited for; a wrong login fails at once.

    :param deferrable: wait in the triggerer. Default: Airflow's ``[operators] default_deferrable``.
    :param poke_interval: seconds between two looks; each costs a call, and Exact allows 5,000 a day.
    :param mode: when not deferrable: ``reschedule`` frees the worker between two looks; ``poke`` keeps it.
    :param timeout: seconds after which it gives up waiting. Default: Airflow's ``[sensors] default_timeout``, a week.
    :param retries: one at least, because Airflow may fail a task that is resumed at an unlucky moment.
    :raises AirflowSensorTimeout: nothing was new in that time; not tried again. With ``soft_fail`` it is skipped.
    :raises AirflowFailException: login, rights or ``start_from`` are wrong.
    """

    def __init__(
        self,
        *,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: timedelta | float = 300,
        mode: Literal["poke", "reschedule"] = "reschedule",
        retries: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, mode=mode, retries=retries, **kwargs)
        self.deferrable = deferrable

    def waiting_trigger(self) -> BaseTrigger:
        """Return the trigger that fires when something is new."""
        raise NotImplementedError

    def execute(self, context: Context) -> Any:
        """Look once; if nothing is new, wait."""
        if not self.deferrable:
            return BaseSensorOperator.execute(self, context)
        return self._look_or_defer(context, datetime.now(UTC) + timedelta(seconds=self.timeout))

    def execute_complete(self, context: Context, event: Any = None, until: str | None = None) -> Any:  # noqa: ARG002
        """Claim what the trigger saw; wait on if another run was faster.

        :param event: what the trigger fired with; the ledger knows better.
        :param until: when the sensor times out.
        """
        end = datetime.fromisoformat(until) if until else datetime.now(UTC) + timedelta(seconds=self.timeout)
        return self._look_or_defer(context, end)

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        found = LedgerOperator.execute(self, context)
        return PokeReturnValue(is_done=found is not None, xcom_value=found)

    def work(self, ledger: Ledger, context: Context) -> dict[str, Any] | None:
        """Return a batch, or None if nothing is new or the service is away."""
        from include.errors import RetryLaterError  # noqa: PLC0415 - lazily, for the Dag parse

        try:
            handed = self.take(ledger, context)
        except RetryLaterError as error:
            self.log.warning("Not now, the sensor waits: %s", error)
            return None
        return handed if handed["count"] else None

    def _look_or_defer(self, context: Context, until: datetime) -> Any:
        found = self.poke(context)
        if found.is_done:
            return found.xcom_value
        self.defer(
            trigger=self.waiting_trigger(),
            method_name="execute_complete",
            kwargs={"until": until.isoformat()},
            timeout=max(until - datetime.now(UTC), timedelta(seconds=1)),
        )
        return None

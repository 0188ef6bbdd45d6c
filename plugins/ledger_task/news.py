"""What all tasks have in common that hand on new records: a feed, a batch, and when a batch counts as delivered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from ledger_task.operator import LedgerOperator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from airflow.sdk import Context

    from include.ledger import Ledger
    from include.sync.news import NewsSource


class NewsFeed(Protocol):
    """Where new records come from, reached through an Airflow connection."""

    @property
    def page(self) -> str:
        """Where a person sees the service, for the button on the task; empty if nobody has said."""
        ...

    def key(self, consumer: str) -> str:
        """Return the name in the ledger of what this consumer is told."""
        ...

    def open(self, ledger: Ledger, consumer: str, run_key: str) -> AbstractContextManager[NewsSource]:
        """Yield the source, with a client whose tokens and limits are shared.

        :param ledger: the open ledger.
        :param consumer: who is told; each consumer has a cursor of its own.
        :param run_key: name under which the calls are counted.
        """
        ...


class NewRecordsTask(LedgerOperator):
    """A task whose XCom is a batch of new records, each record once per task.

    The batch counts as delivered when the run's XCom is there, which the task's next run looks up. Until then
    another run takes the records over: at least once, and the ids tell a repetition. ``do_xcom_push`` must stay on.

    :param start_from: for the very first run: ``now``, ``beginning`` or a date like ``2026-01-31`` (templated).
    :param max_records: most records in one batch, up to 1,000; the rest comes with the next run.
    """

    template_fields: Sequence[str] = ("start_from",)
    source_url: str = ""

    def __init__(self, *, start_from: str = "now", max_records: int = 1000, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start_from = start_from
        self.max_records = max_records

    def feed(self) -> NewsFeed:
        """Return where the records come from."""
        raise NotImplementedError

    @property
    def consumer(self) -> str:
        """Name this task across DAGs: its cursor and its batches belong to it."""
        return f"{self.dag_id}/{self.task_id}"

    def take(self, ledger: Ledger, context: Context) -> dict[str, Any]:
        """Look once for new records and claim a batch of what waits.

        :return: ``source``, ``batch``, ``count``, ``ids``.
        """
        from include.sync.news import hand_out, poll  # noqa: PLC0415 - lazily, for the Dag parse

        feed, now = self.feed(), datetime.now(UTC)
        self.source_url = feed.page
        key, batch = feed.key(self.consumer), batch_of(context)
        self._confirm_delivered(ledger, key, batch, context)
        with feed.open(ledger, self.consumer, self.run_key(context)) as source:
            poll(ledger, source, start_from=self.start_from, now=now)
        handed = hand_out(ledger, key, batch, limit=self.max_records, take_over=True)
        return handed or {"source": key, "batch": batch, "count": 0, "ids": []}

    def _confirm_delivered(self, ledger: Ledger, key: str, own: str, context: Context) -> None:
        """Confirm the batches of earlier runs whose XCom is there: whoever waits downstream has the ids."""
        for batch in ledger.news.batches(key):
            run_id, _, index = batch.rpartition("#")
            if batch == own or not run_id:
                continue
            pushed = context["ti"].xcom_pull(task_ids=self.task_id, run_id=run_id, map_indexes=int(index))
            if isinstance(pushed, dict) and pushed.get("batch") == batch:
                ledger.news.confirm(key, batch)
            else:
                self.log.warning("Run %s handed nothing on; this run takes its records over.", run_id)


class NewRecordsOperator(NewRecordsTask):
    """Look once and return a batch of new records; an empty one is a success, too.

    Returns ``{"source", "batch", "count", "ids"}``: ids only, so the next task reads what it needs of them.

    :param skip_when_none: end as skipped when nothing is new, so that what follows is skipped as well.
    """

    def __init__(self, *, skip_when_none: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.skip_when_none = skip_when_none

    def work(self, ledger: Ledger, context: Context) -> dict[str, Any]:
        """Return the batch.

        :raises AirflowSkipException: nothing is new, and that was to be skipped.
        """
        from airflow.sdk.exceptions import AirflowSkipException  # noqa: PLC0415

        handed = self.take(ledger, context)
        if self.skip_when_none and not handed["count"]:
            raise AirflowSkipException("Nothing is new.")
        return handed


def batch_of(context: Context) -> str:
    """Name the batch of this task in this run; a retry has the same one and gets the same records."""
    return f"{context['run_id']}#{context['ti'].map_index}"

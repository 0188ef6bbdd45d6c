"""Looking for new records between schedules: what the triggers of both services have in common."""

from __future__ import annotations

import asyncio
import logging
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import BaseHook
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow.sdk import Connection

    from ledger_task.news import NewsFeed

log = logging.getLogger(__name__)

LEAST_ERROR_PAUSE: Final = 60.0
"""Doubled with every failure in a row, that is six looks in the first hour: Exact blocks a key after ten errors."""
LONGEST_PAUSE: Final = 3600.0


class NewRecordsTrigger(BaseEventTrigger):
    """Look for new records again and again.

    As a watcher of an asset it claims batches and fires once for each, for ever. A batch is confirmed when the
    next look begins: a triggerer that is killed in between repeats it under the same name instead of losing it.
    As the trigger of a sensor (``once``) it claims nothing and fires when something waits.

    Whatever goes wrong is logged with its way out and tried again after growing pauses; it never ends by itself.

    :param conn_id: Airflow connection.
    :param consumer: who is told; each consumer has a cursor of its own.
    :param start_from: for the very first look: ``now``, ``beginning`` or a date like ``2026-01-31``.
    :param interval: seconds between two looks; each costs a call.
    :param max_records: most records in one event, up to 1,000.
    :param once: fire once when something waits.
    """

    def __init__(
        self,
        *,
        conn_id: str,
        consumer: str,
        start_from: str = "now",
        interval: float = 60.0,
        max_records: int = 1000,
        once: bool = False,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        if interval <= 0:
            raise ValueError("interval must be more than 0 seconds")
        self.conn_id = conn_id
        self.consumer = consumer
        self.start_from = start_from
        self.interval = float(interval)
        self.max_records = max_records
        self.once = once

    def feed(self, connection: Connection) -> NewsFeed:
        """Return where the records come from.

        :param connection: as Airflow keeps it, already fetched: a trigger must not block on that.
        """
        raise NotImplementedError

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what makes the trigger anew in the triggerer."""
        names = ("conn_id", "consumer", "start_from", "interval", "max_records", "once")
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield an event for every batch; for a sensor one when something waits."""
        delivered, failures = "", 0
        if self.once:
            # The sensor has just looked itself.
            await asyncio.sleep(self.interval)
        while True:
            try:
                connection = await BaseHook.aget_connection(self.conn_id)
                found = await asyncio.to_thread(self._look, connection, delivered)
            except Exception as error:  # noqa: BLE001 - a watcher that ended would leave its DAGs waiting without a word
                pause = self._pause_after(error, failures)
                failures += 1
                if self.once and not _is_passing(error):
                    # The sensor meets the same error on the worker, where it fails with its way out.
                    yield TriggerEvent({"waiting": 0})  # type: ignore[no-untyped-call]
                    return
            else:
                pause, failures, delivered = self.interval, 0, ""
                if found is not None:
                    yield TriggerEvent(found)  # type: ignore[no-untyped-call]
                    if self.once:
                        return
                    delivered = str(found["batch"])
            await asyncio.sleep(pause)

    def _look(self, connection: Connection, delivered: str) -> dict[str, Any] | None:
        """Look once, in a thread; return the event's payload, None if nothing is new."""
        from include.errors import ExactPersonioError  # noqa: PLC0415 - lazily, for the Dag parse
        from include.ledger import open_ledger  # noqa: PLC0415
        from include.sync.news import hand_out, poll  # noqa: PLC0415

        feed, now = self.feed(connection), datetime.now(UTC)
        key = feed.key(self.consumer)
        with open_ledger() as ledger:
            if delivered:
                ledger.news.confirm(key, delivered)
            try:
                with feed.open(ledger, self.consumer, key) as source:
                    polled = poll(ledger, source, start_from=self.start_from, now=now)
            except ExactPersonioError as error:
                ledger.failures.record(key, "watch", error)
                raise
            if self.once:
                return {"waiting": polled.waiting} if polled.waiting else None
            # What a killed triggerer left is repeated under its old name.
            left = ledger.news.batches(key)
            batch = left[0] if left else now.isoformat()
            handed = hand_out(ledger, key, batch, limit=self.max_records)
        return {**handed, "from": polled.start, "to": polled.reached} if handed else None

    def _pause_after(self, error: Exception, failures: int) -> float:
        from include.errors import ExactPersonioError, RetryLaterError  # noqa: PLC0415

        pause = min(max(self.interval, LEAST_ERROR_PAUSE) * 2.0 ** min(failures, 10), LONGEST_PAUSE)
        if isinstance(error, RetryLaterError) and error.retry_at is not None:
            pause = max((error.retry_at - datetime.now(UTC)).total_seconds(), self.interval)
        if isinstance(error, ExactPersonioError):
            log.error("%s: %s Next look in %.0f s.", self.consumer, error, pause)
        else:
            # Its text may quote a row or a URL: the type and the place are enough to find it.
            log.error(
                "%s: %s at %s. Check the connection %s. Next look in %.0f s.",
                *(self.consumer, type(error).__name__, _place(error), self.conn_id, pause),
            )
        return pause


def _is_passing(error: Exception) -> bool:
    from include.errors import RetryLaterError  # noqa: PLC0415 - lazily, for the Dag parse

    return isinstance(error, RetryLaterError)


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"

"""The load operator: sends what is ready in turns, and leaves its worker to others while a limit is used up."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NoReturn

from exact_to_personio.stage import StageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.clients.personio import PersonioClient
    from include.ledger import Ledger
    from include.records import Window
    from include.sync.job import Job
    from include.sync.load import Loader
    from include.sync.pauses import Paused

BUCKETS: Final = {"application": "recruiting", "employee": "employees"}
"""The limit that a destination's requests count against; a match reads all employees at once, or few."""

PAUSE_AFTER: Final = 20.0
"""Seconds: what is shorter than that is slept over, for giving a worker back and getting one costs as much."""

SHORTEST_PAUSE: Final = timedelta(seconds=10)
"""A task that wakes up sooner may meet its own end: https://github.com/apache/airflow/issues/72716."""


class LoadOperator(StageOperator):
    """Send what is ready to Personio, one request per record, at the pace all workers share.

    Employee matches only read: the employees found are kept with the record. A preview looks up what Personio has
    of the people it shows, and writes nothing.

    At Personio's 20 applications a minute ten thousand people take eight hours. Whenever the next one has to wait
    for more than ``pause_after`` seconds the task defers, and needs a triggerer but no worker; with
    ``EXACT_PERSONIO_DEFER_LOAD=no`` it sleeps. Runs of history use ``EXACT_PERSONIO_BACKFILL_SHARE`` percent (50) of
    the limit while live runs want some. A live run leaves to the next one what it has not sent within
    ``EXACT_PERSONIO_LOAD_MINUTES`` (30).

    .. seealso:: https://developer.personio.de/reference/post_v1-recruiting-applications
    .. seealso:: https://developer.personio.de/reference/post_company-employees

    :param entity: Exact's ``Accounts`` or ``Contacts``.
    :param destination: ``application``, ``employee`` or ``employee_match``.
    :param exact_conn_id: Airflow connection of Exact Online (templated).
    :param personio_conn_id: Airflow connection of Personio (templated).
    :param pause_after: seconds; a shorter wait for a slot is slept over.

    Returns counts by state, of the whole run: ``created``, ``already_there``, ``matched``, ``unmatched``,
    ``rejected``, ``retry``, ``in_doubt``, ``in_doubt_elsewhere`` for positions that are no longer used, and ``left``
    to the next live run. Of a preview: counts by what would be done.

    Pushes XCom ``progress`` at every pause and at the end: ``done``, ``left``, ``per_minute`` and ``finish``.

    :raises AirflowFailException: token, company or position is wrong, or more would be sent than was approved;
        nothing is lost, the records stay ready.
    :raises AirflowException: a limit or an outage; the retry goes on with what is left.
    """

    def __init__(self, *, pause_after: float = PAUSE_AFTER, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pause_after = pause_after
        self._kept: dict[str, Any] | None = None

    def work(self, ledger: Ledger, context: Context) -> dict[str, int]:
        """Send what is ready; return counts, or defer."""
        from include.sync.approved import refuse_outgrown  # noqa: PLC0415 - lazily, for the Dag parse

        job = self._job(context)
        run_key = job.run_key(str(context["run_id"]))
        window = self._window(ledger, job, context)
        refuse_outgrown(ledger, job, str(context["run_id"]), window)
        with self._personio.client(ledger, run_key, lane=job.lane) as personio:
            if window.preview:
                from include.sync.preview import look_at_personio  # noqa: PLC0415

                return look_at_personio(ledger, personio, job, run_key)
            counts = self._send(self._loader(ledger, personio, job, window, context), context)
        self.moved = job, counts
        return counts

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:  # noqa: ARG002 - the provider's own
        """Return what OpenLineage is told: from the ledger to Personio; None if nothing was to be sent.

        :param task_instance: Airflow's.
        """
        from exact_to_personio.lineage import loaded  # noqa: PLC0415 - needs a package that few have

        return loaded(*self.moved) if self.moved else None

    def resume(self, context: Context, event: Any, kept: dict[str, Any]) -> Any:  # noqa: ARG002 - Airflow's own
        """Go on after a pause.

        :param context: Airflow's context of the task.
        :param event: of the trigger; the time has come.
        :param kept: what the load remembers over its pauses.
        """
        self._kept = kept
        return self.opened(context)

    def _loader(self, ledger: Ledger, personio: PersonioClient, job: Job, window: Window, context: Context) -> Loader:
        """Return the load as this run means it."""
        from include.settings import load_settings  # noqa: PLC0415
        from include.sync.destinations import delivery_for  # noqa: PLC0415
        from include.sync.load import Begun, Loader, LoadSettings  # noqa: PLC0415

        live = not job.stream.is_history
        return Loader(
            ledger,
            delivery_for(ledger, job, personio, updated_since=context["params"].get("updated_since")),
            job,
            job.run_key(str(context["run_id"])),
            settings=LoadSettings(
                max_records=window.max_records,
                selected=not live,
                lane=job.lane,
                pause_after=self.pause_after,
                share_minutes=load_settings().load_minutes,
            ),
            next_slot=partial(self._next_slot, ledger, personio, live=live),
            begun=Begun.read(self._kept) if self._kept else None,
        )

    def _next_slot(self, ledger: Ledger, personio: PersonioClient, *, live: bool) -> float:
        """Return how many seconds away the next request may leave."""
        from include.clients.personio_limits import limit_of  # noqa: PLC0415
        from include.settings import load_settings  # noqa: PLC0415

        bucket = BUCKETS.get(self.destination)
        if bucket is None:
            return 0.0
        limit = limit_of(personio.config, bucket)
        pacer = ledger.pacer.lane("live" if live else "history", load_settings().backfill_share)
        return pacer.wait(limit.name, limit=limit.slots, seconds=limit.seconds)

    def _send(self, loader: Loader, context: Context) -> dict[str, int]:
        """Take turns until the load has ended; between them the task defers, or sleeps."""
        from include.settings import load_settings  # noqa: PLC0415
        from include.sync.pauses import Paused  # noqa: PLC0415

        while isinstance(ended := loader.turn(), Paused):
            context["ti"].xcom_push("progress", ended.progress())
            until = max(ended.until, datetime.now(UTC) + SHORTEST_PAUSE)
            if load_settings().defer_load:
                self._defer_until(until, ended)
            time.sleep((until - datetime.now(UTC)).total_seconds())
        context["ti"].xcom_push("progress", loader.standing().progress())
        return ended

    def _defer_until(self, until: datetime, pause: Paused) -> NoReturn:
        from airflow.providers.standard.triggers.temporal import DateTimeTrigger  # noqa: PLC0415

        self.defer(trigger=DateTimeTrigger(moment=until), method_name="resume", kwargs={"kept": pause.begun.values()})

"""Operators of the line plan → extract → transform → approve → load → commit: the first three and the last.

Each is a thin shell: it opens the ledger and the clients of its run and calls the stage in
``include.sync``. What passes through XCom are windows, counts and the watermark, never records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.bases.skipmixin import SkipMixin
from airflow.sdk.exceptions import DownstreamTasksSkipped

from exact_to_personio.stage import StageOperator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow.sdk import Asset, Context

    from include.ledger import Ledger
    from include.sync.asked import Asked


class PlanOperator(StageOperator, SkipMixin):
    """Decide once what the run reads and how, and pin it under the run's id.

    A retry or a cleared task gets the same window. A live run starts at the watermark that the last committing run
    pushed; on a stream's first run at the param ``start_from``. A window is counted first and read the cheaper way.
    With the param ``forecast`` the task says what the run would come to, and everything after it is skipped.

    .. seealso:: https://start.exactonline.nl/docs/HlpRestAPIResources.aspx

    :param entity: Exact's ``Accounts`` or ``Contacts``.
    :param destination: ``application``, ``employee`` or ``employee_match``.
    :param exact_conn_id: Airflow connection of Exact Online (templated).
    :param personio_conn_id: Airflow connection of Personio (templated).

    Returns the window: ``mode``, ``name``, ``after`` (row version, as text), ``created_from``, ``created_to``,
    ``advances``, ``preview``, ``max_records``, ``where`` and ``reading`` (how, how many calls, instead of how many,
    and why).

    :raises AirflowFailException: a connection or a param is wrong, or the watermark's XCom was raised by hand.
    """

    # SkipMixin skips for good: a task that is cleared alone stays skipped as long as plan says so.
    inherits_from_skipmixin = True

    def execute(self, context: Context) -> Any:
        """Plan; after a forecast, skip what follows."""
        found = super().execute(context)
        if "forecast" in found:
            # Skipping ends the task, so its result is pushed by hand.
            context["ti"].xcom_push("return_value", found)
            self.skip(context["ti"], context["task"].get_direct_relatives(upstream=False))
        return found

    def work(self, ledger: Ledger, context: Context) -> dict[str, Any]:
        """Return the window as it goes to XCom."""
        from include.sync.plan import plan_run  # noqa: PLC0415 - heavy, not for the Dag parse

        asked, job, exact = self._asked(context), self._job(context), self._exact(context)
        run_id = str(context["run_id"])
        # Loaded for its errors too: a wrong form or mapping file costs no call and pins no window.
        mapping = self._mapping(context)
        if asked.forecast:
            return {"forecast": self._forecast(ledger, context, asked)}
        window, told = plan_run(
            ledger,
            job,
            run_id,
            asked,
            mapping=mapping,
            zone=exact.zone,
            client=lambda: exact.client(ledger, job.run_key(run_id), lane=job.lane),
            pushed=pushed_watermark(context),
        )
        self._link_preview(window, job, context)
        return told

    def _forecast(self, ledger: Ledger, context: Context, asked: Asked) -> dict[str, Any]:
        """Return what the run would do, cost and last; each sentence of it is in the log too."""
        from include.forecast.task import forecast_run  # noqa: PLC0415

        job, exact, run_id = self._job(context), self._exact(context), str(context["run_id"])
        run_key = job.run_key(run_id)
        with (
            exact.client(ledger, run_key, lane=job.lane) as client,
            self._personio.client(ledger, run_key, lane=job.lane) as personio,
        ):
            return forecast_run(
                ledger,
                client,
                job,
                asked,
                self._mapping(context),
                zone=exact.zone,
                run_id=run_id,
                personio=personio,
            )


class ExtractOperator(StageOperator):
    """Read what changed since the window's start from Exact's sync feed into the ledger.

    .. seealso:: https://start.exactonline.nl/docs/HlpRestAPIResourcesDetails.aspx?name=SyncCRMContacts

    :param entity: Exact's ``Accounts`` or ``Contacts``.
    :param destination: ``application``, ``employee`` or ``employee_match``.
    :param exact_conn_id: Airflow connection of Exact Online (templated).
    :param personio_conn_id: Airflow connection of Personio (templated).

    :param skip_when_idle: ids of the tasks that are skipped in a live run with nothing new and nothing that waits;
        whoever comes after them needs a trigger rule that takes skipped ones, and this task before it.

    Returns counts: ``read``, ``new``, ``changed``, ``unchanged``, ``pages``.

    :raises AirflowFailException: login, rights, division, or a page that repeats.
    :raises AirflowException: a limit or an outage; the retry goes on at the page reached.
    """

    def __init__(self, *, skip_when_idle: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.skip_when_idle = tuple(skip_when_idle)
        self._idle = False

    def execute(self, context: Context) -> Any:
        """Read; where that leaves nothing to do, spare the processes of the tasks that would do it."""
        counts = super().execute(context)
        if self._idle:
            self.log.info("Nothing new, and nothing waits: %s have nothing to do.", ", ".join(self.skip_when_idle))
            # Skipping ends the task, so its result is pushed by hand. Not by Airflow's mixin, which would skip
            # transform again when it is cleared with what follows: by then there may be something to do.
            context["ti"].xcom_push("return_value", counts)
            raise DownstreamTasksSkipped(tasks=list(self.skip_when_idle))  # type: ignore[no-untyped-call]
        return counts

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:  # noqa: ARG002 - the provider's own
        """Return what OpenLineage is told: Exact's feed into the ledger; None before the task has read.

        :param task_instance: Airflow's.
        """
        from exact_to_personio.lineage import extracted  # noqa: PLC0415 - needs a package that few have

        return extracted(*self.moved) if self.moved else None

    def work(self, ledger: Ledger, context: Context) -> dict[str, int]:
        """Stage the feed's pages; return counts."""
        from include.sync.extract import extract  # noqa: PLC0415
        from include.sync.idle import is_idle  # noqa: PLC0415
        from include.sync.looking_again import look_again_every  # noqa: PLC0415

        job, run_id = self._job(context), str(context["run_id"])
        window, mapping = self._window(ledger, job, context), self._mapping(context)
        exact = self._exact(context)
        with exact.client(ledger, job.run_key(run_id), lane=job.lane) as client:
            counts = extract(ledger, client, job.stream, run_id, window, select=mapping.select, zone=exact.zone)
        self.moved = job, counts
        if self.skip_when_idle:
            every = look_again_every()
            self._idle = is_idle(ledger, job, mapping=mapping, run_id=run_id, window=window, look_again=every)
        return counts


class TransformOperator(StageOperator):
    """Turn staged records into deliveries: one decision per record, with its reason.

    An account's applicant is its main contact, looked up sixty at a time. Accounts that were rejected for what their
    contact lacks are looked at again every ``EXACT_PERSONIO_LOOK_AGAIN_HOURS`` (24): a contact that is corrected does
    not bring its account back in the feed.

    .. seealso:: https://start.exactonline.nl/docs/HlpRestAPIResourcesDetails.aspx?name=CRMContacts

    :param entity: Exact's ``Accounts`` or ``Contacts``.
    :param destination: ``application``, ``employee`` or ``employee_match``.
    :param exact_conn_id: Airflow connection of Exact Online (templated).
    :param personio_conn_id: Airflow connection of Personio (templated).

    Returns counts by outcome: ``ready``, ``rejected``, ``skipped_by_rule``; ``looked_again`` of accounts looked at
    again; ``sent_elsewhere`` of records left out because they were sent for another position, ``forgotten`` of those
    whose content retention removed before they were decided.

    :raises AirflowFailException: the mapping or a setting is wrong; the text names file and field.
    :raises AirflowException: a look-up met a limit or an outage.
    """

    def work(self, ledger: Ledger, context: Context) -> dict[str, int]:
        """Decide what is staged; return counts."""
        from include.sync.decide import decide  # noqa: PLC0415
        from include.sync.looking_again import look_again_every  # noqa: PLC0415

        job, run_id = self._job(context), str(context["run_id"])
        window = self._window(ledger, job, context)
        with self._exact(context).client(ledger, job.run_key(run_id), lane=job.lane) as client:
            return decide(
                ledger,
                client,
                job,
                mapping=self._mapping(context),
                run_id=run_id,
                window=window,
                look_again=look_again_every(),
            )


class CommitOperator(StageOperator):
    """Publish the watermark: XCom ``watermark``, the ledger's row, and the asset event's extra.

    :param entity: Exact's ``Accounts`` or ``Contacts``.
    :param destination: ``application``, ``employee`` or ``employee_match``.
    :param exact_conn_id: Airflow connection of Exact Online (templated).
    :param personio_conn_id: Airflow connection of Personio (templated).

    Returns ``{"from", "to", "run_id", "mode", "committed_at", "advanced", "counts"}``, row versions as text because
    they have 64 bits. A live run pushes it as XCom ``watermark`` too; any other moves none.

    :param asset: the asset whose event carries the same values to other DAGs.
    :raises AirflowFailException: the watermark was moved back while the run was under way.
    """

    def __init__(self, *, asset: Asset, **kwargs: Any) -> None:
        super().__init__(**kwargs, outlets=[asset])
        self.asset = asset

    def work(self, ledger: Ledger, context: Context) -> dict[str, Any]:
        """Advance the watermark and publish it; return it."""
        from include.sync.commit import commit  # noqa: PLC0415

        job, run_id = self._job(context), str(context["run_id"])
        watermark = commit(ledger, job, run_id, self._window(ledger, job, context))
        if watermark["advanced"]:
            # A backfill may reprocess the very run whose XCom the next live run starts from.
            context["ti"].xcom_push("watermark", watermark)
        context["outlet_events"][self.asset].extra = watermark
        return watermark


def pushed_watermark(context: Context) -> Callable[[str], Mapping[str, Any] | None]:
    """Return a look-up of the watermark that a given run's commit pushed.

    By run id, never by ``include_prior_dates``: that one orders runs without a logical date first
    on PostgreSQL and last on SQLite, and sees the pushes of failed tasks.
    """

    def look_up(run_id: str) -> Mapping[str, Any] | None:
        found = context["ti"].xcom_pull(task_ids="commit", key="watermark", run_id=run_id, map_indexes=-1)
        return found if isinstance(found, dict) else None

    return look_up

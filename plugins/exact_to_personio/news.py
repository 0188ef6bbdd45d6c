"""DAGs that tell other DAGs of new records: poll → emit → confirm."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from airflow.sdk import DAG, CronDataIntervalTimetable, Param

from exact_online import DEFAULT_CONNECTION as EXACT_CONNECTION
from exact_to_personio.assets import new_accounts, new_contacts, new_employees
from exact_to_personio.form_fields import START_PATTERN
from include.environment import setting
from ledger_task.dag_defaults import FIRST_DAY, add_in_order, default_args
from ledger_task.operator import LedgerOperator
from personio import DEFAULT_CONNECTION as PERSONIO_CONNECTION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Asset, Context

    from include.ledger import Ledger
    from ledger_task.news import NewsFeed

Kind = Literal["accounts", "contacts", "employees"]


class NewsOperator(LedgerOperator):
    """One of the three tasks of a DAG that tells of new records.

    :param kind: ``accounts`` or ``contacts`` of Exact Online, or ``employees`` of Personio.
    :param conn_id: Airflow connection of that service (templated).
    """

    template_fields: Sequence[str] = ("conn_id",)

    def __init__(self, *, kind: Kind, conn_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind: Kind = kind
        self.conn_id = conn_id

    def feed(self) -> NewsFeed:
        """Return where the records come from."""
        if self.kind == "employees":
            from personio.news import PersonioNewsFeed  # noqa: PLC0415 - lazily, for the Dag parse

            return PersonioNewsFeed(self.conn_id)
        from exact_online.news import ExactNewsFeed  # noqa: PLC0415

        return ExactNewsFeed("Accounts" if self.kind == "accounts" else "Contacts", self.conn_id)


class PollNewsOperator(NewsOperator):
    """Look once for new records; they wait in the ledger together with how far was read.

    Returns ``{"new", "waiting", "from", "to"}``: counts, and a row version or a time as text.

    :param kind: ``accounts`` or ``contacts`` of Exact Online, or ``employees`` of Personio.
    :param conn_id: Airflow connection of that service (templated).
    :raises AirflowFailException: login, rights, division or ``start_from`` are wrong.
    :raises AirflowException: a limit or an outage; the retry goes on where this attempt was.
    """

    def work(self, ledger: Ledger, context: Context) -> dict[str, Any]:
        """Read the source; return counts."""
        from include.sync.news import poll  # noqa: PLC0415 - lazily, for the Dag parse

        start_from, now = str(context["params"].get("start_from") or "now"), datetime.now(UTC)
        with self.feed().open(ledger, self.dag_id, self.run_key(context)) as source:
            return poll(ledger, source, start_from=start_from, now=now).as_json()


class EmitNewsOperator(NewsOperator):
    """Hand out one batch as the extra of an asset event; skipped, and no event, when nothing waits.

    A retry gives the same ids again, and so does the next run if this one never ends well: at least once.

    Returns, and puts into the event, ``{"source", "batch", "count", "ids", "from", "to"}``.

    :param kind: ``accounts`` or ``contacts`` of Exact Online, or ``employees`` of Personio.
    :param conn_id: Airflow connection of that service (templated).
    :param asset: its event starts other DAGs.
    :raises AirflowSkipException: nothing waits.
    """

    def __init__(self, *, asset: Asset, **kwargs: Any) -> None:
        super().__init__(**kwargs, outlets=[asset])
        self.asset = asset

    def work(self, ledger: Ledger, context: Context) -> dict[str, Any]:
        """Claim a batch and announce it; return it."""
        from airflow.sdk.exceptions import AirflowSkipException  # noqa: PLC0415

        from include.sync.news import BATCH, hand_out  # noqa: PLC0415 - lazily, for the Dag parse

        handed = hand_out(
            ledger,
            self.feed().key(self.dag_id),
            self.run_key(context),
            limit=int(context["params"].get("max_records") or BATCH),
            take_over=True,
        )
        if handed is None:
            raise AirflowSkipException("Nothing is new.")
        polled = pulled(context, "poll")
        event = {**handed, "from": polled.get("from"), "to": polled.get("to")}
        context["outlet_events"][self.asset].extra = event
        return event


class ConfirmNewsOperator(NewsOperator):
    """Mark the batch as delivered: its event is there, because emit has succeeded. Push the watermark.

    Returns and pushes as XCom ``watermark`` ``{"from", "to", "run_id", "mode", "committed_at", "count"}``.

    :param kind: ``accounts`` or ``contacts`` of Exact Online, or ``employees`` of Personio.
    :param conn_id: Airflow connection of that service (templated).
    """

    def work(self, ledger: Ledger, context: Context) -> dict[str, Any]:
        """Confirm the batch; return the watermark."""
        emitted, polled = pulled(context, "emit"), pulled(context, "poll")
        count = ledger.news.confirm(str(emitted["source"]), str(emitted["batch"])) if emitted else 0
        watermark = {
            "from": polled.get("from"),
            "to": polled.get("to"),
            "run_id": str(context["run_id"]),
            "mode": "live",
            "committed_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "count": count,
        }
        context["ti"].xcom_push("watermark", watermark)
        return watermark


def pulled(context: Context, task_id: str) -> dict[str, Any]:
    """Return what a task of this run returned; nothing if it was skipped."""
    found = context["ti"].xcom_pull(task_ids=task_id, map_indexes=-1)
    return found if isinstance(found, dict) else {}


def build_news_dag(*, dag_id: str, kind: Kind, doc: str | None, schedule: str, conn_id: str | None = None) -> DAG:
    """Return the DAG poll → emit → confirm.

    :param dag_id: id of the DAG; part of the cursor's name, so never change it.
    :param kind: ``accounts`` or ``contacts`` of Exact Online, or ``employees`` of Personio.
    :param doc: Markdown shown in the UI.
    :param schedule: cron expression in UTC.
    :param conn_id: Airflow connection; None: the service's default.
    """
    makers = {"accounts": new_accounts, "contacts": new_contacts, "employees": new_employees}
    conn_id = conn_id or (PERSONIO_CONNECTION if kind == "employees" else EXACT_CONNECTION)
    dag = DAG(
        dag_id,
        schedule=CronDataIntervalTimetable(schedule, timezone="UTC"),
        start_date=FIRST_DAY,
        catchup=False,
        max_active_runs=1,
        default_args=default_args(),
        params=news_params(),
        tags=["personio" if kind == "employees" else "exact-online", "events", kind],
        doc_md=doc,
    )
    what: dict[str, Any] = {"kind": kind, "conn_id": conn_id, "default_args": dag.default_args}
    add_in_order(
        dag,
        PollNewsOperator(task_id="poll", **what),
        EmitNewsOperator(task_id="emit", asset=makers[kind](conn_id), **what),
        # Also when nothing was new: how far was read is worth knowing then, too.
        ConfirmNewsOperator(task_id="confirm", trigger_rule="none_failed", **what),
    )
    return dag


def news_params() -> dict[str, Param]:
    """Return the manual form's fields; every default is valid, as a schedule demands."""
    return {
        "start_from": Param(
            setting("EXACT_PERSONIO_START_FROM", "now"),
            type="string",
            title="Start from",
            description="For the very first run only: now, beginning, or a date like 2026-01-31.",
            pattern=START_PATTERN,
        ),
        "max_records": Param(
            1000,
            type="integer",
            minimum=1,
            maximum=1000,
            title="Most records in one event",
            description="The rest waits and comes with the following runs.",
        ),
    }

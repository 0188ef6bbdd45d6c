"""The task in which a run waits until a person has said yes to what it would send."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator

from exact_to_personio.stage import StageOperator
from ledger_task.failures import as_airflow_failures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from include.ledger import Ledger
    from include.records import Window
    from include.sync.job import Job

TO_SEND = ("ready", "retry")
SAMPLE = 10


def response_timeout() -> timedelta:
    """Return how long a question stays open: ``EXACT_PERSONIO_APPROVAL_HOURS``, 24 by default."""
    return timedelta(hours=float(os.environ.get("EXACT_PERSONIO_APPROVAL_HOURS", "24")))


class ApproveOperator(StageOperator, ApprovalOperator):
    """Ask a person before anything is sent, where the run asks for that or would send a lot.

    Waits without a worker. The question has counts, and ids of Exact with the day of their creation: Airflow stores
    it. A rejection, and no answer in time, skip what follows; the records stay in the ledger. Who answered and when
    is kept there too.

    .. seealso:: https://airflow.apache.org/docs/apache-airflow-providers-standard/stable/operators/hitl.html

    :param entity: Exact's ``Accounts`` or ``Contacts``.
    :param destination: ``application``, ``employee`` or ``employee_match``.
    :param exact_conn_id: Airflow connection of Exact Online (templated).
    :param personio_conn_id: Airflow connection of Personio (templated).

    Returns ``{"asked": False, "records"}`` where nobody need be asked, else Airflow's own answer:
    ``chosen_options``, ``responded_at``, ``responded_by_user``.

    :raises AirflowFailException: a connection or a param is wrong.
    """

    # The question is written by the task itself, after the templates are filled in.
    template_fields: Sequence[str] = StageOperator.template_fields

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            **{
                "subject": "Send to Personio?",
                "defaults": ApprovalOperator.REJECT,
                "response_timeout": response_timeout(),
                **kwargs,
            }
        )

    def execute(self, context: Context) -> Any:
        """Count, and wait for an answer if one is needed."""
        found = super().execute(context)
        if not found["asked"]:
            return found
        self.subject, self.body = found["subject"], found["body"]
        return ApprovalOperator.execute(self, context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Keep who answered and when, and go on or skip what follows.

        :param event: Airflow's answer.
        """
        from include.ledger import open_ledger  # noqa: PLC0415 - SQLAlchemy stays out of the Dag parse

        if event.get("chosen_options"):
            with as_airflow_failures(), open_ledger() as ledger:
                ledger.approvals.answer(
                    self.run_key(context),
                    answer=str(event["chosen_options"][0]).lower(),
                    by=answered_by(event),
                    at=event["responded_at"],
                )
        if self.REJECT in event.get("chosen_options", ()):
            self.log.warning(
                "%s: nothing is sent. The records are kept; clear this task to ask again.",
                f"Rejected by {answered_by(event)}" if answered_by(event) else "Nobody answered in time",
            )
        return super().execute_complete(context, event)

    def work(self, ledger: Ledger, context: Context) -> dict[str, Any]:
        """Return the question, or that none is needed; a question is noted in the ledger."""
        asked, job = self._asked(context), self._job(context)
        window = self._window(ledger, job, context)
        count = to_send(ledger, job, str(context["run_id"]), window)
        wanted = asked.require_approval or (asked.approve_above is not None and count > asked.approve_above)
        if not wanted or not count or window.preview or self.destination == "employee_match":
            self.log.info("%s records to send; nobody need be asked.", count)
            return {"asked": False, "records": count}
        run_key = job.run_key(str(context["run_id"]))
        sample = ledger.deliveries.sample(
            job.stream,
            job.destination,
            job.position,
            selected_for=run_key if job.stream.is_history else None,
            limit=SAMPLE,
        )
        ledger.approvals.ask(run_key, {"records": count, "mode": window.name})
        subject = f"Send {count} records to Personio? ({window.name}, {self.dag_id})"
        return {"asked": True, "subject": subject, "body": question(job, window, count, sample)}


def to_send(ledger: Ledger, job: Job, run_id: str, window: Window) -> int:
    """Return how many records the run's load would send at most."""
    counts = (
        ledger.deliveries.selected(job.run_key(run_id))
        if job.stream.is_history
        else ledger.deliveries.counts(job.stream, job.destination, job.position)
    )
    count = sum(counts.get(state, 0) for state in TO_SEND)
    return count if window.max_records is None else min(count, window.max_records)


def question(job: Job, window: Window, count: int, sample: Sequence[tuple[str, Any]]) -> str:
    """Return what a person is shown, as Markdown: counts, ids of Exact and days, nothing about people.

    :param sample: (id at Exact, when it was created) of the first records.
    """
    becomes = f"applications for job position {job.position}" if job.destination == "application" else "employees"
    start, end = (
        day.isoformat(timespec="minutes") if day else None for day in (window.created_from, window.created_to)
    )
    lines = [
        f"**{count}** {job.stream.entity.lower()} of division {job.stream.division} would become {becomes}.",
        "",
        f"- Run: {window.name}; created from {start or 'the beginning'} until {end or 'now'} (UTC, not included)",
        f"- At 20 requests a minute: about {max(1, -(-count // 20))} minutes",
        "- **Reject**, or no answer in time: nothing is sent, and the records are kept",
        "",
        f"The first {len(sample)}:",
        "",
        "| ID at Exact | created |",
        "|---|---|",
        *(f"| `{source_id}` | {created.date().isoformat() if created else ''} |" for source_id, created in sample),
    ]
    return "\n".join(lines)


def answered_by(event: dict[str, Any]) -> str:
    """Return the user's name as Airflow knows it; empty: nobody answered in time."""
    user = event.get("responded_by_user") or {}
    return str(user.get("name") or user.get("id") or "")

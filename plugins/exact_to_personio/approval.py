"""The task in which a run waits until a person has said yes to what it would send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator

from exact_to_personio.approval_question import after_no, question, response_timeout, unusable_timeout
from exact_to_personio.stage import StageOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from include.ledger import Ledger

SAMPLE = 10


class ApproveOperator(StageOperator, ApprovalOperator):
    """Ask a person before anything is sent, where the run asks for that or would send a lot.

    Waits without a worker. The question has counts, and ids of Exact with the day of their creation: Airflow stores
    it. A rejection, and no answer in time, skip what follows. What a run of history wanted to send is then put aside
    until a run asks for it again; what a live run wanted to send, the next one sends. Who answered and when is kept
    in the ledger.

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
                # A commit that takes it that a load had nothing to do must not take a no for that.
                "ignore_downstream_trigger_rules": True,
                "response_timeout": response_timeout(),
                **kwargs,
            }
        )

    def execute(self, context: Context) -> Any:
        """Count, and wait for an answer if one is needed."""
        found = super().execute(context)
        if not found["asked"]:
            return found
        if wrong := unusable_timeout():
            self.log.warning("%s", wrong)
        self.subject, self.body = found["subject"], found["body"]
        return ApprovalOperator.execute(self, context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Keep who answered and when, and go on or skip what follows.

        :param event: Airflow's answer.
        """
        from include.ledger import open_ledger  # noqa: PLC0415 - SQLAlchemy stays out of the Dag parse
        from ledger_task.failures import as_airflow_failures  # noqa: PLC0415

        if chosen := event.get("chosen_options"):
            with as_airflow_failures(), open_ledger() as ledger:
                self._keep(ledger, self.run_key(context), str(chosen[0]), event)
        return super().execute_complete(context, event)

    def _keep(self, ledger: Ledger, run_key: str, chosen: str, event: dict[str, Any]) -> None:
        """Keep an answer; after a no, put aside what the run wanted to send."""
        by = answered_by(event)
        ledger.approvals.answer(run_key, answer=chosen.lower(), by=by, at=event["responded_at"])
        if chosen == self.REJECT:
            put_aside = ledger.deliveries.refuse(run_key, by=by or "time-out")
            kept = ledger.approvals.get(run_key)
            live = kept is not None and kept.asked.get("lane") == "live"
            self.log.warning("%s", after_no(by, live=live, put_aside=put_aside))

    def work(self, ledger: Ledger, context: Context) -> dict[str, Any]:
        """Return the question, or that none is needed; a question is noted in the ledger."""
        from include.records import LOOK_UPS  # noqa: PLC0415 - lazily, for the Dag parse
        from include.sync.approved import to_send  # noqa: PLC0415

        asked, job, run_id = self._asked(context), self._job(context), str(context["run_id"])
        window, run_key = self._window(ledger, job, context), job.run_key(run_id)
        meant = to_send(ledger, job, run_id, window)
        count = meant["records"]
        wanted = asked.require_approval or (asked.approve_above is not None and count > asked.approve_above)
        if not wanted or not count or window.preview or self.destination in LOOK_UPS:
            if ledger.approvals.get(run_key) is not None:
                # An earlier answer was given to another question, and bounds what is sent now no more.
                ledger.approvals.ask(run_key, {"needed": False, "lane": job.lane})
            self.log.info("%s records to send; nobody need be asked.", count)
            return {"asked": False, "records": count}
        sample = ledger.deliveries.sample(
            job.stream,
            job.destination,
            job.position,
            selected_for=run_key if job.stream.is_history else None,
            limit=SAMPLE,
        )
        ledger.approvals.ask(run_key, {**meant, "mode": window.name, "lane": job.lane})
        live = (
            ledger.approvals.live_scopes(job.stream, job.destination, job.position) if job.stream.is_history else ()
        )
        subject = f"Send {count} records to Personio? ({window.name}, {self.dag_id})"
        return {"asked": True, "subject": subject, "body": question(job, window, count, sample, live)}


def answered_by(event: dict[str, Any]) -> str:
    """Return the user's name as Airflow knows it; empty: nobody answered in time."""
    user = event.get("responded_by_user") or {}
    return str(user.get("name") or user.get("id") or "")

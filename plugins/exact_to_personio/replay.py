"""Replays from the UI: a form says which records, one task marks them, the DAGs concerned decide and send them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import BaseOperator, Param
from airflow.sdk.exceptions import DagRunTriggerException

from exact_to_personio.form_fields import optional, switch
from exact_to_personio.forms import CONSTANTS
from ledger_task.operator import LedgerOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.ledger import Ledger
    from include.replay import Replay

WITHOUT_ASKING: Final = 200
NARROW: Final = "Narrow it down"


def replay_params() -> dict[str, Param]:
    """Return the form: what names records on top, what narrows them below."""
    return {
        "records": optional(
            "array",
            "Records",
            "IDs at Exact, one per line; an e-mail address or an id at Personio will do too. Airflow keeps what is "
            "typed here, so prefer IDs.",
            items={"type": "string"},
        ),
        "reason": optional(
            "string",
            "Reason",
            "All records that wait for this reason, such as personio.files.not_readable; "
            "`exact-personio status` shows them.",
        ),
        "run": optional("string", "Run", "All records that this run was the last to touch: DAG/run."),
        "all_rejected": switch("All rejected", "Everything that was rejected, whatever the reason."),
        "remap": switch(
            "Map again",
            "Also what is decided and not sent yet: after a change of the mapping it is made anew from what was "
            "read.",
        ),
        "approve_count": Param(
            WITHOUT_ASKING,
            type="integer",
            minimum=1,
            title="At most",
            description="If more records fit, nothing is marked and the task says how many; enter that number to "
            "go on.",
        ),
        "dag": optional("string", "DAG", "Of these only this DAG's own.", section=NARROW),
        "destination": optional(
            "string",
            "Destination",
            "Of these only what becomes this at Personio.",
            enum=[None, *CONSTANTS],
            section=NARROW,
        ),
        "since": optional(
            "string", "Since", "Of these only what was decided from this day on (UTC).", format="date", section=NARROW
        ),
        "start": Param(
            default=True,
            type="boolean",
            title="Run the DAGs now",
            description="Off: their next runs decide the records.",
            section=NARROW,
        ),
    }


class ReplayOperator(LedgerOperator):
    """Mark the records that the form names, to be decided and sent again; nothing is sent by this task.

    Returns the runs that decide them: a list of ``{"replayed_dag_id", "said"}``, where the latter is the division and
    the job position; empty if none is to be started.

    :raises AirflowFailException: the form names no records, unknown ones, or more than it allows; or the run's
        configuration has a name that the form does not.
    """

    def work(self, ledger: Ledger, context: Context) -> list[dict[str, Any]]:
        """Mark; return which runs are to be started."""
        from exact_to_personio.stage import refuse_unknown_names  # noqa: PLC0415 - lazily, for the Dag parse
        from include.replay import plan, replay, selection  # noqa: PLC0415

        refuse_unknown_names(self, context)
        params = context["params"]
        chosen = selection(
            ledger,
            records=tuple(params.get("records") or ()),
            reason=params.get("reason") or None,
            run=params.get("run") or None,
            dag=params.get("dag") or None,
            all_rejected=bool(params.get("all_rejected")),
            remap=bool(params.get("remap")),
            destination=params.get("destination") or None,
            since=params.get("since") or None,
        )
        planned = plan(ledger, chosen)
        refuse_more(planned, int(params["approve_count"]))
        for line in replay(ledger, chosen, planned).lines():
            self.log.info("%s", line)
        return runs_of(planned) if params.get("start") else []


def refuse_more(planned: Replay, most: int) -> None:
    """Refuse a replay of more records than the form allows.

    :raises ConfigurationError: nothing was marked; the text says how many fit.
    """
    from include.errors import ConfigurationError  # noqa: PLC0415

    if planned.waiting > most:
        raise ConfigurationError(
            f"{planned.waiting} records fit, and the form allows {most}.",
            reason_code="params.approve_count.too_low",
            way_out=f"Nothing was marked. Are all of them meant? Then set approve_count to {planned.waiting}.",
        )


def runs_of(planned: Replay) -> list[dict[str, Any]]:
    """Return one run per DAG, division and job position of the records."""
    return [{"replayed_dag_id": dag_id, "said": said} for dag_id, said in planned.runs()]


class StartReplayOperator(BaseOperator):
    """Start the run of a DAG that decides and sends what is marked for it, and nothing else.

    The run is named after this one: a retry, or this task cleared, has the same run do it again.

    :param replayed_dag_id: of the DAG.
    :param said: what its form says: ``division``, the company at Exact, and for applications ``job_position_id``.
    """

    def __init__(self, *, replayed_dag_id: str, said: dict[str, int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.replayed_dag_id = replayed_dag_id
        self.said = said

    def execute(self, context: Context) -> None:
        """Start it.

        :raises DagRunTriggerException: Airflow's own way of starting a run.
        """
        self.log.info("%s, %s. A paused DAG runs once it is unpaused.", self.replayed_dag_id, self.said)
        # What TriggerDagRunOperator raises; that one would bring SQLAlchemy into the parse of the DAG file.
        raise DagRunTriggerException(
            trigger_dag_id=self.replayed_dag_id,
            dag_run_id="_".join(["replay", *map(str, self.said.values()), f"_{context['run_id']}"]),
            conf={"replay_only": True, **self.said},
            logical_date=None,
            reset_dag_run=True,
            skip_when_already_exists=False,
            wait_for_completion=False,
            allowed_states=["success"],
            failed_states=["failed"],
            poke_interval=60,
            deferrable=False,
        )

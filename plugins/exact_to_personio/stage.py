"""What the operators of the line have in common: connections, what is asked of the run, its job and mapping."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from exact_online import DEFAULT_CONNECTION as EXACT_CONNECTION
from exact_to_personio.forms import overrides_of
from exact_to_personio.preview_link import PreviewLink, preview_url
from ledger_task.operator import LedgerOperator
from personio import DEFAULT_CONNECTION as PERSONIO_CONNECTION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import BaseOperator, Context

    from exact_online.hooks import ExactOnlineHook
    from include.ledger import Ledger
    from include.records import Destination, Entity, Window
    from include.sync.asked import Asked
    from include.sync.job import Job
    from include.transform import Mapping as FieldMapping
    from personio.hooks import PersonioHook


class StageOperator(LedgerOperator):
    """One stage of the line plan → extract → transform → approve → load → commit.

    :param entity: Exact's ``Accounts`` or ``Contacts``.
    :param destination: ``application``, ``employee`` or ``employee_match``.
    :param windows_only: of a DAG for history: a run has to say which records it means.
    :param exact_conn_id: Airflow connection of Exact Online (templated).
    :param personio_conn_id: Airflow connection of Personio (templated).
    """

    template_fields: Sequence[str] = ("exact_conn_id", "personio_conn_id")
    operator_extra_links = (PreviewLink(),)
    preview_url: str = ""
    moved: tuple[Job, dict[str, int]] | None = None
    """What the task has moved, once it has."""

    def __init__(
        self,
        *,
        entity: Entity,
        destination: Destination,
        windows_only: bool = False,
        exact_conn_id: str = EXACT_CONNECTION,
        personio_conn_id: str = PERSONIO_CONNECTION,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.entity: Entity = entity
        self.destination: Destination = destination
        self.windows_only = windows_only
        self.exact_conn_id = exact_conn_id
        self.personio_conn_id = personio_conn_id

    @cached_property
    def _personio(self) -> PersonioHook:
        from personio.hooks import PersonioHook  # noqa: PLC0415 - lazily, for the Dag parse

        return PersonioHook(self.personio_conn_id)

    @cached_property
    def _exact_of(self) -> dict[int | None, ExactOnlineHook]:
        return {}

    def _exact(self, context: Context) -> ExactOnlineHook:
        """Return the hook, the same one for the whole task: each asks Airflow's API for its connection."""
        from exact_online.hooks import ExactOnlineHook  # noqa: PLC0415

        division = context["params"].get("division")
        return self._exact_of.setdefault(division, ExactOnlineHook(self.exact_conn_id, division))

    def _mapping(self, context: Context) -> FieldMapping:
        """Return the mapping in force: the run's params above the user's file above the built-in rules."""
        from include.settings import load_settings  # noqa: PLC0415
        from include.transform import load_mapping  # noqa: PLC0415

        return load_mapping(
            self.entity,
            self.destination,
            path=load_settings().mapping_path,
            overrides=overrides_of(self.destination, context["params"]),
            defaults=self._defaults(),
        )

    def _defaults(self) -> dict[str, Any]:
        """Return what the connection says about the destination's fields."""
        return {"job_position_id": self._personio.job_position_id} if self.destination == "application" else {}

    def _asked(self, context: Context) -> Asked:
        """Return what the run's form, its type and its interval ask of it; the same for every task of the run.

        :raises ConfigurationError: they contradict each other, a value cannot be meant, or a name is unknown.
        """
        from include.sync.asked import asked  # noqa: PLC0415

        run = context["dag_run"]
        refuse_unknown_names(self, context)
        start, end = run.data_interval_start, run.data_interval_end
        return asked(
            context["params"],
            run_type=run_type_of(context),
            interval=(start, end) if start is not None and end is not None else None,
            zone=self._exact(context).zone,
            entity=self.entity,
            now=datetime.now(UTC),
            windows_only=self.windows_only,
        )

    def is_of_history(self, context: Context) -> bool:
        """Say whether the run keeps to the lane that never moves the watermark.

        :param context: Airflow's context of the task.
        :raises ConfigurationError: the run's form cannot be meant.
        """
        return self._asked(context).history

    def _job(self, context: Context) -> Job:
        """Return what this run moves where, in the lane that it keeps to.

        :raises ConfigurationError: applications need a company id and a job position, and one is missing.
        """
        from include.errors import ConfigurationError  # noqa: PLC0415
        from include.records import StreamKey  # noqa: PLC0415
        from include.sync.job import Job  # noqa: PLC0415

        company = self._personio.company_id
        if company is None and self.destination == "application":
            raise ConfigurationError(
                f"Connection {self.personio_conn_id} names no company ID.",
                reason_code="personio.company_id.missing",
                way_out="Enter it in the connection: Settings > Integrations > API credentials at Personio.",
            )
        stream = StreamKey(self.dag_id, self._exact(context).division, self.entity)
        job = Job(stream, self.destination, company or 0, self._position(context))
        return job.history() if self._asked(context).history else job

    def _position(self, context: Context) -> int:
        return self._mapping(context).position if self.destination == "application" else 0

    def _window(self, ledger: Ledger, job: Job, context: Context) -> Window:
        """Return the window that plan pinned for this run.

        :raises ConfigurationError: plan has not run.
        """
        from include.errors import ConfigurationError  # noqa: PLC0415

        window = ledger.windows.get(job.stream, str(context["run_id"]))
        if window is None:
            raise ConfigurationError(
                f"Run {context['run_id']} has no window in the ledger.",
                reason_code="ledger.window.missing",
                way_out="Clear the task plan of this run; it decides the window.",
            )
        self._link_preview(window, job, context)
        return window

    def _link_preview(self, window: Window, job: Job, context: Context) -> None:
        """Give the task of a preview run its button."""
        if window.preview:
            self.preview_url = preview_url(job.run_key(str(context["run_id"])))


def refuse_unknown_names(task: BaseOperator, context: Context) -> None:
    """Refuse a run whose configuration has a name that the DAG's form does not; Airflow itself takes any.

    A DAG without a form is its author's affair.

    :raises ConfigurationError: with the nearest name that the form knows.
    """
    from include.sync.asked_values import refuse_unknown  # noqa: PLC0415 - lazily, for the Dag parse

    dag = task.get_dag()
    if dag is not None and dag.params:
        refuse_unknown(context["dag_run"].conf or (), (*dag.params, *task.params))


def run_type_of(context: Context) -> str:
    """Return how the run came about: ``manual``, ``scheduled``, ``backfill`` and so on.

    Not to be told from the run's id: a backfill that reprocesses a scheduled run keeps it.
    """
    kind = context["dag_run"].run_type
    return str(getattr(kind, "value", kind))

"""What the five operators of the line have in common: connections, job and mapping of a run."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from exact_online.hooks import ExactOnlineHook
from exact_to_personio.forms import overrides_of
from ledger_task.operator import LedgerOperator
from personio.hooks import PersonioHook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from include.ledger import Ledger
    from include.records import Destination, Entity, Window
    from include.sync.job import Job
    from include.transform import Mapping as FieldMapping


class StageOperator(LedgerOperator):
    """One stage of the line plan → extract → transform → load → commit.

    :param entity: Exact's ``Accounts`` or ``Contacts``.
    :param destination: ``application``, ``employee`` or ``employee_match``.
    :param exact_conn_id: Airflow connection of Exact Online (templated).
    :param personio_conn_id: Airflow connection of Personio (templated).
    """

    template_fields: Sequence[str] = ("exact_conn_id", "personio_conn_id")

    def __init__(
        self,
        *,
        entity: Entity,
        destination: Destination,
        exact_conn_id: str = ExactOnlineHook.default_conn_name,
        personio_conn_id: str = PersonioHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.entity: Entity = entity
        self.destination: Destination = destination
        self.exact_conn_id = exact_conn_id
        self.personio_conn_id = personio_conn_id

    @cached_property
    def _personio(self) -> PersonioHook:
        return PersonioHook(self.personio_conn_id)

    def _exact(self, context: Context) -> ExactOnlineHook:
        return ExactOnlineHook(self.exact_conn_id, context["params"].get("division"))

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

    def _job(self, context: Context) -> Job:
        """Return what this run moves where.

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
        return Job(stream, self.destination, company or 0, self._position(context))

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
        return window

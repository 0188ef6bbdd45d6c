"""What the five operators of the line have in common: connections, job and mapping of a run."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from exact_online.hooks import ExactOnlineHook
from ledger_task.operator import LedgerOperator
from personio.hooks import PersonioHook

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from include.ledger import Ledger
    from include.records import Destination, Entity, Window
    from include.sync.job import Job
    from include.transform import Mapping as FieldMapping

SINGLE_PARAMS = (
    "job_position_id",
    "recruiting_channel_id",
    "external_posting_id",
    "message",
    "application_date",
    "tags",
    "files",
)
"""DAG params that have the mapping's own names and, when filled in, stand above the mapping file."""


def overrides_of(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the run's form says about the destination's fields, as the mapping takes it."""
    given = {name: params.get(name) for name in SINGLE_PARAMS}
    if params.get("phase_id"):
        given["phase"] = {"type": params.get("phase_type") or "system", "id": params["phase_id"]}
    if params.get("attributes"):
        given["attributes"] = {str(entry["id"]): entry["value"] for entry in params["attributes"]}
    return {name: value for name, value in given.items() if value not in (None, "", [])}


class StageOperator(LedgerOperator):
    """One stage of the line plan → extract → transform → load → commit.

    :param entity: Exact's ``Accounts`` or ``Contacts``.
    :param destination: ``application`` or ``employee``.
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
            overrides=overrides_of(context["params"]),
            defaults={"job_position_id": self._personio.job_position_id},
        )

    def _job(self, context: Context) -> Job:
        """Return what this run moves where.

        :raises ConfigurationError: no company id or no job position is configured.
        """
        from include.errors import ConfigurationError  # noqa: PLC0415
        from include.records import StreamKey  # noqa: PLC0415
        from include.sync.job import Job  # noqa: PLC0415

        company = self._personio.company_id
        if company is None:
            raise ConfigurationError(
                f"Connection {self.personio_conn_id} names no company ID.",
                reason_code="personio.company_id.missing",
                way_out="Enter it in the connection: Settings > Integrations > API credentials at Personio.",
            )
        stream = StreamKey(self.dag_id, self._exact(context).division, self.entity)
        return Job(stream, self.destination, company, self._position(context))

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

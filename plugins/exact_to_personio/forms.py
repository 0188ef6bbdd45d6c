"""The forms of manual runs, as data: one per destination, every default valid, as a schedule demands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exact_to_personio import form_fields as fields
from exact_to_personio.form_fields import optional
from ledger_task.dag_defaults import in_one_dialect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Param

    from include.records import Destination, Entity

GENDERS = ("male", "female", "diverse")
STATUSES = ("onboarding", "active", "leave", "inactive")
_ID: dict[str, Any] = {"minimum": 1, "maximum": fields.HIGHEST_ID}

CONSTANTS: dict[Destination, tuple[str, ...]] = {
    "application": (
        "job_position_id",
        "recruiting_channel_id",
        "external_posting_id",
        "message",
        "application_date",
        "tags",
        "files",
    ),
    "employee": (
        "preferred_name",
        "gender",
        "position",
        "subcompany",
        "department",
        "office",
        "hire_date",
        "weekly_working_hours",
        "employee_status",
        "supervisor_id",
        "custom_attributes",
    ),
    "employee_match": (),
}
"""The form's fields that have the mapping's own names and, when filled in, stand above the mapping file."""

RENAMED = {"employee_status": "status"}
"""Fields whose name in the mapping is taken in the form: `status` there is the account's at Exact."""


def overrides_of(destination: Destination, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the run's form says about the destination's fields, as the mapping takes it.

    :raises ConfigurationError: a phase is only half filled in.
    """
    from include.errors import ConfigurationError  # noqa: PLC0415 - lazily, for the Dag parse

    given = {RENAMED.get(name, name): params.get(name) for name in CONSTANTS[destination]}
    if destination == "application":
        if bool(params.get("phase_type")) != bool(params.get("phase_id")):
            raise ConfigurationError(
                "The form names only one of phase type and phase.",
                reason_code="params.phase_id.missing",
                way_out="Trigger the run again with both, or with neither.",
            )
        if params.get("phase_id"):
            given["phase"] = {"type": params["phase_type"], "id": params["phase_id"]}
        if params.get("attributes"):
            given["attributes"] = {str(entry["id"]): entry["value"] for entry in params["attributes"]}
    return {name: value for name, value in given.items() if value not in (None, "", [], {})}


def form(destination: Destination, entity: Entity, *, history: bool = False) -> dict[str, Param]:
    """Return the params of a DAG that moves records of this entity to this destination.

    :param history: of a DAG that takes nothing but windows, and has no watermark to start from.
    """
    own = {"application": _application, "employee": _employee, "employee_match": _match}[destination]()
    # What has no field of its own is only looked up; `include.records` says so, too, but is not imported for it.
    writes = bool(CONSTANTS[destination])
    first: dict[str, Param] = {name: own.pop(name) for name in ("job_position_id", "updated_since") if name in own}
    params: dict[str, Param] = {
        **fields.window(history=history),
        **(fields.looks() if writes else {}),
        **first,
        "division": fields.division(),
        **fields.which(entity),
        **fields.safety(writes=writes),
        **own,
        **({} if history else fields.start()),
        **fields.again(),
    }
    return in_one_dialect(params)


def _application() -> dict[str, Param]:
    more: dict[str, Any] = {"section": "Application fields"}
    files = _entries("path", "category")
    return {
        "job_position_id": optional(
            "integer",
            "Job position",
            "Position at Personio that everybody of this run applies for; it must be published. "
            "Empty: the mapping's, then the connection's.",
            **_ID,
        ),
        "recruiting_channel_id": optional(
            "integer", "Recruiting channel", "Id of a channel at Personio.", **_ID, **more
        ),
        "external_posting_id": optional("string", "External posting", "Must exist and match the channel.", **more),
        "message": optional("string", "Message", "Free text; for a template use the mapping file.", **more),
        "application_date": optional(
            "string",
            "Application date",
            "Not in the future. Empty: the day the record was created.",
            format="date",
            **more,
        ),
        "tags": optional(
            "array", "Tags", "Personio creates tags it does not know.", items={"type": "string"}, **more
        ),
        "files": optional(
            "array", "Files", 'List of {"path", "category"}; files of the worker.', items=files, **more
        ),
        "attributes": optional(
            "array", "Attributes", 'List of {"id", "value"}.', items=_entries("id", "value"), **more
        ),
        "phase_type": optional(
            "string", "Phase type", "Together with the phase.", enum=[None, "system", "custom"], **more
        ),
        "phase_id": optional("string", "Phase", "Id of the phase; Personio shows it under Recruiting.", **more),
    }


def _employee() -> dict[str, Param]:
    more: dict[str, Any] = {"section": "Employee fields, the same for everybody of the run"}
    name = "A name that Personio knows; others it ignores, which is kept as a warning."
    return {
        "preferred_name": optional("string", "Preferred name", "Empty: the mapping's.", **more),
        "gender": optional("string", "Gender", "Empty: from Exact.", enum=[None, *GENDERS], **more),
        "position": optional("string", "Position", "Job title. Empty: from Exact.", **more),
        "subcompany": optional("string", "Subcompany", name, **more),
        "department": optional("string", "Department", name, **more),
        "office": optional("string", "Office", name, **more),
        "hire_date": optional("string", "Hire date", "First day at work.", format="date", **more),
        "weekly_working_hours": optional("number", "Weekly hours", "Such as 38.5.", minimum=0, maximum=168, **more),
        "employee_status": optional(
            "string", "Status of employees", "Empty: onboarding.", enum=[None, *STATUSES], **more
        ),
        "supervisor_id": optional("integer", "Supervisor", "Id of an employee at Personio.", **_ID, **more),
        "custom_attributes": optional("object", "Custom attributes", '{"dynamic_123": "value"}', **more),
    }


def _match() -> dict[str, Param]:
    return {
        "updated_since": optional(
            "string",
            "Changed since",
            "Also note all employees that changed since this day, besides those with the record's address.",
            format="date",
        )
    }


def _entries(*names: str) -> dict[str, Any]:
    """Return the schema of a list's entries that must have these fields."""
    return {"type": "object", "required": list(names), "properties": {name: {"type": "string"} for name in names}}

"""The fields of Personio that a mapping can fill, with their types and limits.

The tables follow Personio's reference of `Create Application
<https://developer.personio.de/reference/post_v1-recruiting-applications>`__ and `Create Employee
<https://developer.personio.de/reference/post_company-employees>`__.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from include.records import Destination

Kind = Literal[
    "text", "email", "integer", "number", "date", "choice", "tags", "files", "attributes", "phase", "custom"
]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a destination.

    :param kind: what its value is turned into and checked as.
    :param required: Personio refuses the record without it.
    :param choices: the values that Personio knows, for kind ``choice``.
    :param past: the date may not lie in the future.
    :param note: one line for people, printed in the documentation and in error texts.
    """

    kind: Kind
    required: bool = False
    choices: tuple[str, ...] = ()
    past: bool = False
    note: str = ""


APPLICATION: Final[dict[str, Field]] = {
    "first_name": Field("text", required=True),
    "last_name": Field("text", required=True),
    "email": Field("email", required=True),
    "job_position_id": Field("integer", required=True, note="the position must be published"),
    "recruiting_channel_id": Field("integer", note="must exist in Personio"),
    "external_posting_id": Field("text", note="must exist and belong to the channel"),
    "message": Field("text", note="free text, shown with the application"),
    "application_date": Field("date", past=True, note="not in the future"),
    "phase": Field("phase", note="an unknown custom phase silently becomes `unassigned`"),
    "tags": Field("tags", note="unknown tags are created"),
    "files": Field("files", note="local files, uploaded before the application"),
    "attributes": Field("attributes", note="values are always sent as text"),
}

EMPLOYEE: Final[dict[str, Field]] = {
    "email": Field("email", required=True),
    "first_name": Field("text", required=True),
    "last_name": Field("text", required=True),
    "preferred_name": Field("text"),
    "gender": Field("choice", choices=("male", "female", "diverse")),
    "position": Field("text"),
    "subcompany": Field("text", note="a name; Personio ignores one that it does not know"),
    "department": Field("text", note="a name; Personio ignores one that it does not know"),
    "office": Field("text", note="a name; Personio ignores one that it does not know"),
    "hire_date": Field("date", note="past: the employee becomes active, else onboarding"),
    "weekly_working_hours": Field("number"),
    "status": Field("choice", choices=("onboarding", "active", "leave", "inactive")),
    "supervisor_id": Field("integer", note="must be an existing employee"),
    "custom_attributes": Field("custom", note="names look like `dynamic_123`"),
}

EMPLOYEE_MATCH: Final[dict[str, Field]] = {"email": Field("email", required=True, note="what employees are found by")}

DESTINATIONS: Final[dict[Destination, dict[str, Field]]] = {
    "application": APPLICATION,
    "employee": EMPLOYEE,
    "employee_match": EMPLOYEE_MATCH,
}

ATTRIBUTES: Final[dict[str, Field]] = {
    "birthday": Field("date"),
    "gender": Field("choice", choices=("male", "female", "diverse", "undefined")),
    "location": Field("text"),
    "phone": Field("text"),
    "available_from": Field("date"),
    "salary_expectations": Field("text"),
}
"""Personio's own attributes of an application; the company's own are ``custom_attribute_<number>``."""

CUSTOM_ATTRIBUTE: Final = re.compile(r"custom_attribute_\d+", re.ASCII)
DYNAMIC_ATTRIBUTE: Final = re.compile(r"dynamic_\d+", re.ASCII)

SYSTEM_PHASES: Final = ("unassigned", "rejected", "withdrawn", "offer", "accepted")

FILE_TYPES: Final = frozenset(
    {
        "pdf",
        "pptx",
        "xlsx",
        "docx",
        "doc",
        "xls",
        "ppt",
        "ods",
        "odt",
        "7z",
        "gz",
        "rar",
        "zip",
        "bmp",
        "gif",
        "jpg",
        "png",
        "tif",
        "csv",
        "txt",
        "rtf",
        "mp4",
        "3gp",
        "mov",
        "avi",
        "wmv",
    }
)
"""Extensions that Personio takes; ``jpeg`` and ``tiff`` are not among them."""


def part_of(field: str, name: str) -> Field | None:
    """Return what an entry of ``attributes`` or ``custom_attributes`` is, None if there is no such entry."""
    if field == "custom_attributes":
        return Field("text") if DYNAMIC_ATTRIBUTE.fullmatch(name) else None
    return Field("text") if CUSTOM_ATTRIBUTE.fullmatch(name) else ATTRIBUTES.get(name)


def parts_allowed(field: str) -> str:
    """Say which entries ``attributes`` or ``custom_attributes`` may have, for error texts."""
    return (
        "dynamic_<number>" if field == "custom_attributes" else ", ".join([*ATTRIBUTES, "custom_attribute_<number>"])
    )

"""What Personio checks in the body of an application, before and after it looks at the token."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import TYPE_CHECKING, Any

from include.sandbox.personio_errors import Refused, recruiting_reason
from include.sandbox.personio_state import CHANNELS, CUSTOM_STAGES, INITIAL_STAGE, POSTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from include.sandbox.personio_settings import PersonioSettings
    from include.sandbox.personio_state import PersonioState

Body = dict[str, Any]
Problem = tuple[str, str]

INVALID = "Invalid request body supplied"
REQUIRED = ("first_name", "last_name", "email", "job_position_id")
TYPES: dict[str, type] = {
    "first_name": str,
    "last_name": str,
    "email": str,
    "job_position_id": int,
    "recruiting_channel_id": int,
    "external_posting_id": str,
    "message": str,
    "application_date": str,
    "phase": dict,
    "tags": list,
    "files": list,
    "attributes": list,
}
ITEM_FIELDS = {"files": ("uuid", "original_filename", "category"), "attributes": ("id", "value")}
SYSTEM_PHASES = {"unassigned", "rejected", "withdrawn", "offer", "accepted"}
CATEGORIES = {"cv", "cover-letter", "employment-reference", "certificate", "work-sample", "other"}
GENDERS = {"male", "female", "diverse", "undefined"}
PLAIN_ATTRIBUTES = {"location", "phone", "available_from", "salary_expectations"}
CUSTOM_ATTRIBUTES: dict[str, tuple[str, frozenset[str]]] = {
    "custom_attribute_101": ("TEXT", frozenset()),
    "custom_attribute_102": ("DATE", frozenset()),
    "custom_attribute_103": ("OPTION", frozenset({"Amsterdam", "Berlin"})),
    "custom_attribute_104": ("NUMBER", frozenset()),
}
EMAIL = re.compile(r"[^@\s,;<>()]+@[^@\s,;<>()]+\.[^@\s.,;<>()]{2,}")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
WRONG_DATE = "errors.attribute-validation.invalid-date-format"


def parsed(body: bytes, settings: PersonioSettings) -> Body:
    """Return the body if its shape is right; this happens before anybody looks at the token.

    :raises Refused: 400 in shape A.
    """
    try:
        sent = json.loads(body)
    except ValueError:
        raise Refused(recruiting_reason(INVALID)) from None
    if not isinstance(sent, dict) or set(sent) - set(TYPES):
        raise Refused(recruiting_reason(INVALID))
    sent = {name: value for name, value in sent.items() if value is not None}
    _require(sent, REQUIRED)
    for name, value in sent.items():
        if not _fits(value, TYPES[name], settings):
            raise Refused(recruiting_reason(INVALID))
    _check_parts(sent)
    return _with_integers(sent)


def _require(sent: Mapping[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        if sent.get(name) is None:
            raise Refused(recruiting_reason(f"Field '{name}' is required"))


def _fits(value: Any, wanted: type, settings: PersonioSettings) -> bool:
    if wanted is int:
        if not settings.strict_integers and isinstance(value, str):
            return value.isascii() and value.isdigit()
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, wanted)


def _check_parts(sent: Body) -> None:
    if "phase" in sent:
        _require(sent["phase"], ("type", "id"))
        phase_id = sent["phase"]["id"]
        known = sent["phase"]["type"] in ("system", "custom")
        if not known or isinstance(phase_id, bool) or not isinstance(phase_id, str | int):
            raise Refused(recruiting_reason(INVALID))
    if not all(isinstance(tag, str) for tag in sent.get("tags", [])):
        raise Refused(recruiting_reason(INVALID))
    for name, fields in ITEM_FIELDS.items():
        for item in sent.get(name, []):
            if not isinstance(item, dict):
                raise Refused(recruiting_reason(INVALID))
            _require(item, fields)
            if not all(isinstance(item[field], str) for field in fields):
                raise Refused(recruiting_reason(INVALID))


def _with_integers(sent: Body) -> Body:
    return {name: int(value) if TYPES[name] is int else value for name, value in sent.items()}


def problems(body: Body, state: PersonioState, today: date) -> list[Problem]:
    """Return what is wrong with a well-formed body, as pairs of field and reason code.

    :param today: the date that an application must not lie behind.
    """
    found = [*_names(body), *_dates(body, today), *_job(body, state), *_channel(body), *_phase(body)]
    for item in body.get("files", []):
        if item["uuid"] not in state.documents:
            found.append((f"files.{item['uuid']}", "errors.file-validation.file-not-exists"))
        if item["category"] not in CATEGORIES:
            found.append((f"files.{item['uuid']}", "errors.file-validation.unknown-file-category"))
    for item in body.get("attributes", []):
        reason = _attribute(item["id"], item["value"])
        if reason:
            found.append((f"attributes.{item['id']}", reason))
    duplicate = state.settings.duplicate_detection and state.has_applied(body["email"], body["job_position_id"])
    if not found and duplicate:
        found.append(("email", state.settings.duplicate_reason))
    return found


def _names(body: Body) -> list[Problem]:
    found = [
        (name, "errors.attribute-validation.required-attribute")
        for name in ("first_name", "last_name")
        if not body[name].strip()
    ]
    if not EMAIL.fullmatch(body["email"]):
        found.append(("email", "errors.attribute-validation.invalid-email-format"))
    return found


def _dates(body: Body, today: date) -> list[Problem]:
    text = body.get("application_date")
    if text is None:
        return []
    day = _day(text)
    if day is None:
        return [("application_date", WRONG_DATE)]
    late = "errors.date-validation.date-in-the-future"
    return [("application_date", late)] if day > today else []


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if DATE.fullmatch(text) else None
    except ValueError:
        return None


def _job(body: Body, state: PersonioState) -> list[Problem]:
    job = state.jobs.get(body["job_position_id"])
    if job is None:
        return [("job_position_id", state.settings.unknown_job_reason)]
    return [] if job.published else [("job_position_id", "errors.job-position.not-published")]


def _channel(body: Body) -> list[Problem]:
    channel, posting = body.get("recruiting_channel_id"), body.get("external_posting_id")
    if channel is not None and channel not in CHANNELS:
        return [("recruiting_channel_id", "errors.posting-validation.channel-not-found")]
    if posting is not None and (posting not in POSTINGS or POSTINGS[posting] != channel):
        return [("external_posting_id", "errors.posting-validation.posting-not-found")]
    return []


def _phase(body: Body) -> list[Problem]:
    phase = body.get("phase")
    if phase and phase["type"] == "system" and phase["id"] not in SYSTEM_PHASES:
        return [("phase", "errors.phase-validation.invalid-system-phase")]
    return []


def stage(body: Body) -> dict[str, Any]:
    """Return the stage that an application lands in; an unknown custom phase becomes ``unassigned``."""
    phase = body.get("phase")
    if phase and phase["type"] == "system":
        return {"id": None, "kind": "SYSTEM", "name": None, "type": phase["id"].upper()}
    if phase and str(phase["id"]).isdigit() and int(phase["id"]) in CUSTOM_STAGES:
        number = int(phase["id"])
        return {"id": str(number), "kind": "CUSTOM", "name": CUSTOM_STAGES[number], "type": "CUSTOM"}
    if phase:
        return {"id": None, "kind": "SYSTEM", "name": None, "type": "UNASSIGNED"}
    return {"id": str(INITIAL_STAGE), "kind": "SYSTEM", "name": "Unassigned", "type": "UNASSIGNED"}


def _attribute(name: str, value: str) -> str | None:
    kind, options = CUSTOM_ATTRIBUTES.get(name, ("", frozenset()))
    if name == "gender":
        kind, options = "OPTION", frozenset(GENDERS)
    elif name == "birthday":
        kind = "DATE"
    elif name in PLAIN_ATTRIBUTES:
        kind = "TEXT"
    if not kind:
        return "errors.attribute-validation.unknown"
    if kind == "OPTION" and value not in options:
        return "errors.attribute-validation.unknown-attribute-option"
    if kind == "DATE" and _day(value) is None:
        return WRONG_DATE
    if kind == "NUMBER" and not re.fullmatch(r"-?\d+(\.\d+)?", value):
        return "errors.attribute-validation.invalid-type"
    return None

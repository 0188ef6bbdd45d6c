"""Personio's v1 personnel API: list, get, create and change employees."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from starlette.responses import JSONResponse

from include.sandbox.personio_access import limit, limit_v1, require_v1
from include.sandbox.personio_auth import FORM
from include.sandbox.personio_employee_shape import DYNAMIC, OBJECTS, attribute_list, employee, object_id
from include.sandbox.personio_errors import NOT_FOUND_V1, Refused, personnel

if TYPE_CHECKING:
    from starlette.responses import Response

    from include.sandbox.personio_access import Call
    from include.sandbox.personio_state import Person

STATUSES = ("onboarding", "active", "leave", "inactive")
GENDERS = ("male", "female", "diverse")
TEXTS = ("preferred_name", "position")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
FORM_KEY = re.compile(r"employee\[(\w+)\]")


def list_employees(call: Call) -> Response:
    """Answer ``GET /v1/company/employees``."""
    _enter(call, "employees:read", listing=True)
    query = call.request.query_params
    size, offset = _paging(call)
    people = sorted(
        call.state.people.values(), key=lambda item: item.id, reverse=call.settings.employees_order == "desc"
    )
    only = query.getlist("attributes[]") or query.getlist("attributes") or None
    since = query.get("updated_since")
    if since is not None:
        # Beside `updated_since` the e-mail filter is ignored, and `attributes[]` filters as well.
        at = _since(call, since)
        people = [item for item in people if _changed_since(item, at, only)]
        if call.settings.updated_since_ignores_paging:
            size, offset = max(len(people), 1), 0
    elif query.get("email"):
        people = [item for item in people if item.email.casefold() == query["email"].casefold()]
    body = {
        "success": True,
        "metadata": {
            "total_elements": len(people),
            "current_page": offset // size,
            "total_pages": math.ceil(len(people) / size),
        },
        "offset": offset,
        "limit": size,
        "data": [employee(call, item, only) for item in people[offset : offset + size]],
    }
    return _answer(call, body)


def get_employee(call: Call) -> Response:
    """Answer ``GET /v1/company/employees/{id}``."""
    _enter(call, "employees:read")
    return _answer(call, {"success": True, "data": employee(call, _found(call))})


def create_employee(call: Call) -> Response:
    """Answer ``POST /v1/company/employees``: 200 with the id, 422 if something is wrong."""
    _enter(call, "employees:write")
    sent = _sent(call)
    for name in ("email", "first_name", "last_name"):
        if not isinstance(sent.get(name), str) or not sent[name].strip():
            label = name.replace("_", " ")
            raise _refused(call, f"The {label} field is required.", {name: [f"The {label} field is required."]})
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]{2,}", sent["email"]):
        raise _refused(call, "The email must be a valid email address.")
    if call.state.person_by_email(sent["email"]) and not call.settings.duplicate_employee_allowed:
        status = call.settings.duplicate_employee_status
        raise _refused(call, call.settings.duplicate_employee_message, status=status)
    fields, meta = _fields(call, sent, None)
    hired = fields.get("hire_date")
    past = hired is not None and date.fromisoformat(hired) <= call.now.date()
    fields.setdefault("status", "active" if past else "onboarding")
    person = call.state.add_person(sent["email"], sent["first_name"], sent["last_name"], fields)
    body: dict[str, Any] = {"success": True, "data": {"id": person.id, "message": "success"}}
    return _answer(call, {**body, "meta": meta} if meta else body)


def update_employee(call: Call) -> Response:
    """Answer ``PATCH /v1/company/employees/{id}``; not for the e-mail address, ignores unknown fields."""
    _enter(call, "employees:write")
    person = _found(call)
    sent = _sent(call)
    fields, meta = _fields(call, sent, person)
    names = {name: sent[name] for name in ("first_name", "last_name") if isinstance(sent.get(name), str)}
    call.state.change_person(person, {**names, **fields})
    return _answer(call, {"success": True, "data": {"id": person.id}, "meta": meta})


def list_attributes(call: Call) -> Response:
    """Answer ``GET /v1/company/employees/attributes`` and ``…/custom-attributes``: what the credential may see."""
    _enter(call, "employees:read")
    return JSONResponse({"success": True, "data": attribute_list(call)})


def profile_picture(call: Call) -> Response:
    """Answer ``GET …/profile-picture``: nobody here has one."""
    _enter(call, "employees:read")
    raise Refused(personnel(404, NOT_FOUND_V1))


def unknown_path(call: Call) -> Response:
    """Answer any other path of v1."""
    limit_v1(call)
    raise Refused(personnel(404, NOT_FOUND_V1))


def _enter(call: Call, scope: str, *, listing: bool = False) -> None:
    limit_v1(call)
    if listing:
        limit(call, "employees/s", call.settings.employees_per_second, seconds=call.minute / 60)
        limit(call, "employees", call.settings.employees_per_minute)
    require_v1(call, scope)


def _answer(call: Call, body: dict[str, Any]) -> Response:
    response = JSONResponse(body)
    if call.settings.authorization_response_header:
        # Left from the days of rotating tokens; personio-py fails without it.
        response.headers["Authorization"] = f"Bearer {call.bearer}"
    return response


def _refused(call: Call, message: str, errors: dict[str, list[str]] | None = None, *, status: int = 422) -> Refused:
    response = personnel(status, message, errors=errors)
    if call.settings.business_errors_as_200:
        response.status_code = 200
    return Refused(response)


def _found(call: Call) -> Person:
    person = call.state.people.get(call.path_int("id") or 0)
    if person is None:
        raise Refused(personnel(404, NOT_FOUND_V1))
    return person


def _paging(call: Call) -> tuple[int, int]:
    query, settings = call.request.query_params, call.settings
    size = _number(query.get("limit"), settings.employees_default_limit)
    offset = _number(query.get("offset"), 0)
    if size > settings.employees_max_limit and settings.employees_over_limit == "clamp":
        size = settings.employees_max_limit
    if not 1 <= size <= settings.employees_max_limit:
        text = f"The limit must be between 1 and {settings.employees_max_limit}."
        raise _refused(call, text, status=settings.employees_limit_status)
    if offset < 0:
        raise _refused(call, "The offset must be at least 0.", status=settings.employees_limit_status)
    return size, offset


def _number(text: str | None, default: int) -> int:
    if text is None:
        return default
    try:
        return int(text)
    except ValueError:
        return -1


def _since(call: Call, text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise _refused(call, "The updated since does not match the format Y-m-d\\TH:i:s.") from None
    zone = ZoneInfo(call.settings.updated_since_zone)
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


def _changed_since(person: Person, at: datetime, only: list[str] | None) -> bool:
    if only is None:
        return person.updated_at >= at
    return any(person.changed[name] >= at for name in only if name in person.changed)


def _sent(call: Call) -> dict[str, Any]:
    """Read ``{"employee": {…}}`` or a form of ``employee[email]`` fields."""
    if call.content_type == FORM:
        pairs = parse_qsl(call.body.decode(errors="replace"), keep_blank_values=True)
        matches = ((FORM_KEY.fullmatch(name), value) for name, value in pairs)
        return {match[1]: value for match, value in matches if match}
    try:
        body = json.loads(call.body)
    except ValueError:
        body = None
    if not isinstance(body, dict) or not isinstance(body.get("employee"), dict):
        raise _refused(call, "The employee field is required.")
    return dict(body["employee"])


def _fields(call: Call, sent: dict[str, Any], person: Person | None) -> tuple[dict[str, Any], list[str]]:
    """Return the accepted fields, and a warning for each name that the company does not have."""
    fields = {name: sent[name] for name in TEXTS if isinstance(sent.get(name), str)}
    for name, allowed in (("gender", GENDERS), ("status", STATUSES)):
        if sent.get(name) not in (None, ""):
            if sent[name] not in allowed:
                raise _refused(call, f"The selected {name} is invalid.")
            fields[name] = sent[name]
    fields.update(_dates_and_hours(call, sent))
    if "supervisor_id" in sent:
        fields["supervisor_id"] = _supervisor_id(call, sent["supervisor_id"], person)
    custom = sent.get("custom_attributes")
    if isinstance(custom, dict):
        fields.update({name: value for name, value in custom.items() if name in DYNAMIC})
    meta = []
    for name in OBJECTS:
        if not sent.get(name):
            continue
        if object_id(call, name, sent[name]) is None:
            meta.append(f"{OBJECTS[name]} '{sent[name]}' not found")
        else:
            fields[name] = sent[name]
    return fields, meta


def _dates_and_hours(call: Call, sent: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    hired, hours = sent.get("hire_date"), sent.get("weekly_working_hours")
    if hired is not None:
        try:
            date.fromisoformat(hired if DATE.fullmatch(hired) else "")
        except (TypeError, ValueError):
            raise _refused(call, "The hire date does not match the format Y-m-d.") from None
        fields["hire_date"] = hired
    if hours is not None:
        try:
            fields["weekly_working_hours"] = float(hours)
        except (TypeError, ValueError):
            raise _refused(call, "The weekly working hours must be a number.") from None
    return fields


def _supervisor_id(call: Call, value: Any, person: Person | None) -> int | None:
    if value in (None, ""):
        return None
    number = int(value) if str(value).isdigit() else 0
    if number not in call.state.people or (person is not None and number == person.id):
        raise _refused(call, f"Supervisor with ID {value} not found")
    return number

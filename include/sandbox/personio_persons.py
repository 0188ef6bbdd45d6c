"""Personio's v2 persons API: the same people as v1's employees."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from include.sandbox.personio_employee_shape import DYNAMIC
from include.sandbox.personio_errors import Refused, bad_request, not_found, problem
from include.sandbox.personio_paging import Listing, asked, in_range, iso, moment, page

if TYPE_CHECKING:
    from include.sandbox.personio_access import Call
    from include.sandbox.personio_paging import Asked
    from include.sandbox.personio_state import Person

TIMES = tuple(f"{name}{suffix}" for name in ("created_at", "updated_at") for suffix in ("", ".gt", ".lt"))
NAMES = ("first_name", "last_name", "preferred_name")
FILTERS = ("id", "email", *NAMES, *TIMES, "status")
GENDERS = {"MALE": "male", "FEMALE": "female", "DIVERSE": "diverse"}
NO_GENDERS = {"UNKNOWN", "UNDEFINED", "UNSPECIFIED"}
STATUSES = ("active", "onboarding", "leave", "inactive")


def list_persons(call: Call) -> Response:
    """Answer ``GET /v2/persons``; filters are joined by AND."""
    listing = Listing(10, 50, FILTERS, self_loop=call.settings.persons_next_points_to_self)
    wanted = asked(call, listing)
    for name in TIMES:
        if name in wanted.filters:
            moment(call, wanted.filters[name])
    if wanted.filters.get("status", "ACTIVE") not in ("ACTIVE", "INACTIVE"):
        raise Refused(bad_request(call.now))
    rows = sorted((p for p in call.state.people.values() if _matches(call, wanted, p)), key=lambda p: p.id)
    return page(call, listing, wanted, rows, key=lambda p: [p.id], show=lambda p: _person(call, p))


def get_person(call: Call) -> Response:
    """Answer ``GET /v2/persons/{id}`` with the bare object."""
    return JSONResponse(_person(call, _found(call)))


def create_person(call: Call) -> Response:
    """Answer ``POST /v2/persons``: 201 with id and link, 400 for a body that is wrong or an address in use."""
    sent = _sent(call)
    if not all(isinstance(sent.get(name), str) and sent[name].strip() for name in ("first_name", "last_name")):
        raise Refused(bad_request(call.now))
    email = sent.get("email")
    if email is not None and not (isinstance(email, str) and re.fullmatch(r"[^@\s]+@[^@\s]+", email)):
        raise Refused(bad_request(call.now))
    if email and call.state.person_by_email(email) and not call.settings.duplicate_employee_allowed:
        status = call.settings.duplicate_person_status
        raise Refused(problem(status, "Bad request", "The email must be unique.", at=call.now))
    person = call.state.add_person(email or "", sent["first_name"], sent["last_name"], _fields(call, sent))
    links = {"self": {"href": f"{call.origin}/v2/persons/{person.id}"}}
    return JSONResponse({"id": str(person.id), "_meta": {"links": links}}, 201)


def update_person(call: Call) -> Response:
    """Answer ``PATCH /v2/persons/{id}``; unknown fields are ignored."""
    person = _found(call)
    sent = _sent(call)
    names = {name: sent[name] for name in ("first_name", "last_name") if isinstance(sent.get(name), str)}
    fields = _fields(call, sent)
    if "employments" not in sent:
        fields.pop("status", None)
    call.state.change_person(person, {**names, **fields})
    return JSONResponse(_person(call, person))


def delete_person(call: Call) -> Response:
    """Answer ``DELETE /v2/persons/{id}``."""
    call.state.remove_person(_found(call))
    return Response(status_code=204)


def list_employments(call: Call) -> Response:
    """Answer ``GET /v2/persons/{id}/employments``; everybody here has one."""
    person = _found(call)
    listing = Listing(10, 50, ("id", "updated_at", "updated_at.gt", "updated_at.lt"))
    wanted = asked(call, listing)
    fits = in_range(call, wanted, "updated_at", person.updated_at)
    rows = [person] if fits and wanted.filters.get("id") in (None, person.employment_id) else []
    return page(call, listing, wanted, rows, key=lambda p: [p.id], show=lambda p: _employment(call, p))


def get_employment(call: Call) -> Response:
    """Answer ``GET /v2/persons/{id}/employments/{employment_id}``."""
    person = _found(call)
    if call.request.path_params["employment_id"] != person.employment_id:
        raise Refused(not_found(call.now))
    return JSONResponse(_employment(call, person))


def _found(call: Call) -> Person:
    person = call.state.people.get(call.path_int("id") or 0)
    if person is None:
        raise Refused(not_found(call.now))
    return person


def _sent(call: Call) -> dict[str, Any]:
    try:
        sent = json.loads(call.body)
    except ValueError:
        sent = None
    if not isinstance(sent, dict):
        raise Refused(bad_request(call.now))
    return sent


def _fields(call: Call, sent: dict[str, Any]) -> dict[str, Any]:
    """Return v1's fields of a v2 body."""
    fields: dict[str, Any] = {}
    if isinstance(sent.get("preferred_name"), str):
        fields["preferred_name"] = sent["preferred_name"]
    if sent.get("gender") is not None:
        if sent["gender"] not in GENDERS and sent["gender"] not in NO_GENDERS:
            raise Refused(bad_request(call.now))
        fields["gender"] = GENDERS.get(sent["gender"])
    for item in sent.get("custom_attributes") or []:
        if isinstance(item, dict) and item.get("id") in DYNAMIC:
            fields[item["id"]] = item.get("value")
    return {**fields, **_employment_fields(call, sent.get("employments"))}


def _employment_fields(call: Call, employments: Any) -> dict[str, Any]:
    """Return v1's fields of the first employment; a person without one is active."""
    first = employments[0] if isinstance(employments, list) and employments else {}
    if not isinstance(first, dict):
        raise Refused(bad_request(call.now))
    fields: dict[str, Any] = {"status": str(first.get("status", "ACTIVE")).lower()}
    hours = first.get("weekly_working_hours")
    if fields["status"] not in STATUSES or not isinstance(hours, int | float | None):
        raise Refused(bad_request(call.now))
    if first.get("employment_start_date"):
        fields["hire_date"] = first["employment_start_date"]
    if hours is not None:
        fields["weekly_working_hours"] = float(hours)
    if isinstance(first.get("position"), dict):
        fields["position"] = first["position"].get("title")
    return fields


def _matches(call: Call, wanted: Asked, person: Person) -> bool:
    filters = wanted.filters
    values = {
        "first_name": person.first_name,
        "last_name": person.last_name,
        "preferred_name": person.fields.get("preferred_name"),
    }
    return (
        ("id" not in filters or str(person.id) in filters["id"].split(","))
        and ("email" not in filters or person.email.casefold() in filters["email"].casefold().split(","))
        and all(filters.get(name, value) == value for name, value in values.items())
        and filters.get("status", _status(person)) == _status(person)
        and in_range(call, wanted, "created_at", person.created_at)
        and in_range(call, wanted, "updated_at", person.updated_at)
    )


def _status(person: Person) -> str:
    return "INACTIVE" if person.status == "inactive" else "ACTIVE"


def _person(call: Call, person: Person) -> dict[str, Any]:
    url = f"{call.origin}/v2/persons/{person.id}"
    custom = [
        # The specification says upper case; live data is lower case. Every value is a string.
        {"id": key, "type": "string", "value": str(person.fields[key]), "global_id": universal, "label": label}
        for key, (_, label, universal) in DYNAMIC.items()
        if person.fields.get(key) is not None
    ]
    return {
        "id": str(person.id),
        "email": person.email or None,
        "created_at": iso(person.created_at),
        "updated_at": iso(person.updated_at),
        "first_name": person.first_name,
        "last_name": person.last_name,
        "preferred_name": person.fields.get("preferred_name") or f"{person.first_name} {person.last_name}",
        "gender": str(person.fields.get("gender") or "unspecified").upper(),
        "profile_picture": {"url": f"{call.origin}/v1/company/employees/{person.id}/profile-picture"},
        "status": _status(person),
        "custom_attributes": custom,
        "employments": [{"id": person.employment_id}],
        "_meta": {"links": {"employments": {"href": f"{url}/employments"}}},
    }


def _employment(call: Call, person: Person) -> dict[str, Any]:
    fields, url = person.fields, f"{call.origin}/v2/persons/{person.id}"
    supervisor = fields.get("supervisor_id")
    return {
        "id": person.employment_id,
        "status": person.status.upper(),
        "type": "INTERNAL",
        "position": {"title": fields["position"]} if fields.get("position") else None,
        "weekly_working_hours": fields.get("weekly_working_hours"),
        "full_time_weekly_working_hours": 40.0,
        "employment_start_date": fields.get("hire_date"),
        "employment_end_date": None,
        "probation_end_date": None,
        "contract_end_date": None,
        "supervisor": {"id": str(supervisor)} if supervisor else None,
        "office": None,
        "org_units": [],
        "cost_centers": [],
        "legal_entity": None,
        "sub_company": None,
        "job": None,
        "person": {"id": str(person.id)},
        "termination": None,
        "created_at": iso(person.created_at),
        "updated_at": iso(person.updated_at),
        "_meta": {"links": {"person": {"href": url}}},
    }

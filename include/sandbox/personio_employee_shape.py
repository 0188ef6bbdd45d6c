"""How v1 shows a person: attribute objects with label, value, type and universal id."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from include.sandbox.personio_paging import iso

if TYPE_CHECKING:
    from include.sandbox.personio_access import Call
    from include.sandbox.personio_state import Person

# attribute: type, English label, German label
ATTRIBUTES: dict[str, tuple[str, str, str]] = {
    "id": ("integer", "ID", "ID"),
    "first_name": ("standard", "First name", "Vorname"),
    "last_name": ("standard", "Last name", "Nachname"),
    "preferred_name": ("standard", "Preferred name", "Bevorzugter Name"),
    "email": ("standard", "Email", "E-Mail"),
    "gender": ("standard", "Gender", "Geschlecht"),
    "status": ("standard", "Status", "Status"),
    "position": ("standard", "Position", "Position"),
    "supervisor": ("standard", "Supervisor", "Vorgesetzter"),
    "employment_type": ("standard", "Employment type", "Anstellungsart"),
    "weekly_working_hours": ("standard", "Weekly hours", "Wochenstunden"),
    "hire_date": ("date", "Hire date", "Einstellungsdatum"),
    "contract_end_date": ("date", "Contract ends", "Vertragsende"),
    "termination_date": ("date", "Termination date", "Kündigungsdatum"),
    "created_at": ("date", "Created at", "Erstellt am"),
    "last_modified_at": ("date", "Last modified", "Zuletzt geändert"),
    "subcompany": ("standard", "Subcompany", "Gesellschaft"),
    "office": ("standard", "Office", "Büro"),
    "department": ("standard", "Department", "Abteilung"),
    "cost_centers": ("standard", "Cost center", "Kostenstelle"),
    "profile_picture": ("standard", "Profile Picture", "Profilbild"),
}
DYNAMIC: dict[str, tuple[str, str, str | None]] = {
    "dynamic_24407": ("standard", "Titel", None),
    "dynamic_24408": ("tags", "Languages", None),
    "dynamic_305": ("list", "Color", "color"),
}
OBJECTS = {"subcompany": "Subcompany", "office": "Office", "department": "Department"}
FIRST_OBJECT_ID = {"subcompany": 7_101, "office": 611_001, "department": 281_521}
EMPTY: dict[str, Any] = {"null": None, "string": "", "list": []}


def employee(call: Call, person: Person, only: list[str] | None = None) -> dict[str, Any]:
    """Return a person as v1's ``{"type": "Employee", "attributes": {…}}``.

    :param only: attributes asked for; all when None. The credential's whitelist holds in any case.
    """
    allowed = call.settings.attribute_whitelist
    shown = {
        name: _described(call, name, _value(call, person, name))
        for name in (*ATTRIBUTES, *DYNAMIC)
        if name == "id" or ((allowed is None or name in allowed) and (only is None or name in only))
    }
    return {"type": "Employee", "attributes": shown}


def attribute_list(call: Call) -> list[dict[str, Any]]:
    """Return the attributes that the credential may see, the company's own among them."""
    allowed = call.settings.attribute_whitelist
    described = [(name, _described(call, name, None)) for name in (*ATTRIBUTES, *DYNAMIC)]
    return [
        {"key": name, **{part: shown[part] for part in ("label", "type", "universal_id")}, "options": []}
        for name, shown in described
        if allowed is None or name in allowed
    ]


def object_id(call: Call, attribute: str, name: str) -> int | None:
    """Return the id of a department, office or subcompany of the company, None if it has no such one."""
    names = {
        "department": call.settings.departments,
        "office": call.settings.offices,
        "subcompany": call.settings.subcompanies,
    }[attribute]
    return FIRST_OBJECT_ID[attribute] + names.index(name) if name in names else None


def _described(call: Call, name: str, value: Any) -> dict[str, Any]:
    if name in DYNAMIC:
        kind, label, universal = DYNAMIC[name]
        return {"label": label, "value": value, "type": kind, "universal_id": universal}
    kind, english, german = ATTRIBUTES[name]
    label = german if call.settings.label_language == "de" else english
    return {"label": label, "value": value, "type": kind, "universal_id": name}


def _value(call: Call, person: Person, name: str) -> Any:
    if name in {"id", "email", "first_name", "last_name", "status"}:
        return getattr(person, name)
    if name in OBJECTS:
        return _object(call, person, name)
    if name == "supervisor":
        return _supervisor(call, person)
    made: dict[str, Any] = {
        "created_at": iso(person.created_at),
        "last_modified_at": iso(person.updated_at),
        "profile_picture": f"{call.origin}/v1/company/employees/{person.id}/profile-picture",
    }
    return made[name] if name in made else _written(call, name, person.fields.get(name))


def _written(call: Call, name: str, value: Any) -> Any:
    if name == "hire_date" and value:
        return f"{value}T00:00:00+01:00"
    if name == "weekly_working_hours" and value is not None:
        return f"{value:g}"
    if name == "cost_centers":
        return value or []
    if name in DYNAMIC and DYNAMIC[name][0] == "tags":
        tags = value if isinstance(value, list) else [value] if value else []
        return json.dumps(tags) if call.settings.tags_format == "json" else ",".join(tags)
    return value


def _object(call: Call, person: Person, name: str) -> Any:
    value = person.fields.get(name)
    if not value:
        return EMPTY.get(call.settings.empty_object)
    number = object_id(call, name, value)
    return {"type": OBJECTS[name], "attributes": {"id": number, "name": value}}


def _supervisor(call: Call, person: Person) -> Any:
    found = call.state.people.get(person.fields.get("supervisor_id") or 0)
    if found is None:
        return EMPTY.get(call.settings.empty_object)
    names = ("id", "first_name", "last_name", "email")
    attributes = {name: _described(call, name, getattr(found, name)) for name in names}
    return {"type": "Employee", "attributes": attributes}

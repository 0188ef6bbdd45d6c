"""What a window holds besides its borders, as JSON: the filter, the bounds, and what the planner counted."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from include.records import RecordFilter

if TYPE_CHECKING:
    from include.records import Window

_LISTS = ("status", "country")
_TIMES = ("modified_from", "modified_to")


def terms_of(window: Window, counted: dict[str, Any] | None = None) -> str:
    """Return a window's terms as text; nothing in it is about people.

    :param counted: what the planner counted, as JSON values.
    """
    where = {name: value for name, value in asdict(window.where).items() if value not in ((), "", None, False)}
    for name in _TIMES:
        if name in where:
            where[name] = where[name].isoformat()
    terms = {"where": where, "max_records": window.max_records, "preview": window.preview, "counted": counted or {}}
    return json.dumps(terms, sort_keys=True)


def read_terms(text: str | None) -> dict[str, Any]:
    """Return the terms that a text holds; a window of an older version has none."""
    terms = json.loads(text) if text else {}
    return {"where": {}, "max_records": None, "preview": False, "counted": {}} | terms


def filter_in(terms: dict[str, Any]) -> RecordFilter:
    """Return the filter among a window's terms."""
    where = dict(terms["where"])
    for name in _LISTS:
        where[name] = tuple(where.get(name, ()))
    for name in _TIMES:
        where[name] = datetime.fromisoformat(where[name]) if name in where else None
    return RecordFilter(**where)

"""The page of the parameters of runs: the forms as the DAGs have them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, get_args

from exact_to_personio.forms import form
from include.records import Destination
from reference.markdown import code, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import Param

_HEADINGS: Final = {
    "application": "To applications",
    "employee": "To employees",
    "employee_match": "Listing employees",
}


def form_page() -> str:
    """Return the page."""
    parts = [
        "# Parameters of a run",
        (
            "The fields of the form behind *Trigger*, and the keys of `airflow dags trigger --conf`. "
            "Made from the code. Empty changes nothing. See [History, windows and careful runs](../backfill.md)."
        ),
    ]
    shared = _shared()
    parts += ["## Of every workflow", _table(shared)]
    for destination in get_args(Destination):
        own = {name: param for name, param in form(destination, "Contacts").items() if name not in shared}
        if own:
            parts += [f"## {_HEADINGS[destination]}", _table(own)]
    accounts = form("application", "Accounts")
    only = {name: param for name, param in accounts.items() if name not in form("application", "Contacts")}
    if only:
        parts += ["## Only for accounts", _table(only)]
    return "\n\n".join(parts) + "\n"


def _shared() -> dict[str, Param]:
    forms = [form(destination, "Contacts") for destination in get_args(Destination)]
    return {name: param for name, param in forms[0].items() if all(name in one for one in forms)}


def _table(params: dict[str, Param]) -> str:
    return table(("parameter", "title", "means", "type", "default"), _rows(params))


def _rows(params: dict[str, Param]) -> Iterator[tuple[str, ...]]:
    for name, param in params.items():
        schema = param.schema
        kinds = schema.get("type", "")
        kind = kinds if isinstance(kinds, str) else ", ".join(one for one in kinds if one != "null")
        default = "" if param.value in (None, "", [], {}) else code(json.dumps(param.value))
        yield code(name), str(schema.get("title", "")), str(param.description or ""), kind, default

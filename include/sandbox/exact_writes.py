"""What POST, PUT and DELETE do, and what they refuse."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from include.sandbox.exact_kinds import KINDS
from include.sandbox.exact_rows import stored
from include.sandbox.odata_types import Column, ODataError, Row, ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from include.sandbox.exact_division import Division
    from include.sandbox.exact_state import ExactState

_SERVER_ERROR = 500
_FINAL = 20
_SENT_STATUSES = {1, 2, 10}
_LINKS = ("Account", "Project", "Subscription")
# A bare POST answers these besides the key; everything else is null.
_SHOWN = {
    "Contacts": {"AccountIsCustomer", "IsAnonymised"},
    "Accounts": {
        "CostPaid",
        "IgnoreDatevWarningMessage",
        "IsAccountant",
        "IsAgency",
        "IsAnonymised",
        "IsCompetitor",
        "IsMailing",
        "SeparateInvPerProject",
        "SeparateInvPerSubscription",
    },
}


def read_body(body: bytes, table: str, columns: Mapping[str, Column]) -> tuple[Row, dict[str, list[Any]]]:
    """Return the writable properties of a body, and the rows it brings along by collection.

    :param body: JSON text.
    :param table: what is written.
    :param columns: its properties.
    :raises ODataError: 400 for what is no JSON object or an unknown property, 500 for a value that does not fit.
    """
    try:
        sent = json.loads(body)
    except ValueError:
        raise ODataError("Invalid JSON in the request body.") from None
    fields = {name: value for name, value in _object(sent).items() if name != "__metadata"}
    lines = KINDS[table].lines
    for name in fields:
        if name not in columns and name not in lines:
            raise ODataError(f"The property name '{name}' specified for the request is not valid.")
    brought = {name: _collection(name, fields[name]) for name in lines if fields.get(name) is not None}
    return _values(fields, columns), {name: rows for name, rows in brought.items() if lines[name].posted}


def _object(sent: Any) -> dict[str, Any]:
    if not isinstance(sent, dict):
        raise ODataError("The request body must be one JSON object.")
    return sent


def _collection(name: str, sent: Any) -> list[Any]:
    # A client that writes back what it read sends the envelope, or the link that it never followed.
    if isinstance(sent, dict):
        sent = sent.get("results", [])
    if not isinstance(sent, list):
        raise ODataError(f"Error in converting value for property '{name}' to a collection", _SERVER_ERROR)
    return sent


def _values(fields: Row, columns: Mapping[str, Column]) -> Row:
    writable = {name: value for name, value in fields.items() if name in columns and columns[name].writable}
    try:
        return stored(writable, columns)
    except ValueError as error:
        raise ODataError(str(error), _SERVER_ERROR) from None


def create(
    state: ExactState, company: Division, table: str, values: Row, brought: Mapping[str, list[Any]] | None = None
) -> Row:
    """Add a row with its lines.

    :param state: the companies.
    :param company: where it belongs.
    :param table: its table.
    :param values: stored values.
    :param brought: rows of its collections, as sent.
    :raises ValidationError: with the text of what is wrong.
    """
    kind = KINDS[table]
    if values.get(kind.key) in company.tables[table].rows:
        raise ValidationError(f"Already exists: {kind.key}")
    # What a new row is not given is filled in, and null gives nothing.
    values = {name: value for name, value in values.items() if value is not None}
    _check(company, table, {**(brought or {}), **values}, values)
    lines = {name: [_line(company, kind.lines[name].table, row) for row in rows]
             for name, rows in (brought or {}).items()}  # fmt: skip
    row = state.add(company.code, table, values)
    for name, rows in lines.items():
        below = kind.lines[name]
        for number, line in enumerate(rows, start=1):
            state.add(company.code, below.table, {"LineNumber": number, **line, below.column: row["ID"]})
    return row


def _line(company: Division, table: str, sent: Any) -> Row:
    known = company.columns[table]
    values = _values({name: value for name, value in _object(sent).items() if name in known}, known)
    _check(company, table, values, values)
    return values


def change(state: ExactState, company: Division, table: str, row_id: str, values: Row) -> None:
    """Change a row.

    :param state: the companies.
    :param company: where it belongs.
    :param table: its table.
    :param row_id: its ID.
    :param values: stored values.
    :raises ValidationError: with the text of what is wrong.
    """
    row = company.tables[table].rows[row_id]
    _check_open(state, table, row)
    _check(company, table, {**row, **values}, values, row_id)
    state.update(company.code, table, row_id, values)


def remove(state: ExactState, company: Division, table: str, row_id: str) -> None:
    """Delete a row.

    :param state: the companies.
    :param company: where it belongs.
    :param table: its table.
    :param row_id: its ID.
    :raises ValidationError: if it must stay.
    """
    _check_open(state, table, company.tables[table].rows[row_id])
    state.delete(company.code, table, row_id)


def _check_open(state: ExactState, table: str, row: Row) -> None:
    final = table == "TimeTransactions" and row.get("HourStatus") == _FINAL
    if final and state.settings.exact.final_hours_locked:
        raise ValidationError("This transaction is final and cannot be changed or deleted.")


def _check(company: Division, table: str, whole: Row, sent: Row, row_id: str | None = None) -> None:
    """Refuse a row that lacks something, points nowhere, or repeats what is unique."""
    kind = KINDS[table]
    for name in (name for name in kind.mandatory if row_id is None or name in sent):
        value = whole.get(name)
        if value is None or value == [] or (isinstance(value, str) and not value.strip()):
            raise ValidationError(f"Mandatory: {name}")
    for name, target in kind.references.items():
        if sent.get(name) and sent[name] not in company.tables[target].rows:
            raise ValidationError(f"Invalid reference: {name}")
    for name in kind.unique:
        others = (row for row in company.tables[table].rows.values() if row["ID"] != row_id)
        if sent.get(name) and any(row.get(name) == sent[name] for row in others):
            raise ValidationError(f"Already exists: {name}")
    if table == "Contacts" and not any((whole.get(name) or "").strip() for name in ("FirstName", "LastName")):
        raise ValidationError("Provide at least first name or last name")
    if table == "TimeTransactions":
        _check_hours(whole, sent)


def _check_hours(whole: Row, sent: Row) -> None:
    if not any(whole.get(name) for name in _LINKS):
        raise ValidationError(f"Mandatory: {', '.join(_LINKS[:-1])} or {_LINKS[-1]}")
    if "HourStatus" in sent and sent["HourStatus"] not in _SENT_STATUSES:
        raise ValidationError("Invalid value: HourStatus")


def bare_answer(table: str, row: Row, columns: Mapping[str, Column]) -> Row:
    """Return the row as a POST without ``Prefer: return=representation`` shows it: key, zeros and nulls.

    :param table: its table.
    :param row: stored row.
    :param columns: the table's properties.
    """
    nulls: Row = dict.fromkeys(columns)
    shown = {name: 0 if columns[name].edm == "Byte" else False for name in _SHOWN.get(table, set())}
    return {**nulls, **shown, "ID": row["ID"], KINDS[table].key: row["ID"]}

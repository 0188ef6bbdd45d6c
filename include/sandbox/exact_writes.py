"""What POST, PUT and DELETE do to accounts and contacts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from include.sandbox.exact_rows import padded, stored
from include.sandbox.odata_types import Column, ODataError, Row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from include.sandbox.exact_division import Division
    from include.sandbox.exact_state import Entity, ExactState

_SERVER_ERROR = 500
# A bare POST answers these besides ID; everything else is null.
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


def read_body(body: bytes, columns: Mapping[str, Column]) -> Row:
    """Return the writable properties of a body.

    :param body: JSON text.
    :param columns: the entity's properties.
    :raises ODataError: 400 for what is no JSON object or an unknown property, 500 for a value that does not fit.
    """
    try:
        sent = json.loads(body)
    except ValueError:
        raise ODataError("Invalid JSON in the request body.") from None
    if not isinstance(sent, dict):
        raise ODataError("The request body must be one JSON object.")
    fields = {name: value for name, value in sent.items() if name != "__metadata"}
    for name in fields:
        if name not in columns and name != "BankAccounts":
            raise ODataError(f"The property name '{name}' specified for the request is not valid.")
    writable = {name: value for name, value in fields.items() if name in columns and columns[name].writable}
    try:
        return stored(writable, columns)
    except ValueError as error:
        raise ODataError(str(error), _SERVER_ERROR) from None


def create(state: ExactState, company: Division, entity: Entity, values: Row) -> Row:
    """Add a row.

    :param state: the companies.
    :param company: where it belongs.
    :param entity: Accounts or Contacts.
    :param values: stored values.
    :raises ODataError: 500 with the validation text, as the service answers these.
    """
    rows = company.tables[entity].rows
    if values.get("ID") in rows:
        raise ODataError("Already exists: ID", _SERVER_ERROR)
    if entity == "Accounts":
        _check_account(company, values)
        return state.add_account(company.code, values)
    if not values.get("Account"):
        raise ODataError("Mandatory: Account", _SERVER_ERROR)
    if values["Account"] not in company.tables["Accounts"].rows:
        raise ODataError("Invalid reference: Account", _SERVER_ERROR)
    _check_names(values)
    return state.add_contact(company.code, values)


def _check_account(company: Division, values: Row) -> None:
    if not (values.get("Name") or "").strip():
        raise ODataError("Mandatory: Name", _SERVER_ERROR)
    code = values.get("Code")
    if code is None:
        values.pop("Code", None)
    elif any(row.get("Code") == padded("Code", code) for row in company.tables["Accounts"].rows.values()):
        raise ODataError("Already exists: Code", _SERVER_ERROR)


def _check_names(values: Row) -> None:
    if not any((values.get(name) or "").strip() for name in ("FirstName", "LastName")):
        raise ODataError("Provide at least first name or last name", _SERVER_ERROR)


def change(state: ExactState, company: Division, entity: Entity, row_id: str, values: Row) -> None:
    """Change a row.

    :param state: the companies.
    :param company: where it belongs.
    :param entity: Accounts or Contacts.
    :param row_id: its ID.
    :param values: stored values.
    :raises ODataError: 500 with the validation text.
    """
    merged = {**company.tables[entity].rows[row_id], **values}
    if entity == "Contacts":
        _check_names(merged)
    elif not (merged.get("Name") or "").strip():
        raise ODataError("Mandatory: Name", _SERVER_ERROR)
    state.update(company.code, entity, row_id, values)


def bare_answer(entity: Entity, row: Row, columns: Mapping[str, Column]) -> Row:
    """Return the row as a POST without ``Prefer: return=representation`` shows it: ID, zeros and nulls.

    :param entity: Accounts or Contacts.
    :param row: stored row.
    :param columns: the entity's properties.
    """
    nulls: Row = dict.fromkeys(columns)
    shown = {name: 0 if columns[name].edm == "Byte" else False for name in _SHOWN[entity]}
    return {**nulls, **shown, "ID": row["ID"]}

"""How values and new rows look once Exact Online has stored them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from include.sandbox.odata_types import (
    NUMBERS,
    Column,
    ODataError,
    Row,
    from_milliseconds,
    parse_datetime,
    parse_guid,
    sql_datetime,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from include.sandbox.exact_division import Division
    from include.sandbox.exact_state import ExactState

CODE_WIDTH = 18
_WIDTHS = {"Country": 3, "Language": 10}
_PLACEHOLDER = "https://start.exactonline.nl//docs/images/placeholder_contact_myeol.png"


def stored(fields: Row, columns: Mapping[str, Column]) -> Row:
    """Return fields with the types, paddings and date steps of the database.

    :param fields: properties by name, as sent or as typed values.
    :param columns: the entity's properties; ``Timestamp`` may be set besides.
    :raises ValueError: if a property is unknown or a value does not fit its type.
    """
    result: Row = {}
    for name, value in fields.items():
        if name == "Timestamp":
            result[name] = int(value)
        elif name not in columns:
            raise ValueError(f"The property '{name}' does not exist.")
        else:
            result[name] = _converted(columns[name], value)
    return result


def _converted(column: Column, value: Any) -> Any:
    if value is None:
        return None
    try:
        return _fit(column, value)
    except (ValueError, TypeError, ODataError):
        raise ValueError(f"Error in converting value for property '{column.name}' to type '{column.edm}'") from None


def _fit(column: Column, value: Any) -> Any:
    if column.edm == "Guid":
        return parse_guid(value)
    if column.edm == "DateTime":
        return sql_datetime(_moment(value))
    if column.edm == "Boolean":
        if not isinstance(value, bool):
            raise ValueError
        return value
    if column.edm in NUMBERS:
        return float(value) if column.edm == "Double" else int(value)
    if not isinstance(value, str):
        raise TypeError
    return padded(column.name, value)


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    if value.startswith("/Date("):
        return from_milliseconds(int(value[len("/Date(") : -len(")/")]))
    return parse_datetime(value)


def padded(name: str, text: str) -> str:
    """Return text as its fixed-length column holds it.

    :param name: property: Code is padded before, Country and Language behind.
    :param text: value.
    """
    if name == "Code":
        return text.strip().rjust(CODE_WIDTH)
    return text.strip().ljust(_WIDTHS[name]) if name in _WIDTHS else text


def new_account(state: ExactState, company: Division, values: Row) -> Row:
    """Return an account with what the service fills in by itself.

    :param state: for identifiers and the time.
    :param company: where it belongs.
    :param values: stored values.
    """
    company.highest_code = max(company.highest_code + ("Code" not in values), _number(values.get("Code")))
    filled = {
        "Code": padded("Code", f"{company.highest_code:07d}"),
        "Country": padded("Country", "NL"),
        "Language": padded("Language", "NL"),
        "Status": "A",
        "StartDate": _today(state),
    }
    return {**_stamps(state, company), **filled, **values}


def new_contact(state: ExactState, company: Division, values: Row) -> Row:
    """Return a contact with what the service fills in by itself.

    :param state: for identifiers and the time.
    :param company: where it belongs.
    :param values: stored values.
    """
    company.highest_hid = max(company.highest_hid + ("HID" not in values), values.get("HID") or 0)
    account = company.tables["Accounts"].rows.get(values.get("Account") or "", {})
    filled: Row = {
        "BirthName": values.get("LastName"),
        "Gender": "O",
        "HID": company.highest_hid,
        "Language": account.get("Language", padded("Language", "NL")),
        "Person": state.new_id(),
        "PictureUrl": _PLACEHOLDER,
        "StartDate": _today(state),
    }
    # Each pair holds the same value, whichever of the two was sent.
    for first, second in (("Email", "BusinessEmail"), ("Phone", "BusinessPhone"), ("Mobile", "BusinessMobile")):
        filled[first], filled[second] = values.get(second), values.get(first)
    return {**_stamps(state, company), **filled, **values}


def _stamps(state: ExactState, company: Division) -> Row:
    now = state.local_now()
    by = {"Creator": state.user_id, "CreatorFullName": "Sam Sandbox"}
    also = {"Modifier": state.user_id, "ModifierFullName": "Sam Sandbox"}
    return {"ID": state.new_id(), "Created": now, "Modified": now, **by, **also, "Division": company.code}


def _today(state: ExactState) -> datetime:
    return state.local_now().replace(hour=0, minute=0, second=0, microsecond=0)


def _number(code: str | None) -> int:
    text = (code or "").strip()
    return int(text) if text.isdigit() else 0

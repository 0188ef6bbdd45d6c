"""How values look once Exact Online has stored them."""

from __future__ import annotations

import math
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
        return _number(column, value)
    if not isinstance(value, str):
        raise TypeError
    return padded(column, value)


def _number(column: Column, value: Any) -> float:
    # Some clients send numbers as texts, which the service reads; true and NaN are none, and 1.5 is no integer.
    number = float(value)
    whole = column.edm != "Double"
    if isinstance(value, bool) or not math.isfinite(number) or (whole and not number.is_integer()):
        raise ValueError
    return int(value) if whole else number


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    if value.startswith("/Date("):
        return from_milliseconds(int(value[len("/Date(") : -len(")/")]))
    return parse_datetime(value)


def padded(column: Column, text: str) -> str:
    """Return text as its column holds it: a fixed-length one adds blanks.

    :param column: the property.
    :param text: value.
    """
    if column.pad == 0:
        return text
    return text.strip().rjust(column.pad) if column.pad > 0 else text.strip().ljust(-column.pad)

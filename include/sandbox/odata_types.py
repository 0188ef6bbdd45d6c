"""Types and values of OData v2 as WCF Data Services writes and reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable

Row = dict[str, Any]
EdmType = Literal["Guid", "String", "DateTime", "Int64", "Int32", "Int16", "Byte", "Double", "Boolean", "Binary"]
NUMBERS: frozenset[str] = frozenset({"Int64", "Int32", "Int16", "Byte", "Double"})

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_MILLISECOND = timedelta(milliseconds=1)
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LITERAL = re.compile(
    r"\s*(?:guid'(?P<guid>[^']*)'|datetime'(?P<datetime>[^']*)'|(?P<string>'(?:[^']|'')*')"
    r"|(?P<word>true|false|null)\b|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?P<suffix>[LlMmDdFf]?)(?!\w))"
)


class ODataError(Exception):
    """Raised when a request cannot be answered; it becomes the service's error answer.

    :param message: text of the answer.
    :param status: HTTP status.
    :param reason: value of the ``Reason`` header, if any.
    """

    def __init__(self, message: str, status: int = 400, reason: str = "") -> None:
        self.message = message
        self.status = status
        self.reason = reason
        super().__init__(message)


class ValidationError(ODataError):
    """Raised for a write whose values are refused; a setting decides between 400 and 500."""


@dataclass(frozen=True, slots=True)
class Column:
    """One property of an entity.

    :param derive: computes the value at reading time, as a join would, unless the row holds one itself.
    :param pad: width of a fixed-length text: positive for blanks before it, negative for blanks behind.
    """

    name: str
    edm: EdmType
    writable: bool = False
    default: Any = None
    derive: Callable[[Row], Any] | None = None
    pad: int = 0

    def value(self, row: Row) -> Any:
        """Return the row's value: stored, derived or default.

        :param row: stored row; it holds only what is not the default.
        """
        found = row.get(self.name)
        if found is None and self.name not in row:
            return self.derive(row) if self.derive is not None else self.default
        return found


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant of a filter, a key or a skip token; ``edm`` is Null for null."""

    edm: str
    value: Any


def sql_datetime(at: datetime) -> datetime:
    """Round a naive local time as SQL Server's datetime does: to 1/300 s, shown as ...0, 3, 7 ms.

    :param at: naive local time.
    """
    ticks = round(at.microsecond * 300 / 1_000_000)
    return at.replace(microsecond=0) + timedelta(milliseconds=round(ticks * 10 / 3))


def from_milliseconds(value: int) -> datetime:
    """Return the naive local time of milliseconds since 1970.

    :param value: milliseconds, negative before 1970.
    """
    return _EPOCH + timedelta(milliseconds=value)


def guid_order(text: str) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    """Return the sort key of a GUID in SQL Server's uniqueidentifier order.

    :param text: GUID in text form.
    """
    raw = UUID(text).bytes_le
    return raw[10:16], raw[8:10], raw[6:8], raw[4:6], raw[0:4]


def parse_datetime(text: str) -> datetime:
    """Read the inside of a datetime literal as a naive local time; a zone is accepted and then dropped.

    :param text: ISO 8601 text, such as ``2026-06-25T16:14`` or ``2018-09-21T04:18:55.617``.
    :raises ODataError: if it is none.
    """
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ODataError(f"Unrecognized 'Edm.DateTime' literal 'datetime'{text}''.") from None
    return (at.astimezone(UTC) if at.tzinfo else at).replace(tzinfo=None)


def parse_guid(text: str) -> str:
    """Return a GUID in the service's form: lower case with dashes.

    :param text: GUID in text form.
    :raises ODataError: if it is none.
    """
    if not _GUID.fullmatch(text):
        raise ODataError(f"Unrecognized 'Edm.Guid' literal 'guid'{text}''.")
    return text.lower()


def read_literal(text: str, position: int) -> tuple[Constant, int] | None:
    """Read one literal, or None if there is none.

    :param text: filter, key or skip token.
    :param position: where to start; leading blanks are skipped.
    """
    found = _LITERAL.match(text, position)
    if found is None:
        return None
    if (guid := found["guid"]) is not None:
        literal = Constant("Guid", parse_guid(guid))
    elif (moment := found["datetime"]) is not None:
        literal = Constant("DateTime", parse_datetime(moment))
    elif (quoted := found["string"]) is not None:
        literal = Constant("String", quoted[1:-1].replace("''", "'"))
    elif (word := found["word"]) is not None:
        literal = Constant("Null", None) if word == "null" else Constant("Boolean", word == "true")
    else:
        literal = _number(found["number"], found["suffix"])
    return literal, found.end()


def _number(digits: str, suffix: str) -> Constant:
    if suffix in "Ll" and suffix:
        return Constant("Int64", int(digits))
    if suffix or not digits.lstrip("-").isdigit():
        return Constant("Double", float(digits))
    value = int(digits)
    return Constant("Int32" if -(2**31) <= value < 2**31 else "Int64", value)


def write_literal(edm: str, value: Any) -> str:
    """Write a value as the literal of a skip token, with the percent-encoding that links carry inside quotes.

    :param edm: type name.
    :param value: stored value.
    """
    if value is None:
        return "null"
    if edm == "Guid":
        return f"guid'{value}'"
    if edm == "DateTime":
        text = value.isoformat(timespec="milliseconds")
        whole, _, fraction = text.partition(".")
        fraction = fraction.rstrip("0")
        return f"datetime'{whole}{'.' + fraction if fraction else ''}'".replace(":", "%3A")
    if edm == "String":
        return "'" + quote_value(value.replace("'", "''")) + "'"
    if edm == "Boolean":
        return "true" if value else "false"
    return f"{value}L" if edm == "Int64" else str(value)


def quote_value(text: str) -> str:
    """Percent-encode a query value as the service's links do: quotes, commas and ``$`` stay literal.

    :param text: decoded value.
    """
    return quote(text, safe=",'()$*")


def plain(edm: str, value: Any) -> Any:
    """Return a value as verbose JSON shows it: Int64 as text, times as /Date(ms)/.

    :param edm: type name.
    :param value: stored value.
    """
    if value is None:
        return None
    if edm == "DateTime":
        return f"/Date({(value - _EPOCH) // _MILLISECOND})/"
    return str(value) if edm == "Int64" else value


def as_xml(edm: str, value: Any) -> str:
    """Return a value as Atom shows it.

    :param edm: type name.
    :param value: stored value, not None.
    """
    if edm == "DateTime":
        text: str = value.isoformat(timespec="milliseconds")
        return text.rstrip("0").rstrip(".") if "." in text else text
    if edm == "Boolean":
        return "true" if value else "false"
    return str(value)

"""Values: clean what Exact sends, and make what Personio takes.

The ways in (``clean``) never fail: what cannot be read stays as it is, so that the way out can name it.
The ways out (``convert``) raise :class:`UnfitError` with the problem's short name.
"""

from __future__ import annotations

import math
import re
from datetime import date, datetime, time, timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from include.transform.emails import normalise
from include.transform.fields import FILE_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.transform.columns import Edm
    from include.transform.fields import Field

_BLANK: Final = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""What Python calls white space."""
_INVISIBLE: Final = "\u200b\u200c\u200d\u2060\ufeff"
# Control characters and halves of surrogate pairs: the latter cannot even be encoded as JSON in UTF-8.
_UNSENDABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_EXACT_DATE: Final = re.compile(r"/Date\((-?\d{1,15})\)/", re.ASCII)
_DIGITS: Final = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?\d{1,15}(\.\d{1,15})?", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - Exact's dates are the site's wall clock, without a zone
_NO_GUID: Final = "00000000-0000-0000-0000-000000000000"
_DAY: Final = timedelta(days=1)


class UnfitError(ValueError):
    """Raised when a value does not fit its field; ``problem`` is the last part of a reason code."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(problem)


def clean_text(value: str) -> str | None:
    """Return the text without padding, invisible edges and characters that cannot be sent; None if blank."""
    # Blanks and invisible characters may alternate, by the million: both are stripped at once.
    return _UNSENDABLE.sub("", value).strip(_BLANK + _INVISIBLE) or None


def clean(value: Any, edm: Edm) -> Any:
    """Return one of Exact's values as text, int, float, bool or naive datetime; None for every kind of blank."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, str):
        text = clean_text(value)
        return None if text is None else _READERS.get(edm, str)(text)
    if isinstance(value, datetime):
        # Not a time is a datetime to isinstance, but not equal to itself.
        return value.replace(tzinfo=None) if value == value else None  # noqa: PLR0124
    if isinstance(value, float) and value.is_integer() and edm != "Double":
        return int(value)
    return value if isinstance(value, (bool, int, float, date)) else None


def _date_time(text: str) -> datetime | str:
    """Read ``/Date(ms)/`` or ISO 8601 as the wall clock that Exact shows."""
    try:
        if found := _EXACT_DATE.fullmatch(text):
            return _EPOCH + timedelta(milliseconds=int(found[1]))
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return text


def _integer(text: str) -> int | str:
    return int(text) if _DIGITS.fullmatch(text) else text


def _double(text: str) -> float | str:
    return float(text) if _NUMBER.fullmatch(text) else text


def _boolean(text: str) -> bool | str:
    return {"true": True, "false": False}.get(text.lower(), text)


def _guid(text: str) -> str | None:
    """Lower-case a key; Exact writes "none" as null or as a key of zeros."""
    return None if text == _NO_GUID else text.lower()


_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "Boolean": _boolean,
    "Byte": _integer,
    "DateTime": _date_time,
    "Double": _double,
    "Guid": _guid,
    "Int16": _integer,
    "Int32": _integer,
    "Int64": _integer,
}


def to_text(value: Any) -> str | None:
    """Write any clean value as text; dates without a time of day as dates."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time.min else value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if not isinstance(value, (str, int, float)):
        raise UnfitError("not_text")
    return clean_text(str(value))


def to_integer(value: Any) -> int:
    """Make a whole number, never a float and never a bool: ids of Personio's v1 API are integers."""
    if isinstance(value, bool):
        raise UnfitError("not_an_integer")
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        return int(value)
    raise UnfitError("not_an_integer")


def to_number(value: Any) -> int | float:
    """Make a finite number; whole ones stay whole."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise UnfitError("not_a_number")
    return int(value) if isinstance(value, float) and value.is_integer() else value


def to_date(value: Any) -> date:
    """Make a date; the time of day is cut off, for Exact's clock is the site's own already."""
    if isinstance(value, str):
        value = _date_time(value.strip())
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    raise UnfitError("not_a_date")


def _past(day: date, today: date | None) -> date:
    """Refuse a day in the future, but forgive one: at Exact's site tomorrow begins before it does here."""
    if today is None or day <= today:
        return day
    if day - today <= _DAY:
        return today
    raise UnfitError("in_future")


def _email(value: Any) -> str | None:
    text = to_text(value)
    try:
        return text and normalise(text)
    except ValueError:
        raise UnfitError("malformed") from None


def _phase_id(value: Any) -> str | int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else to_text(value)


_MAKERS: Final[dict[str, Callable[[Any], Any]]] = {
    "email": _email,
    "integer": to_integer,
    "number": to_number,
    "phase": _phase_id,
}


def convert(field: Field, value: Any, *, today: date | None = None) -> Any:
    """Make what the field takes.

    :param today: the day that counts as today; None: no date is in the future.
    :return: text, int, float, or None if nothing is left after cleaning.
    :raises UnfitError: if the value does not fit.
    """
    if field.kind == "date":
        day = to_date(value)
        return (_past(day, today) if field.past else day).isoformat()
    made = _MAKERS[field.kind](value) if field.kind in _MAKERS else to_text(value)
    if field.choices and made is not None and made not in field.choices:
        raise UnfitError("not_allowed")
    return made


def local_path(path: str, folder: str | None) -> str:
    """Return the file's place; with a folder, never outside it, whatever Exact's text says.

    :raises UnfitError: if the path leaves the folder, or Personio does not take files of that type.
    """
    place = PurePosixPath(path)
    if folder is not None and (place.is_absolute() or ".." in place.parts or "\\" in path or ":" in path):
        raise UnfitError("outside_folder")
    if place.suffix.lower().removeprefix(".") not in FILE_TYPES:
        raise UnfitError("type_not_allowed")
    return str(place if folder is None else PurePosixPath(folder) / place)

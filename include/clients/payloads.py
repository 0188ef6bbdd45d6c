"""Values on their way into JSON: numbers as numbers, nothing that JSON or the service cannot take."""

from __future__ import annotations

import math
import re
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from include.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

_PLAIN: Final = re.compile(r"-?\d{1,18}(?:\.\d{1,18})?", re.ASCII)


def number(value: Any) -> int | float:
    """Return a finite JSON number.

    :param value: number, or a plain decimal text such as ``7.5``, which is what a template makes of one.
    :raises ValueError: for anything else: truth values, NaN, ``1,5``, an empty text.
    """
    if isinstance(value, bool):
        raise ValueError("a truth value is no number")  # noqa: TRY004 - callers catch one kind of error
    if isinstance(value, str) and _PLAIN.fullmatch(value.strip()):
        value = Decimal(value.strip())
    if isinstance(value, Decimal) and value.is_finite():
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise ValueError("no finite number")


def sendable(payload: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Return the body of a write to Exact as plain JSON values.

    :param payload: property to value; lines may be lists of such.
    :param zone: of the site: Exact wants times without a zone, on the site's clock.
    :raises ConfigurationError: for NaN and for what JSON has no form of.
    """
    return {str(name): _plain(value, str(name), zone) for name, value in payload.items()}


def local_text(value: date | datetime, zone: ZoneInfo | None) -> str:
    """Return a time as Exact takes it: ISO 8601 on the site's wall clock, without a zone.

    :param value: an aware time is moved to the site's clock; a naive one is on it already.
    :param zone: of the site.
    :raises ValueError: for an aware time if the site's zone is not known.
    """
    if not isinstance(value, datetime):
        return value.isoformat()
    if value.tzinfo is not None:
        if zone is None:
            raise ValueError("the site's zone is not known")
        value = value.astimezone(zone).replace(tzinfo=None)
    return value.isoformat(timespec="seconds")


def _plain(value: Any, name: str, zone: ZoneInfo) -> Any:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, date):
        return local_text(value, zone)
    if isinstance(value, dict):
        return {str(inner): _plain(one, f"{name}.{inner}", zone) for inner, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one, name, zone) for one in value]
    try:
        return number(value)
    except ValueError:
        raise ConfigurationError(
            f"`{name}` holds a value that cannot be sent ({type(value).__name__}).",
            reason_code=f"exact.{name}.malformed",
            way_out="Give text, a finite number, true, false, a date, or a list of such.",
        ) from None

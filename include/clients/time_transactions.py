"""Exact's project time transactions: what a record may hold, checked before a call is spent on it.

.. seealso:: https://start.exactonline.nl/docs/HlpRestAPIResourcesDetails.aspx?name=ProjectTimeTransactions
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final, Literal
from uuid import UUID

from include.clients.exact_keys import guid
from include.clients.payloads import local_text, number
from include.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

Kind = Literal["guid", "string", "double", "int", "datetime", "boolean"]

ENDPOINT: Final = "project/TimeTransactions"
FINAL: Final = 20
"""``HourStatus`` of hours that can no longer be changed or deleted."""
WRITABLE_STATUS: Final = {1: "Draft", 2: "Rejected", 10: "Submitted"}
"""What ``HourStatus`` may be set to; Exact sets the others itself."""
ONE_OF: Final = ("Account", "Project", "Subscription")

WRITABLE: Final[dict[str, Kind]] = {
    "ID": "guid",
    "Account": "guid",
    "Activity": "guid",
    "Amount": "double",
    "Attachment": "guid",
    "Currency": "string",
    "Date": "datetime",
    "Employee": "guid",
    "EndTime": "datetime",
    "EntryNumber": "int",
    "ErrorText": "string",
    "HourStatus": "int",
    "Item": "guid",
    "Notes": "string",
    "Price": "double",
    "Project": "guid",
    "Quantity": "double",
    "SkipValidation": "boolean",
    "StartTime": "datetime",
    "Subscription": "guid",
    "SubscriptionAccount": "guid",
}
READ_ONLY: Final = frozenset(
    {
        "AccountName",
        "ActivityDescription",
        "AmountFC",
        "Created",
        "Creator",
        "CreatorFullName",
        "CustomField",
        "Division",
        "DivisionDescription",
        "ItemDescription",
        "ItemDivisable",
        "Modified",
        "Modifier",
        "ModifierFullName",
        "PriceFC",
        "ProjectAccount",
        "ProjectAccountCode",
        "ProjectAccountName",
        "ProjectCode",
        "ProjectDescription",
        "SubscriptionAccountCode",
        "SubscriptionAccountName",
        "SubscriptionDescription",
        "SubscriptionNumber",
        "Type",
    }
)

_LOCAL: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)?", re.ASCII)
_EXAMPLES: Final[dict[Kind, str]] = {
    "guid": "a GUID such as 790fc424-dc9f-405d-ab09-22d4ee00f653",
    "string": "text",
    "double": "a number such as 7.5",
    "int": "a whole number",
    "datetime": "the site's local time without a zone, such as 2026-06-25T16:14",
    "boolean": "true or false",
}


def checked(payload: Mapping[str, Any], *, creating: bool, zone: ZoneInfo | None = None) -> dict[str, Any]:
    """Return the record as it is sent, or refuse it before the call.

    :param payload: property to value, in Exact's spelling.
    :param creating: whether it is a new record, which must have ``Item``, ``Quantity`` and one of ``Account``,
        ``Project`` and ``Subscription``.
    :param zone: of the site; needed only for times that carry a zone.
    :raises ConfigurationError: ``exact.<Field>.missing``, ``.malformed``, ``.read_only`` or ``.unknown``.
    """
    if not payload:
        raise _problem("payload", "missing", "Nothing is given to be written.", "Give at least one property.")
    for name in payload:
        _check_name(name)
    found = {name: _value(name, value, zone) for name, value in payload.items()}
    for name in ("Item", "Quantity"):
        # A change may leave them out, but not empty them.
        if found.get(name) is None and (creating or name in found):
            raise _problem(name, "missing", f"`{name}` is missing.", f"Give {_EXAMPLES[WRITABLE[name]]}.")
    if creating and all(found.get(name) is None for name in ONE_OF):
        raise _problem(
            ONE_OF[0],
            "missing",
            "One of `Account`, `Project` and `Subscription` is missing.",
            "Say with one of them for whom the time was spent.",
        )
    _check_status(found)
    return found


def refuse_final(row: Mapping[str, Any]) -> None:
    """Let a change or deletion pass only if the hours are not final.

    :param row: as Exact sent it, with ``HourStatus``.
    :raises ConfigurationError: if they are.
    """
    if str(row.get("HourStatus")) == str(FINAL):
        raise _problem(
            "HourStatus",
            "final",
            "These hours are final and can no longer be changed or deleted.",
            "Undo the approval in Exact first, or book a correction.",
        )


def _check_name(name: str) -> None:
    if name in READ_ONLY:
        raise _problem(name, "read_only", f"`{name}` is filled in by Exact.", "Leave it out.")
    if name not in WRITABLE:
        near = next((known for known in WRITABLE if known.lower() == str(name).lower()), "")
        shown = re.sub(r"\W", "", str(name))[:40]
        raise _problem(
            shown,
            "unknown",
            f"A time transaction has no property `{shown}`.",
            f"Write it as `{near}`." if near else "Check its spelling; Exact wants the exact case.",
        )


def _check_status(found: Mapping[str, Any]) -> None:
    status = found.get("HourStatus")
    if status is not None and status not in WRITABLE_STATUS:
        allowed = ", ".join(f"{number} {meaning}" for number, meaning in WRITABLE_STATUS.items())
        raise _problem("HourStatus", "malformed", "`HourStatus` cannot be set to this.", f"Use one of: {allowed}.")


def _value(name: str, value: Any, zone: ZoneInfo | None) -> Any:
    if value is None:
        return None
    kind = WRITABLE[name]
    try:
        return _as_kind(kind, name, value, zone)
    except ValueError:  # a ConfigurationError is one, too
        raise _problem(name, "malformed", f"`{name}` has the wrong form.", f"Give {_EXAMPLES[kind]}.") from None


def _as_kind(kind: Kind, name: str, value: Any, zone: ZoneInfo | None) -> Any:
    if kind == "guid" and isinstance(value, str | UUID):
        return guid(value, name)
    if kind == "string" and isinstance(value, str):
        return value
    if kind == "double":
        return number(value)
    if kind == "int":
        whole = number(value)
        if whole == int(whole):
            return int(whole)
    if kind == "datetime":
        return _local_time(value, zone)
    if kind == "boolean":
        return _truth(value)
    raise ValueError(kind)


def _local_time(value: Any, zone: ZoneInfo | None) -> str:
    if isinstance(value, date):
        return local_text(value, zone)
    text = value.strip() if isinstance(value, str) else ""
    moment = datetime.fromisoformat(text)  # a 30th of February ends here
    if moment.tzinfo is not None:
        return local_text(moment, zone)
    if not _LOCAL.fullmatch(text):
        raise ValueError("no date that Exact reads")
    return text.replace(" ", "T")


def _truth(value: Any) -> bool:
    # A template makes text of a truth value.
    known = {"true": True, "false": False}
    if isinstance(value, bool | str) and str(value).strip().lower() in known:
        return known[str(value).strip().lower()]
    raise ValueError("neither true nor false")


def _problem(field: str, problem: str, what: str, way_out: str) -> ConfigurationError:
    return ConfigurationError(what, reason_code=f"exact.{field}.{problem}", way_out=way_out)

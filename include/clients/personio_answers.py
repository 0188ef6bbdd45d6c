"""Reading Personio's answers: rows out of envelopes, and what to make of those that hold none."""

from __future__ import annotations

from datetime import datetime
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from include.errors import ConfigurationError, PermissionDeniedError, ServiceUnavailableError

if TYPE_CHECKING:
    from include.records import Row
    from include.transport import Reply


ADDRESS_UNREADABLE: Final = "personio.email.unreadable"
"""Nobody can tell then whether a refused record is a duplicate; those that are not refused need not be told."""

_MOST_TEXT: Final = 300
_MOST_REMARKS: Final = 20


def unreadable(endpoint: str, status: int) -> ServiceUnavailableError:
    """Return the error for an answer to a read that is JSON, but not what was asked for.

    :param endpoint: for texts.
    :param status: of the answer.
    """
    return ServiceUnavailableError(
        f"{endpoint}: the answer has an unknown form.",
        reason_code="personio.answer.unknown_form",
        way_out="Try again later; if it stays, check the base URL.",
        status=status,
    )


def refused_read(endpoint: str, status: int) -> ConfigurationError:
    """Return the error for a refused query.

    :param endpoint: for texts.
    :param status: of the answer.
    """
    return ConfigurationError(
        f"{endpoint}: Personio refuses the query.",
        reason_code="personio.query.refused",
        way_out="Check the base URL and the attributes asked for.",
        status=status,
    )


def flat_employees(reply: Reply) -> list[Row]:
    """Return the employees of a page as attribute key to value.

    :param reply: of the employees list.
    :raises ServiceUnavailableError: if it holds no list.
    """
    data = reply.json.get("data") if isinstance(reply.json, dict) else None
    if not isinstance(data, list):
        raise unreadable("v1/company/employees", reply.status)
    return [
        {
            key: attribute.get("value") if isinstance(attribute, dict) else attribute
            for key, attribute in employee["attributes"].items()
        }
        for employee in data
        if isinstance(employee, dict) and isinstance(employee.get("attributes"), dict)
    ]


def listed(body: Any, name: str, endpoint: str, status: int) -> list[Row]:
    """Return the rows of a list's envelope.

    :param body: the parsed answer.
    :param name: of the list in it: ``data`` in v1, ``_data`` in v2.
    :param endpoint: for texts.
    :param status: of the answer.
    :raises ServiceUnavailableError: if it holds no list of objects.
    """
    rows = body.get(name) if isinstance(body, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise unreadable(endpoint, status)
    return rows


def id_of(value: Any) -> str:
    """Return an id as text, "" if it is none.

    :param value: whole number or text; ``81723.0`` is what a gateway makes of a number.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        return ""
    return str(value).strip()


def texts_in(meta: Any) -> tuple[str, ...]:
    """Collect Personio's remarks on what it has ignored, whatever form they come in.

    :param meta: of an answer: documented as a list of texts; text, objects and nothing occur.
    """
    if isinstance(meta, str):
        text = " ".join(meta.split())[:_MOST_TEXT]
        return (text,) if text else ()
    inner = meta.values() if isinstance(meta, dict) else meta if isinstance(meta, list) else ()
    found = (text for one in inner for text in texts_in(one))
    return tuple(dict.fromkeys(found))[:_MOST_REMARKS]


def total(reply: Reply) -> float:
    """Return how many employees there are, infinity if the page does not say.

    :param reply: of the employees list.
    """
    metadata = reply.json.get("metadata")
    number = metadata.get("total_elements") if isinstance(metadata, dict) else None
    if isinstance(number, bool) or not isinstance(number, int | float):
        return float("inf")
    # json reads NaN as a number.
    return number if isfinite(number) and number >= 0 else float("inf")


def with_address(employee: Row) -> Row:
    """Return an employee whose address may be read.

    :param employee: as attribute key to value.
    :raises PermissionDeniedError: the credential may not read ``email``, so that nobody can tell who it is.
    """
    if "email" not in employee:
        raise PermissionDeniedError(
            "v1/company/employees: the attribute `email` is not readable.",
            reason_code=ADDRESS_UNREADABLE,
            way_out="Allow the attribute `email` on the API credential in Personio.",
        )
    return employee


def email_of_candidate(row: Row) -> Any:
    """Return the address in an application of v2, None if it has none.

    :param row: as Personio sent it.
    """
    candidate = row.get("candidate")
    return candidate.get("email") if isinstance(candidate, dict) else None


def moment(value: Any) -> datetime | None:
    """Return a time of Personio's; None if it is none, or has no zone.

    :param value: text in v1 and v2, an object with ``date-time`` in v2's recruiting.
    """
    text = value.get("date-time") if isinstance(value, dict) else value
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def same(left: Any, right: str) -> bool:
    """Tell whether two addresses are the same mailbox.

    :param left: anything; only text can be an address.
    :param right: the address looked for.
    """
    return isinstance(left, str) and left.strip().casefold() == right.strip().casefold()

"""Reading Personio's answers: rows out of envelopes, and what to make of those that hold none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from include.errors import ConfigurationError, ServiceUnavailableError

if TYPE_CHECKING:
    from include.records import Row
    from include.transport import Reply


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


def total(reply: Reply) -> float:
    """Return how many employees there are, infinity if the page does not say.

    :param reply: of the employees list.
    """
    metadata = reply.json.get("metadata")
    number = metadata.get("total_elements") if isinstance(metadata, dict) else None
    return number if isinstance(number, int) else float("inf")


def email_of_candidate(row: Row) -> Any:
    """Return the address in an application of v2, None if it has none.

    :param row: as Personio sent it.
    """
    candidate = row.get("candidate")
    return candidate.get("email") if isinstance(candidate, dict) else None


def same(left: Any, right: str) -> bool:
    """Tell whether two addresses are the same mailbox.

    :param left: anything; only text can be an address.
    :param right: the address looked for.
    """
    return isinstance(left, str) and left.strip().casefold() == right.strip().casefold()

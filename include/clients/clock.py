"""How far a service's clock is from ours, as its ``Date`` header says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from include.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Mapping


def skew(headers: Mapping[str, str]) -> timedelta | None:
    """Return how much the service is ahead of us, None if the answer has no readable ``Date``.

    The header counts in seconds and the answer was on its way, so a few seconds mean nothing.

    :param headers: of an answer that has just come.
    """
    try:
        told = parsedate_to_datetime(headers["Date"])
    except (KeyError, TypeError, ValueError):
        return None
    aware = told if told.tzinfo is not None else told.replace(tzinfo=UTC)
    return aware - datetime.now(UTC)


def unknown_time(service: str) -> ProtocolError:
    """Return the error for a service that does not tell the time.

    :param service: ``exact`` or ``personio``.
    """
    return ProtocolError(
        f"No answer of {service} says what time it is there.",
        reason_code=f"{service}.Date.missing",
        way_out="A proxy may remove the `Date` header; compare this machine's clock with a time server instead.",
    )

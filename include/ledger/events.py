"""A record's story: every change of a delivery's state, with run, time and reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.ledger.states import STATE_CHANGE
from include.ledger.tables import events

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection
    from sqlalchemy import Row as SqlRow


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a record's story.

    :param kind: ``state``, or why a line was written although the state stayed the same.
    """

    at: datetime
    run_id: str
    kind: str
    from_state: str | None
    to_state: str
    reason_code: str
    field: str
    attempt: int
    status: int | None
    destination: str
    job: int | None


def line(
    delivery_id: int,
    *,
    run_id: str,
    at: datetime,
    to_state: str,
    from_state: str | None = None,
    kind: str = STATE_CHANGE,
    reason_code: str = "",
    field: str = "",
    attempt: int = 0,
    status: int | None = None,
) -> dict[str, Any]:
    """Return the column values of one event."""
    return {
        "delivery_id": delivery_id,
        "run_id": run_id,
        "at": at,
        "kind": kind,
        "from_state": from_state,
        "to_state": to_state,
        "reason_code": reason_code,
        "field": field,
        "attempt": attempt,
        "status": status,
    }


def of_all(
    rows: Iterable[SqlRow[Any]],
    *,
    run_id: str,
    at: datetime,
    to_state: str,
    reason_code: str,
    kind: str = STATE_CHANGE,
    field: str = "",
) -> list[dict[str, Any]]:
    """Return the column values of the events of one change that many deliveries share.

    :param rows: each with ``id``, ``state`` and ``attempt``, as they were before the change.
    """
    return [
        line(
            row.id,
            run_id=run_id,
            at=at,
            kind=kind,
            from_state=row.state,
            to_state=to_state,
            reason_code=reason_code,
            field=field,
            attempt=row.attempt,
        )
        for row in rows
    ]


def write(connection: Connection, lines: Sequence[dict[str, Any]]) -> None:
    """Add events, in the transaction of the change they tell of."""
    if lines:
        connection.execute(events.insert(), list(lines))

"""The few shapes that travel between clients, ledger, transform and sync."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Entity = Literal["Accounts", "Contacts"]
Destination = Literal["application", "employee", "employee_match"]
"""What a record becomes at Personio; a match creates nothing, it finds the employees that are the same person."""
Outcome = Literal["ready", "rejected", "skipped_by_rule"]
Row = dict[str, Any]
"""One row of a service, with the service's own field names."""


@dataclass(frozen=True, slots=True)
class StreamKey:
    """What a watermark belongs to: one entity of one division, as one DAG moves it."""

    dag_id: str
    division: int
    entity: Entity

    def __str__(self) -> str:
        return f"{self.dag_id}/{self.division}/{self.entity}"


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a service's list; ``next`` is what fetches the following one, None at the end."""

    number: int
    # Rows, payloads and addresses are about people: a repr ends in a log sooner or later.
    rows: list[Row] = dataclasses.field(repr=False)
    next: str | None


@dataclass(frozen=True, slots=True)
class Window:
    """What a run reads, decided once and pinned under the run's id.

    :param mode: ``live``, ``window``, ``backfill``.
    :param after: row version after which the feed is read (exclusive).
    :param created_from: aware; records created before it are not new. None: everything is.
    :param created_to: aware, exclusive; None: no end.
    :param advances: whether ``commit`` may move the watermark.
    """

    mode: str
    after: int
    created_from: datetime | None = None
    created_to: datetime | None = None
    advances: bool = True


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A row of the feed on its way into the ledger, newest ``row_version`` wins.

    :param source_id: Exact's ``ID``, lower case.
    :param row_version: Exact's ``Timestamp`` as an integer.
    :param created: aware, from Exact's local ``Created``; None if the row has none.
    """

    source_id: str
    row_version: int
    created: datetime | None
    row: Row = dataclasses.field(repr=False)


@dataclass(frozen=True, slots=True)
class Decision:
    """What the transform decided for one staged row, and why.

    :param payload: the destination's body, only with outcome ``ready``.
    :param email: looked up by keyed hash later; never logged.
    :param reason_code: ``service.field.problem`` for every outcome but ``ready``.
    :param field: the field the reason speaks of.
    :param trace: destination field -> the rule that made it, without values.
    """

    source_id: str
    row_version: int
    outcome: Outcome
    reason_code: str = ""
    field: str = ""
    payload: Mapping[str, Any] | None = dataclasses.field(default=None, repr=False)
    email: str | None = dataclasses.field(default=None, repr=False)
    trace: Mapping[str, str] = dataclasses.field(default_factory=dict)

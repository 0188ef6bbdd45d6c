"""The few shapes that travel between clients, ledger, transform and sync."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Entity = Literal["Accounts", "Contacts"]
ENTITIES: Final[tuple[Entity, ...]] = get_args(Entity)
Destination = Literal["application", "employee", "employee_match"]
"""What a record becomes at Personio; a match creates nothing, it finds the employees that are the same person."""
LOOK_UPS: Final[frozenset[Destination]] = frozenset({"employee_match"})
"""Destinations at which nothing is written."""
Outcome = Literal["ready", "rejected", "skipped_by_rule"]
HISTORY = "/history"
"""Ends the name of a stream's second lane; Airflow allows no slash in the id of a DAG."""
Mode = Literal["live", "window", "backfill", "replay"]
Reading = Literal["feed", "pages", "nothing"]
"""How a run reads: the feed of changes, filtered pages of 60, or not at all."""
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

    @property
    def dag(self) -> str:
        """The DAG's own id, whichever of its two lanes this is."""
        return self.dag_id.removesuffix(HISTORY)

    @property
    def is_history(self) -> bool:
        """Whether this is the lane of runs that never move the watermark."""
        return self.dag_id.endswith(HISTORY)

    def history(self) -> StreamKey:
        """Return the DAG's second lane: what windows, backfills, previews and canaries read and decide.

        It has rows, a place in the feed and an outbox of its own, so that nothing of it touches the live lane.
        """
        return self if self.is_history else dataclasses.replace(self, dag_id=f"{self.dag_id}{HISTORY}")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a service's list; ``next`` is what fetches the following one, None at the end."""

    number: int
    # Rows, payloads and addresses are about people: a repr ends in a log sooner or later.
    rows: list[Row] = dataclasses.field(repr=False)
    next: str | None


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Which records of a window are meant; what is empty does not narrow.

    :param status: Exact's ``Status`` of accounts: ``C`` customer, ``P`` prospect, ``S`` suspect, ``A`` none.
    :param country: two-letter codes, upper case.
    :param only_main_contacts: leave out contacts that are not their account's main contact.
    :param account_role: contacts of ``customer`` or ``supplier`` accounts only.
    :param modified_from: aware; leave out what was last changed before it.
    :param modified_to: aware, exclusive.
    """

    status: tuple[str, ...] = ()
    country: tuple[str, ...] = ()
    only_main_contacts: bool = False
    account_role: str = ""
    modified_from: datetime | None = None
    modified_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """What a run reads, decided once and pinned under the run's id.

    :param mode: ``live``, ``window``, ``backfill`` or ``replay``.
    :param after: row version after which the feed is read (exclusive).
    :param created_from: aware; records created before it are not new. None: everything is.
    :param created_to: aware, exclusive; None: no end.
    :param advances: whether ``commit`` may move the watermark.
    :param reading: how it is read.
    :param where: which records of it are meant.
    :param max_records: make and send at most so many; None: all.
    :param preview: decide and show, write nothing at Personio.
    """

    mode: Mode
    after: int
    created_from: datetime | None = None
    created_to: datetime | None = None
    advances: bool = True
    reading: Reading = "feed"
    where: RecordFilter = RecordFilter()
    max_records: int | None = None
    preview: bool = False

    @property
    def name(self) -> str:
        """The mode as people call it: a preview or a canary of a window is called that."""
        if self.preview:
            return "preview"
        return "canary" if self.max_records == 1 else self.mode


# Nobody changes one, but a frozen one takes four times as long to make, and a first import makes a million.
@dataclass(slots=True)
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


class Decision(NamedTuple):
    """What the transform decided for one staged row, and why.

    A tuple, for there is one for every record, and a frozen dataclass takes ten times as long to make.

    :param payload: the destination's body, only with outcome ``ready``.
    :param email: looked up by keyed hash later; never logged.
    :param reason_code: ``service.field.problem`` for every outcome but ``ready``.
    :param field: the field the reason speaks of.
    :param trace: destination field -> the rule that made it, without values; records of the same story share one.
    :param called: names that the payload does not have: of an organisation, and of whom is not sent. Only hashed.
    """

    source_id: str
    row_version: int
    outcome: Outcome
    reason_code: str = ""
    field: str = ""
    payload: Mapping[str, Any] | None = None
    email: str | None = None
    trace: Mapping[str, str] = MappingProxyType({})
    called: str = ""

    def __repr__(self) -> str:
        """Show what is not personal."""
        shown = ("source_id", "row_version", "outcome", "reason_code", "field", "trace")
        return f"Decision({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

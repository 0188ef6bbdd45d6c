"""Reading a window by filtered pages: Exact is asked for what lies in it, and here it is compared exactly.

.. seealso:: https://start.exactonline.nl/docs/HlpRestAPIResourcesDetails.aspx?name=CRMContacts
.. seealso:: https://start.exactonline.nl/docs/HlpRestAPIResourcesDetails.aspx?name=CRMAccounts
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from include.clients.exact_paging import row_version
from include.clients.exact_time import local_to_utc
from include.errors import ProtocolError
from include.records import SourceRow
from include.sync.filters import between, conditions, matches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from include.clients.exact import ExactClient
    from include.ledger.staging import ResumePoint
    from include.records import Entity, Page, RecordFilter, Row, StreamKey, Window

_HEX: Final = "[0-9A-Fa-f]"
# Without a group that repeats, which takes half as long again.
_GUID: Final = re.compile("-".join(f"{_HEX}{{{digits}}}" for digits in (8, 4, 4, 4, 12)))
_VERSIONS: Final = 2**63
"""Row versions have 64 bits with a sign."""

EVERYTHING: Final = "Created gt datetime'1900-01-01'"
"""Every record: some apps must filter, by one of the columns that Exact names, and ``Created`` is one of them."""


def endpoint(entity: Entity) -> str:
    """Return the endpoint that is read by filtered pages."""
    return f"crm/{entity}"


def condition(
    created_from: datetime | None,
    created_to: datetime | None,
    where: RecordFilter,
    entity: Entity,
    zone: ZoneInfo,
) -> str:
    """Return the ``$filter`` of a window; it lets through all of it, and near a change of the clocks a bit more.

    :param created_from: aware; None: since the beginning.
    :param created_to: aware, exclusive; None: no end.
    :param where: which records of it are meant.
    :param zone: the site's time zone.
    """
    found = [*between("Created", created_from, created_to, zone), *conditions(where, entity, zone)]
    return " and ".join(found) if found else EVERYTHING


def window_pages(  # noqa: PLR0917 - what is read, and where it goes on
    client: ExactClient,
    stream: StreamKey,
    window: Window,
    select: Sequence[str],
    zone: ZoneInfo,
    reached: ResumePoint | None,
) -> Iterator[tuple[Page, list[SourceRow]]]:
    """Yield the pages of a window, each with the rows that really belong to it.

    :param select: the columns; those pages have no ``Timestamp``.
    :param reached: where a former attempt stopped; None: at the first page.
    :raises ProtocolError: a row has no ID.
    """
    for page in client.pages(
        endpoint(stream.entity),
        select=select,
        filter=condition(window.created_from, window.created_to, window.where, stream.entity, zone),
        resume=reached.next if reached else None,
        first=reached.page + 1 if reached else 1,
    ):
        rows = source_rows(page, stream, zone, versioned=False)
        yield page, [row for row in rows if _belongs(row, window, zone)]


def _belongs(row: SourceRow, window: Window, zone: ZoneInfo) -> bool:
    start, end = window.created_from, window.created_to
    if row.created is None:
        return False
    inside = (start is None or row.created >= start) and (end is None or row.created < end)
    return inside and matches(window.where, row.row, zone)


def source_rows(page: Page, stream: StreamKey, zone: ZoneInfo, *, versioned: bool = True) -> list[SourceRow]:
    """Return the page's rows as the ledger takes them.

    :param zone: of the site: Exact's dates are its local wall clock.
    :param versioned: whether the rows have a ``Timestamp``; only those of feeds do.
    :raises ProtocolError: a row has no ID or no whole-number Timestamp.
    """
    rows = []
    for row in page.rows:
        source_id, version = _key(row), row_version(row) if versioned else 0
        if source_id is None or not 0 <= version < _VERSIONS:
            raise ProtocolError(
                f"A row of {stream.entity} on page {page.number} has no ID or no Timestamp that could be one.",
                reason_code="exact.ID.malformed" if source_id is None else "exact.Timestamp.malformed",
                way_out="Nothing was skipped; the run goes on at this page when it is retried.",
            )
        rows.append(SourceRow(source_id, version, created_at(row, zone), row))
    return rows


def _key(row: Row) -> str | None:
    """Return the row's ID; whatever else stands there would be kept as a record that is nobody's."""
    found = row.get("ID")
    return found.lower() if isinstance(found, str) and _GUID.fullmatch(found) else None


def created_at(row: Row, zone: ZoneInfo) -> datetime | None:
    """Return when the row was created, None if that cannot be told: it then counts as new.

    In the repeated hour of October the later of the two meanings is taken, always: every record then belongs to
    exactly one window, and a live run rather looks at it once more than leaves it out.
    """
    try:
        return local_to_utc(row["Created"], zone, fold=1)
    except (KeyError, AttributeError, ProtocolError):
        return None

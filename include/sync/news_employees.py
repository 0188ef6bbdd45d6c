"""New employees, by Personio's employees (v1) or persons (v2)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal
from zoneinfo import ZoneInfo

from include.errors import ConfigurationError, ProtocolError
from include.ledger.news import Cursor
from include.sync.news import Reading, source_key
from include.sync.plan import fixed_start

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from include.clients.personio import PersonioClient
    from include.records import Row

EmployeesApi = Literal["v1", "v2"]
PERSONS_SCOPE: Final = "personio:persons:read"
V1_OVERLAP: Final = timedelta(hours=26)
"""``updated_since`` has no zone, and nobody knows which one Personio reads it in: zones lie 26 hours apart."""
V2_OVERLAP: Final = timedelta(minutes=10)
"""For clocks that differ and for persons that the list shows late."""
_UNFINISHED: Final = "first reading"


class EmployeeNews:
    """New employees by Personio's v1: ``updated_since`` with an overlap, told apart by their id.

    v1 cannot be asked for what was created, so the first run reads everybody once: without that, an old
    employee that merely changes would look new. No attribute but ``id`` has to be readable, and no projection
    is asked for: beside ``updated_since`` it would filter as well.

    .. seealso:: https://developer.personio.de/reference/get_company-employees
    """

    api: EmployeesApi = "v1"

    def __init__(self, client: PersonioClient, key: str) -> None:
        self._client = client
        self.key = key

    def readings(self, cursor: Cursor | None, *, start_from: str, now: datetime) -> Iterator[Reading]:
        """Yield who is new since the cursor; one call for up to 100 changed employees.

        :raises ConfigurationError: ``start_from`` is none of the three, or a date that ``created_at``, which the
            credential may not read, would have to be compared with.
        """
        if cursor is None or cursor.value == _UNFINISHED:
            yield from self._first(start_from, now, cursor)
            return
        reached = Cursor(f"{self.api} {now.isoformat()}", cursor.created_from)
        api, at = _parsed(cursor)
        changed = self._employees((at - V1_OVERLAP).strftime("%Y-%m-%dT%H:%M:%S"))
        if api == self.api:
            yield Reading(_records(changed), reached)
            return
        # Before, v2 told who is new, so v1 never saw the others: known from now on.
        yield Reading(_records(row for row in changed if not _older(row, at - V2_OVERLAP)), cursor)
        yield Reading(_records(self._employees()), reached, news=False)

    def position(self, cursor: Cursor | None) -> str | None:
        """Return the time."""
        return _position(cursor)

    def _first(self, start_from: str, now: datetime, cursor: Cursor | None) -> Iterator[Reading]:
        created_from = cursor.created_from if cursor is not None else _created_from(start_from)
        reached = Cursor(f"{self.api} {now.isoformat()}", created_from)
        everybody = self._employees()
        if created_from is None:
            yield Reading(_records(everybody), reached, news=start_from != "now")
            return
        if any(_created_at(row) is None for row in everybody):
            raise _created_at_unreadable()
        old = [row for row in everybody if _older(row, created_from)]
        yield Reading(_records(old), Cursor(_UNFINISHED, created_from), news=False)
        # The old ones are known by now, so that of everybody only the others are new.
        yield Reading(_records(everybody), reached)

    def _employees(self, updated_since: str | None = None) -> list[Row]:
        return list(self._client.list_employees(updated_since=updated_since))


class PersonNews:
    """New employees by Personio's v2: ``created_at.gt`` with an overlap, told apart by their id.

    .. seealso:: https://developer.personio.de/reference/get_v2-persons
    """

    api: EmployeesApi = "v2"

    def __init__(self, client: PersonioClient, key: str) -> None:
        self._client = client
        self.key = key

    def readings(self, cursor: Cursor | None, *, start_from: str, now: datetime) -> Iterator[Reading]:
        """Yield who is new since the cursor; one call for up to 50 new persons.

        :raises ConfigurationError: ``start_from`` is none of the three.
        """
        # An unfinished first reading of v1 leaves its start behind, and nothing else that matters here.
        begun = cursor is not None and cursor.value != _UNFINISHED
        created_from = cursor.created_from if cursor is not None else _created_from(start_from)
        if cursor is not None and begun:
            after: datetime | None = _parsed(cursor)[1] - V2_OVERLAP
        elif cursor is None and start_from == "now":
            after = now - V2_OVERLAP
        else:
            # `gt` leaves out the moment itself.
            after = created_from - timedelta(seconds=1) if created_from else None
        persons = list(self._client.list_persons(created_after=after))
        # Those of the overlap were there before the start; known, they cannot look new in the next one.
        news = cursor is not None or start_from != "now"
        fresh = [row for row in persons if created_from is None or not _older(row, created_from)]
        yield Reading(_records(fresh), Cursor(f"{self.api} {now.isoformat()}", created_from), news=news)

    def position(self, cursor: Cursor | None) -> str | None:
        """Return the time."""
        return _position(cursor)


def personio_news(
    client: PersonioClient, key: str, *, api: Literal["auto", "v1", "v2"] = "auto"
) -> EmployeeNews | PersonNews:
    """Return the source that the credential can use; both name a person by the same id.

    :param key: the source's name in the ledger.
    :param api: ``auto``: v2 if the credential may read persons there.
    """
    if api == "v2" or (api == "auto" and PERSONS_SCOPE in (client.scopes() or ())):
        return PersonNews(client, key)
    return EmployeeNews(client, key)


def personio_key(consumer: str, connection_id: str) -> str:
    """Return the name in the ledger of what a consumer is told of a connection's employees."""
    return source_key(consumer, connection_id, "employees")


def _created_from(start_from: str) -> datetime | None:
    """Return the start as a time; None for ``beginning``, and for ``now``, which ids decide and no clock."""
    return None if start_from == "now" else fixed_start(start_from, ZoneInfo("UTC")).created_from


def _parsed(cursor: Cursor) -> tuple[str, datetime]:
    api, _, at = cursor.value.partition(" ")
    return api, datetime.fromisoformat(at)


def _position(cursor: Cursor | None) -> str | None:
    return None if cursor is None or cursor.value == _UNFINISHED else cursor.value.partition(" ")[2]


def _records(rows: Iterable[Row]) -> list[tuple[str, datetime | None]]:
    """Return ids as text, as v2 writes them: the same person has the same one in v1."""
    found: dict[str, tuple[str, datetime | None]] = {}
    for row in rows:
        if row.get("id") in (None, ""):
            raise ProtocolError(
                "Personio listed an employee without an id.",
                reason_code="personio.id.missing",
                way_out="Nothing was skipped: the next run reads the same again. Report it if it stays.",
            )
        found[str(row["id"])] = str(row["id"]), _created_at(row)
    return list(found.values())


def _created_at(row: Row) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(row["created_at"]))
    except (KeyError, ValueError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _created_at_unreadable() -> ConfigurationError:
    return ConfigurationError(
        "The start is a date, but the credential may not read `created_at` of employees.",
        reason_code="personio.created_at.unreadable",
        way_out="Allow the attribute on the API credential in Personio, or start from now or beginning.",
    )


def _older(row: Row, moment: datetime) -> bool:
    """Tell whether the person was created before; False if that cannot be told."""
    created = _created_at(row)
    return created is not None and created < moment

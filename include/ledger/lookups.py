"""What the ledger tells about one record, for people who ask: its story, its results, where it is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, select

from include.ledger.events import Event
from include.ledger.left_out import LeftOut
from include.ledger.second_looks import SecondLooks
from include.ledger.tables import deliveries, events

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from include.ledger.crypto import Cipher
    from include.ledger.database import Database

_GUID_START = re.compile(r"[0-9a-f-]{8,36}")


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """What the service said of a record at one destination, decrypted.

    :param result: may hold personal data, so it does not show.
    """

    destination: str
    job: int | None
    state: str
    result: dict[str, Any] = field(repr=False)


class Lookups(LeftOut, SecondLooks):
    """Questions about one record, and what a run has to know before it decides; nothing here sends anything."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher

    def history(self, source_id: str) -> list[Event]:
        """Return the story of one record of Exact, over all destinations, oldest line first."""
        return self._story(deliveries.c.source_id == source_id)

    def history_of_email(self, email: str) -> list[Event]:
        """Return the story of everything that was decided for an e-mail address."""
        return self._story(deliveries.c.email_hash == self._cipher.email_digest(email))

    def results(self, source_id: str) -> list[DeliveryResult]:
        """Return what the services said of one record of Exact; it may hold personal data."""
        query = (
            select(deliveries.c.destination, deliveries.c.job, deliveries.c.state, deliveries.c.result)
            .where(deliveries.c.source_id == source_id, deliveries.c.result.is_not(None))
            .order_by(deliveries.c.id)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [
            DeliveryResult(row.destination, row.job or None, row.state, self._cipher.open(row.result)) for row in rows
        ]

    def sources_of(self, text: str) -> list[tuple[int, str, str]]:
        """Return (division, entity, id at Exact) of the records that a text may mean.

        :param text: an id at Exact, or its first eight characters or more; an e-mail address; an id at Personio.
        """
        text = text.strip()
        if not text:
            return []
        columns = (deliveries.c.division, deliveries.c.entity, deliveries.c.source_id)
        found: set[tuple[int, str, str]] = set()
        with self._database.read() as connection:
            # One search per meaning: each has its own index.
            for where in self._meanings(text):
                rows = connection.execute(select(*columns).where(where).distinct())
                found.update((int(row.division), str(row.entity), str(row.source_id)) for row in rows)
        return sorted(found)

    def _meanings(self, text: str) -> list[ColumnElement[bool]]:
        if "@" in text:
            return [deliveries.c.email_hash == self._cipher.email_digest(text)]
        return ids_meant(text)

    def _story(self, where: ColumnElement[bool]) -> list[Event]:
        names = [name for name in Event.__slots__ if name not in ("destination", "job")]
        query: Any = (
            select(*(events.c[name] for name in names), deliveries.c.destination, deliveries.c.job)
            .join(deliveries, deliveries.c.id == events.c.delivery_id)
            .where(where)
            .order_by(events.c.id)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [Event(**{**row, "job": row["job"] or None}) for row in rows]


def ids_meant(text: str) -> list[ColumnElement[bool]]:
    """Return what a text may mean, as conditions on a delivery that have an index each.

    :param text: an id at Exact, or its first eight characters or more; an id at Personio.
    """
    meanings = [deliveries.c.remote_id == text, deliveries.c.source_id == text]
    start = text.lower().strip("{}")
    if _GUID_START.fullmatch(start):
        # The range finds by index whatever the database's language is, the prefix then decides.
        within = (deliveries.c.source_id >= start, deliveries.c.source_id < f"{start}g")
        meanings.append(and_(*within, deliveries.c.source_id.startswith(start)))
    return meanings

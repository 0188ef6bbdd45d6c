"""All that the ledger holds about people, decrypted row by row: to find one of them, and to answer what is held."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from sqlalchemy import select, union

from include.ledger.outbox_tables import news_records
from include.ledger.run_tables import previews, run_outbox
from include.ledger.tables import deliveries, events, failures, staged
from include.ledger.tombstones import is_erased

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Row as SqlRow
    from sqlalchemy import Select

    from include.ledger.crypto import Cipher
    from include.ledger.database import Database

SLICE = 500
"""Rows at a time: memory stays bounded however many there are."""

Kind = Literal["staged", "delivery", "run_outbox", "preview", "failure", "news"]
Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """One row of the ledger that is, or may be, about a person.

    :param kind: which table it is of.
    :param key: its primary key there.
    :param lane: the DAG that it belongs to, ``/history`` for the second lane; the run, of its outbox or preview.
    :param source_id: Exact's ``ID``; empty where the row is of no single record.
    :param about: what the row says in clear: state, reason, position, times, ids. Nothing personal.
    :param content: what was encrypted. Personal data, so it does not show.
    """

    kind: Kind
    key: Key
    lane: str
    division: int | None
    entity: str
    source_id: str
    about: dict[str, Any]
    content: Any = dataclasses.field(repr=False, default=None)


class Holdings:
    """Reads everything, so it takes a while: some tens of microseconds for each row.

    :param database: the ledger's.
    :param cipher: unlocked.
    """

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher

    def pieces(self) -> Iterator[Piece]:
        """Yield each row that may be about a person."""
        yield from self.staged()
        yield from self._deliveries()
        yield from self._run_outbox()
        yield from self._previews()
        yield from self._failures()
        yield from self._news()

    def staged(self) -> Iterator[Piece]:
        """Yield the rows of Exact, whichever lane and DAG has read them."""
        for row in self._slices(select(staged), "id"):
            about = {name: getattr(row, name) for name in ("row_version", "created", "run_id", "staged_at")}
            content = self._opened(row.sealed)
            if content is not None and is_erased(content):
                content = None
            yield Piece("staged", (row.id,), row.dag_id, row.division, row.entity, row.source_id, about, content)

    def _deliveries(self) -> Iterator[Piece]:
        names = ("destination", "job", "company", "state", "reason_code", "field", "remote_id", "run_id")
        times = ("attempt", "decided_at", "updated_at")
        for row in self._slices(select(deliveries), "id"):
            about = {name: getattr(row, name) for name in (*names, *times)}
            about["was_in_doubt"] = row.was_in_doubt or row.state in {"sending", "in_doubt"}
            sealed = {"sent": self._opened(row.sealed), "result": self._opened(row.result)}
            sealed["rules"] = json.loads(row.trace) if row.trace else None
            found = {name: value for name, value in sealed.items() if value is not None}
            # A rejected record may be known by its address alone: by its hash.
            content = {**found, "email_hash": row.email_hash} if found or row.email_hash else None
            yield Piece("delivery", (row.id,), row.dag_id, row.division, row.entity, row.source_id, about, content)

    def _run_outbox(self) -> Iterator[Piece]:
        of_delivery = ("division", "entity", "source_id", "destination", "job")
        query = (
            select(run_outbox, *(deliveries.c[name] for name in of_delivery))
            .join_from(run_outbox, deliveries, deliveries.c.id == run_outbox.c.delivery_id)
            .where(run_outbox.c.sealed.is_not(None))
        )
        for row in self._all(query):
            about = {"delivery": row.delivery_id, "destination": row.destination, "job": row.job}
            key = (row.run_id, row.delivery_id)
            record = (row.division, row.entity, row.source_id)
            yield Piece("run_outbox", key, row.run_id, *record, about, self._opened(row.sealed))

    def _previews(self) -> Iterator[Piece]:
        for row in self._all(select(previews)):
            names = ("outcome", "reason_code", "field", "action", "existing", "made_at")
            about = {name: getattr(row, name) for name in names}
            opened = self._opened(row.sealed)
            content = opened if opened and any(opened.values()) else None
            yield Piece("preview", (row.run_id, row.source_id), row.run_id, None, "", row.source_id, about, content)

    def _failures(self) -> Iterator[Piece]:
        for row in self._slices(select(failures), "id"):
            about = {"stage": row.stage, "at": row.at, "reason_code": row.reason_code}
            content = {"what": row.what, "way_out": row.way_out}
            yield Piece("failure", (row.id,), row.run_id, None, "", "", about, content)

    def _news(self) -> Iterator[Piece]:
        for row in self._slices(select(news_records), "id"):
            about = {"created": row.created, "delivered": row.delivered}
            yield Piece("news", (row.id,), row.source, None, "", row.record_id, about)

    def events_of(self, delivery_id: int) -> list[dict[str, Any]]:
        """Return the story of one delivery: what became of it when, nothing personal."""
        query = select(events).where(events.c.delivery_id == delivery_id).order_by(events.c.id)
        with self._database.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def divisions(self) -> list[int]:
        """Return the divisions that anything is known of."""
        with self._database.read() as connection:
            known = union(select(staged.c.division), select(deliveries.c.division))
            return sorted(connection.execute(known).scalars())

    def records_of(self, source_id: str) -> list[tuple[int, str, str]]:
        """Return (division, entity, id) of the records with an id of Exact, by index."""
        return self._records(
            *(select(t.c.division, t.c.entity, t.c.source_id).where(t.c.source_id == source_id) for t in _BOTH)
        )

    def records_at_personio(self, remote_id: str) -> dict[tuple[str, int], list[tuple[int, str, str]]]:
        """Return the records that became something with an id of Personio, by index.

        :return: (destination, company) -> (division, entity, id) of records; each counts its ids for itself.
        """
        c = deliveries.c
        columns = (c.destination, c.company, c.division, c.entity, c.source_id)
        found: dict[tuple[str, int], list[tuple[int, str, str]]] = {}
        with self._database.read() as connection:
            query = select(*columns).where(c.remote_id == remote_id).distinct().order_by(*columns)
            for destination, company, *record in connection.execute(query):
                found.setdefault((destination, company), []).append((record[0], record[1], record[2]))
        return found

    def email_hash(self, email: str) -> str:
        """Return the hash under which deliveries hold an address."""
        return self._cipher.email_digest(email)

    def _records(self, *queries: Select[Any]) -> list[tuple[int, str, str]]:
        with self._database.read() as connection:
            found = {tuple(row) for query in queries for row in connection.execute(query)}
        return sorted(cast("set[tuple[int, str, str]]", found))

    def _opened(self, sealed: bytes | None) -> Any:
        return self._cipher.open(sealed) if sealed else None

    def _slices(self, query: Select[Any], name: str) -> Iterator[SqlRow[Any]]:
        number = next(column for column in query.selected_columns if column.name == name)
        query = query.order_by(number).limit(SLICE)
        after = 0
        while True:
            with self._database.read() as connection:
                rows = connection.execute(query.where(number > after)).all()
            if not rows:
                return
            after = getattr(rows[-1], name)
            yield from rows

    def _all(self, query: Select[Any]) -> Iterator[SqlRow[Any]]:
        """Yield rows of a table that is kept short: what a run settled leaves it, and retention removes the rest."""
        with self._database.read() as connection:
            yield from connection.execution_options(yield_per=SLICE).execute(query)


_BOTH = (staged, deliveries)

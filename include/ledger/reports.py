"""What the ledger tells about many deliveries: counts, reasons, work that is left, and what is to be done again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, literal, select

from include.ledger.overview import StreamStatus, overview
from include.ledger.replays import Replays
from include.ledger.run_outbox import RunOutboxes, in_outbox
from include.ledger.states import IN_FLIGHT, PENDING
from include.ledger.tables import deliveries
from include.ledger.windows import of_lanes, of_stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from include.ledger.crypto import Cipher
    from include.ledger.database import Database
    from include.records import Destination, StreamKey


@dataclass(frozen=True, slots=True)
class Pending:
    """Work that is left: how many in which state, and when the next retry is due."""

    ready: int
    retry: int
    sending: int
    in_doubt: int
    next_due: datetime | None

    @property
    def total(self) -> int:
        """All of it."""
        return self.ready + self.retry + self.sending + self.in_doubt


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One delivery without personal data, to compare or to list."""

    delivery_id: int
    source_id: str
    division: int
    entity: str
    destination: str
    job: int | None
    state: str
    reason_code: str
    field: str
    attempt: int
    remote_id: str | None
    run_id: str
    updated_at: datetime


class Reports(Replays, RunOutboxes):
    """Questions about deliveries; nothing here sends anything."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher

    def counts(self, stream: StreamKey, destination: Destination, job: int | None) -> dict[str, int]:
        """Return the number of the stream's deliveries by state."""
        where = _of(stream, destination, job)
        query = select(deliveries.c.state, func.count()).where(*where).group_by(deliveries.c.state)
        with self._database.read() as connection:
            return {str(state): int(count) for state, count in connection.execute(query)}

    def rejections(
        self,
        stream: StreamKey | None = None,
        destination: Destination | None = None,
        job: int | None = None,
        *,
        run_id: str | None = None,
        states: Sequence[str] = ("rejected",),
    ) -> list[tuple[str, str, int]]:
        """Return (reason code, field, count), the most frequent first; each narrowing is optional.

        :param run_id: only what this run was the last to touch.
        :param states: ``skipped_by_rule`` may be asked for too.
        """
        where: list[ColumnElement[bool]] = [deliveries.c.state.in_(states)]
        if stream is not None:
            where.append(of_stream(deliveries, stream))
        if destination is not None:
            where += [deliveries.c.destination == destination, deliveries.c.job == (job or 0)]
        if run_id is not None:
            where.append(deliveries.c.run_id == run_id)
        columns = (deliveries.c.reason_code, deliveries.c.field)
        count = func.count()
        query = select(*columns, count).where(*where).group_by(*columns).order_by(count.desc(), *columns)
        with self._database.read() as connection:
            return [(str(reason), str(field), int(n)) for reason, field, n in connection.execute(query)]

    def pending(
        self,
        company: int | None,
        destination: Destination,
        job: int | None,
        *,
        stream: StreamKey | None = None,
    ) -> Pending:
        """Return what a load has still before it."""
        where = [
            deliveries.c.company == (company or 0),
            deliveries.c.destination == destination,
            deliveries.c.job == (job or 0),
            deliveries.c.state.in_(PENDING),
        ]
        if stream is not None:
            where.append(of_stream(deliveries, stream))
        query = (
            select(deliveries.c.state, func.count(), func.min(deliveries.c.due_at))
            .where(*where)
            .group_by(deliveries.c.state)
        )
        with self._database.read() as connection:
            found: dict[str, tuple[int, datetime | None]] = {
                row[0]: (int(row[1]), row[2]) for row in connection.execute(query)
            }
        nothing: tuple[int, datetime | None] = (0, None)
        numbers = {state: found.get(state, nothing)[0] for state in PENDING}
        return Pending(**numbers, next_due=found.get("retry", nothing)[1])

    def next_lease_end(
        self,
        stream: StreamKey,
        destination: Destination,
        job: int | None,
        *,
        company: int | None,
        selected_for: str | None = None,
    ) -> datetime | None:
        """Return when the first of the stream's leases under way runs out; None if there is none.

        :param company: whose deliveries may be claimed: a lease that nobody here may take over is not waited for.
        :param selected_for: the run whose outbox is meant, whoever owns what is in it; None: the stream's own.
        """
        mine = of_stream(deliveries, stream) if selected_for is None else in_outbox(selected_for)
        query = select(func.min(deliveries.c.lease_until)).where(
            *(deliveries.c.destination == destination, deliveries.c.job == (job or 0), mine),
            *(deliveries.c.company == (company or 0), deliveries.c.state == "sending"),
        )
        with self._database.read() as connection:
            ends: datetime | None = connection.execute(query).scalar_one()
        return ends

    def is_any_in_flight(self, stream: StreamKey, destination: Destination) -> bool:
        """Say whether a request may have left for what a live run looks after, of any position and lane."""
        mine = of_lanes(deliveries, stream), deliveries.c.destination == destination
        query = select(literal(1)).where(*mine, deliveries.c.state.in_(IN_FLIGHT)).limit(1)
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def in_doubt_elsewhere(self, stream: StreamKey, destination: Destination, job: int) -> int:
        """Return how many of the stream's deliveries to other positions may exist at Personio, or may not."""
        query = select(func.count()).where(
            *(of_lanes(deliveries, stream), deliveries.c.destination == destination, deliveries.c.job != job),
            deliveries.c.state == "in_doubt",
        )
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def overview(self) -> list[StreamStatus]:
        """Return how each stream stands: watermark, deliveries by state, last failure."""
        with self._database.read() as connection:
            return overview(connection)

    def listing(
        self, stream: StreamKey, destination: Destination, job: int | None, *, chunk: int = 1000
    ) -> Iterator[DeliveryRow]:
        """Iterate over the stream's deliveries, for a comparison of both sides; memory stays bounded."""
        columns = [deliveries.c[name] for name in DeliveryRow.__slots__ if name != "delivery_id"]
        query = (
            select(deliveries.c.id.label("delivery_id"), *columns)
            .where(*_of(stream, destination, job))
            .order_by(deliveries.c.id)
            .limit(chunk)
        )
        after = 0
        while True:
            with self._database.read() as connection:
                rows = connection.execute(query.where(deliveries.c.id > after)).mappings().all()
            if not rows:
                return
            after = rows[-1]["delivery_id"]
            yield from (DeliveryRow(**{**row, "job": row["job"] or None}) for row in rows)


def _of(stream: StreamKey, destination: Destination, job: int | None) -> list[ColumnElement[bool]]:
    return [
        of_stream(deliveries, stream),
        deliveries.c.destination == destination,
        deliveries.c.job == (job or 0),
    ]

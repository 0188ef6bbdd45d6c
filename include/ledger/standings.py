"""How records stand at a destination: what a preview shows of those that were decided on before."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from include.ledger.states import IN_FLIGHT
from include.ledger.tables import deliveries, staged
from include.ledger.undecided import created_within
from include.ledger.windows import of_stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Row as SqlRow
    from sqlalchemy import Select

    from include.ledger.crypto import Cipher
    from include.ledger.database import Database
    from include.records import Destination, Row, StreamKey

CHUNK = 900
"""Records at a time; SQLite of some years ago takes 999 values."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a record stands at one destination and position.

    :param reason_code: why it was refused or left alone.
    :param payload: only of what may be on its way: it is sent again as it was, whatever was decided since.
    """

    source_id: str
    state: str
    reason_code: str
    field: str
    payload: Row | None = dataclasses.field(default=None, repr=False)
    email: str | None = dataclasses.field(default=None, repr=False)


class Standings:
    """Questions about deliveries by the records that they are of; nothing here writes.

    :param database: the ledger's.
    :param cipher: unlocked.
    """

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher

    def of(
        self, stream: StreamKey, destination: Destination, job: int, company: int, source_ids: Sequence[str]
    ) -> dict[str, Standing]:
        """Return how records stand, by Exact's ID; whoever is not there was never decided on.

        :param source_ids: any number.
        """
        query = _of(stream, destination, job, company)
        found: dict[str, Standing] = {}
        for start in range(0, len(source_ids), CHUNK):
            named = deliveries.c.source_id.in_(source_ids[start : start + CHUNK])
            with self._database.read() as connection:
                rows = connection.execute(query.where(named)).all()
            found.update((row.source_id, self._standing(row)) for row in rows)
        return found

    def within(  # noqa: PLR0917 - the key's parts and the interval
        self,
        stream: StreamKey,
        destination: Destination,
        job: int,
        company: int,
        created_from: datetime | None,
        created_to: datetime | None,
    ) -> Iterator[list[Standing]]:
        """Iterate over how the records stand that a lane has read and that were created in an interval.

        :param created_from: aware; None: no start.
        :param created_to: aware, exclusive; None: no end.
        """
        same = (
            (staged.c.source_id == deliveries.c.source_id)
            & (staged.c.division == deliveries.c.division)
            & (staged.c.entity == deliveries.c.entity)
        )
        query = (
            _of(stream, destination, job, company)
            .add_columns(staged.c.id.label("staged_id"))
            .join(staged, same)
            .where(of_stream(staged, stream), *created_within(created_from, created_to))
            .order_by(staged.c.id)
            .limit(CHUNK)
        )
        after = 0
        while True:
            with self._database.read() as connection:
                rows = connection.execute(query.where(staged.c.id > after)).all()
            if not rows:
                return
            after = rows[-1].staged_id
            yield [self._standing(row) for row in rows]

    def _standing(self, row: SqlRow[Any]) -> Standing:
        content = self._cipher.open(row.sealed) if row.state in IN_FLIGHT and row.sealed else {}
        return Standing(
            *(row.source_id, row.state, row.reason_code, row.field), content.get("payload"), content.get("email")
        )


def _of(stream: StreamKey, destination: Destination, job: int, company: int) -> Select[Any]:
    names = ("source_id", "state", "reason_code", "field", "sealed")
    return select(*(deliveries.c[name] for name in names)).where(
        *(deliveries.c.division == stream.division, deliveries.c.entity == stream.entity),
        *(deliveries.c.destination == destination, deliveries.c.job == job, deliveries.c.company == company),
    )

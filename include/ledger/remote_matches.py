"""What Personio shows, compared with what the ledger says: a page at a time, by id and by hash of the address."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, func, or_, select

from include.ledger.balances import Target
from include.ledger.tables import deliveries

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from include.ledger.crypto import Cipher
    from include.ledger.database import Database
    from include.records import Destination

CONFIRMED: Final = ("created", "already_there")
"""States that say: it is at Personio."""

SLICE: Final = 500


@dataclass(frozen=True, slots=True)
class Match:
    """A delivery that something at Personio may be.

    :param remote_id: under which it was seen before; None: it was not.
    """

    delivery_id: int
    target: Target
    source_id: str
    state: str
    remote_id: str | None
    mark: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unseen:
    """A delivery that Personio is said to have, and that its list did not show.

    :param updated_at: when it was settled so; neither an id that is noted, nor a newer version of the record, nor
        retention or an erasure moves it.
    :param blanked: whether retention removed the address, and no id is known: nothing can be compared any more.
    """

    delivery_id: int
    source_id: str
    state: str
    remote_id: str | None
    updated_at: datetime
    blanked: bool


class RemoteMatches:
    """Compares lists of Personio with deliveries; of people it keeps and returns nothing but marks.

    :param database: the ledger's.
    :param cipher: unlocked.
    """

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher

    def mark(self, email: str) -> str:
        """Return the keyed hash of an address."""
        return self._cipher.email_digest(email)

    def of_page(
        self, company: int, destination: Destination, ids: Sequence[str], marks: Sequence[str]
    ) -> list[Match]:
        """Return the deliveries that rows of a list may be.

        :param ids: at Personio; a page of them.
        :param marks: of their addresses.
        """
        names = ("id", "source_id", "state", "remote_id", "email_hash", "division", "entity", "job")
        query = select(*(deliveries.c[name] for name in names)).where(
            deliveries.c.company == company, deliveries.c.destination == destination
        )
        found: dict[int, Match] = {}
        with self._database.read() as connection:
            # One search each: either has an index of its own.
            for column, values in ((deliveries.c.remote_id, ids), (deliveries.c.email_hash, marks)):
                for start in range(0, len(values), SLICE):
                    for row in connection.execute(query.where(column.in_(values[start : start + SLICE]))):
                        found[row.id] = _match(row, company, destination)
        return list(found.values())

    def note(self, ids: Mapping[int, str]) -> None:
        """Note under which id Personio has deliveries: the address may change there, or be forgotten here.

        :param ids: delivery -> id at Personio.
        """
        if not ids:
            return
        # Spelled out: a statement for many rows takes no lists.
        confirmed = or_(*(deliveries.c.state == state for state in CONFIRMED))
        mine = (deliveries.c.id == bindparam("pk"), confirmed)
        update = deliveries.update().where(*mine).values(remote_id=bindparam("seen"))
        # Ordered like every other writer of several deliveries, or two could wait for each other.
        values = [{"pk": number, "seen": ids[number]} for number in sorted(ids)]
        with self._database.write() as connection:
            connection.execute(update, values)

    def confirmed(self, target: Target, lanes: Sequence[str]) -> Iterator[list[int]]:
        """Iterate over the numbers of all deliveries that are said to be at Personio, on the index alone.

        :param lanes: that own deliveries of the target.
        """
        for state in CONFIRMED:
            for lane in lanes:
                query = (
                    select(deliveries.c.id)
                    .where(
                        *(deliveries.c.state == state, deliveries.c.company == target.company),
                        *(deliveries.c.destination == target.destination, deliveries.c.job == target.job),
                        *(deliveries.c.dag_id == lane, deliveries.c.division == target.division),
                        deliveries.c.entity == target.entity,
                        deliveries.c.id > bindparam("after"),
                    )
                    .order_by(deliveries.c.id)
                    .limit(10 * SLICE)
                )
                after = 0
                while True:
                    with self._database.read() as connection:
                        ids = list(connection.execute(query, {"after": after}).scalars())
                    if not ids:
                        break
                    after = ids[-1]
                    yield ids

    def unseen(self, ids: Sequence[int]) -> Iterator[Unseen]:
        """Yield what there is to say of deliveries, as far as they are still said to be at Personio."""
        blanked = (deliveries.c.email_hash.is_(None) & deliveries.c.remote_id.is_(None)).label("blanked")
        names = ("id", "source_id", "state", "remote_id", "updated_at")
        query = select(*(deliveries.c[name] for name in names), blanked).where(deliveries.c.state.in_(CONFIRMED))
        for start in range(0, len(ids), SLICE):
            with self._database.read() as connection:
                rows = connection.execute(query.where(deliveries.c.id.in_(ids[start : start + SLICE]))).all()
            for row in rows:
                yield Unseen(
                    row.id, row.source_id, row.state, row.remote_id, row.updated_at, blanked=bool(row.blanked)
                )

    def address(self, delivery_id: int) -> str | None:
        """Return the address that a delivery was made for; None if retention removed it. Never to be logged."""
        query = select(deliveries.c.sealed).where(deliveries.c.id == delivery_id)
        with self._database.read() as connection:
            sealed = connection.execute(query).scalar()
        content = self._cipher.open(sealed) if sealed else {}
        email = content.get("email")
        return email if isinstance(email, str) else None

    def blanked_until(self, company: int, destination: Destination, job: int) -> datetime | None:
        """Return when the last delivery was settled that can be compared by nothing any more; None: all can be."""
        query = select(func.max(deliveries.c.updated_at)).where(
            *(deliveries.c.state.in_(CONFIRMED), deliveries.c.company == company),
            *(deliveries.c.destination == destination, deliveries.c.job == job),
            *(deliveries.c.email_hash.is_(None), deliveries.c.remote_id.is_(None)),
        )
        with self._database.read() as connection:
            last: datetime | None = connection.execute(query).scalar()
        return last


def _match(row: Any, company: int, destination: Destination) -> Match:
    target = Target(row.division, row.entity, company, destination, row.job)
    return Match(row.id, target, row.source_id, row.state, row.remote_id, row.email_hash)

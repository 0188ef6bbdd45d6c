"""How far a lane is settled: up to which stored batch every row has a decision that stands.

A live run looks at what was stored since, so that it costs the same whatever the size of the company. That holds as
long as nobody but the lane's own runs changes what decisions stand on; whoever does (a replay, a run of history,
another DAG, an erasure taken back) raises the epoch in the same transaction, and the next run looks at all rows once
more. It does so once a day anyway.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, bindparam, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from include.ledger.settled_tables import batches, epochs, settled
from include.ledger.tables import staged
from include.ledger.windows import of_stream, stream_values

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement, Connection

    from include.ledger.database import Database
    from include.ledger.undecided import Question
    from include.records import StreamKey

WHOLE_EVERY: Final = timedelta(days=1)
"""So often all rows are looked at, whatever is said to be settled."""

NOTHING: Final = -1
"""Below every batch: rows of ledgers that were made before there were batches have the number nought."""

# SQLAlchemy compiles an INSERT that knows of conflicts anew each time, which takes ten times as long as this does.
_ONE_MORE: Final = (
    batches.update()
    .where(*(column == bindparam(f"of_{column.name}") for column in batches.primary_key))
    .values(batch=batches.c.batch + 1)
    .returning(batches.c.batch)
)


@dataclass(frozen=True, slots=True)
class Settled:
    """How far a lane was settled when a run began to decide.

    :param upto: the batch up to which nothing waits.
    :param newest: the batch that was stored last.
    :param epoch: what it holds for.
    """

    upto: int
    newest: int
    epoch: int


class SettledLanes:
    """Remembers how far each lane is settled.

    :param database: the ledger's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, question: Question) -> Settled:
        """Return how far a live lane is settled; to be asked before the rows are looked for.

        :param question: what the run decides on.
        """
        mine = select(settled).where(_is(question))
        with self._database.read() as connection:
            # In this order: on PostgreSQL each statement sees what was committed before it, and an epoch that is
            # raised later must end what is noted under this one.
            epoch = _epoch(connection, question.stream)
            newest = connection.execute(select(batches.c.batch).where(of_stream(batches, question.stream))).scalar()
            row = connection.execute(mine).one_or_none()
        holds = (
            row is not None
            and row.terms == _terms(question)
            and row.epoch == epoch
            and timedelta(0) <= self._database.now() - row.whole_at < WHOLE_EVERY
        )
        return Settled(row.batch if row is not None and holds else NOTHING, newest or 0, epoch)

    def note(self, question: Question, before: Settled) -> None:
        """Note how far the lane is settled after a run has decided all that it found.

        :param question: what the run decided on.
        :param before: what `of` returned when the run began. What was stored since is left to the next run.
        """
        whole = before.upto == NOTHING
        if not whole and before.upto == before.newest:
            return
        unsettled = select(func.min(staged.c.batch)).where(
            of_stream(staged, question.stream),
            *(staged.c.batch > before.upto, staged.c.batch <= before.newest),
            *(~question.settled(), ~or_(*question.left_for_good())),
        )
        with self._database.read() as connection:
            first = connection.execute(unsettled).scalar()
        values: dict[str, Any] = {
            "terms": _terms(question),
            "batch": before.newest if first is None else first - 1,
            "epoch": before.epoch,
        }
        if whole:
            values["whole_at"] = self._database.now()
        self._keep(question, values)

    def look_at_all(self, division: int, entity: str) -> None:
        """Have the next run of each lane look at all rows of a feed: something is not as the ledger believes.

        :param division: of the feed.
        :param entity: of the feed.
        """
        with self._database.write() as connection:
            unsettle(connection, [(division, entity)])

    def _keep(self, question: Question, values: dict[str, Any]) -> None:
        with self._database.write() as connection:
            # Under other terms all rows were looked at meanwhile: that note is theirs.
            mine = _is(question) if "whole_at" in values else and_(_is(question), settled.c.terms == values["terms"])
            if connection.execute(settled.update().where(mine).values(values)).rowcount:
                return
            if "whole_at" in values:
                insert = self._database.insert(settled).values({**_key(question), **values})
                # Another run of the lane was quicker: what it noted is as good.
                connection.execute(insert.on_conflict_do_nothing())


def next_batch(connection: Connection, stream: StreamKey) -> int:
    """Return the number of a page that is about to be stored.

    :param connection: of a transaction that holds `rows_of` the stream.
    """
    values = stream_values(stream)
    number = connection.execute(_ONE_MORE, {f"of_{name}": value for name, value in values.items()}).scalar()
    # Nobody else is between the two.
    if number is None:
        number = 1
        connection.execute(batches.insert().values(**values, batch=number))
    return int(number)


def unsettle(connection: Connection, feeds: Iterable[tuple[int, str]]) -> None:
    """End what is settled of feeds, in all lanes: what decisions stand on is changed by this transaction.

    To be called last in it: it holds one row per feed that every such transaction of the feed wants. They are taken
    in one order, so that two transactions never wait for each other.

    :param feeds: (division, entity), each as often as the caller happens to name it.
    """
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    raised = {"epoch": epochs.c.epoch + 1}
    for division, entity in sorted(set(feeds)):
        insert = make(epochs).values(division=division, entity=entity, epoch=1)
        connection.execute(insert.on_conflict_do_update(index_elements=["division", "entity"], set_=raised))


def _epoch(connection: Connection, stream: StreamKey) -> int:
    mine = and_(epochs.c.division == stream.division, epochs.c.entity == stream.entity)
    return connection.execute(select(epochs.c.epoch).where(mine)).scalar() or 0


def _terms(question: Question) -> str:
    told = (question.fingerprint, question.window_fingerprint, question.created_from)
    return hashlib.sha256(repr(told).encode()).hexdigest()


def _key(question: Question) -> dict[str, Any]:
    own = {"destination": question.destination, "job": question.job, "company": question.company or 0}
    return {**stream_values(question.stream), **own}


def _is(question: Question) -> ColumnElement[bool]:
    return and_(*(settled.c[name] == value for name, value in _key(question).items()))

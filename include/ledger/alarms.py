"""Streams that do not go on: noted when it begins and when it ends, and told once each."""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, case, null, or_, select

from include.ledger.alarm_tables import stream_alarms
from include.ledger.locks import exclusive

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from include.ledger.database import Database

WAITING: Final = "stream.outbox.waiting"
"""Records wait for too long, which stops nothing: whatever does stop the stream afterwards is news."""
_LOCK: Final = "stream-alarms"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a stream does not go on.

    :param reason_code: ``stream.….…``, or the code of the error that stopped a run.
    :param what: the cause, in one sentence; no personal data.
    :param way_out: what to do next, as a command where there is one.
    """

    reason_code: str
    what: str
    way_out: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """A stream that does not go on, or whose end of trouble nobody was told yet.

    :param since: when it was first noted.
    :param noted_at: when it was last seen to be so.
    :param told_at: when somebody was told that it began; None: nobody was.
    :param ended_at: when it was over; None: it is not.
    """

    dag_id: str
    trouble: Trouble
    since: datetime
    noted_at: datetime
    told_at: datetime | None
    ended_at: datetime | None


class Alarms:
    """Keeps one row for each DAG that does not go on.

    :param database: the ledger's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, dag_id: str, trouble: Trouble) -> None:
        """Note that a stream does not go on. Who knows already is told nothing new.

        Who only knows that records wait does not know yet.

        :param dag_id: of the live DAG.
        :param trouble: the newest cause; it takes the place of an older one.
        """
        now = self._database.now()
        said = dataclasses.asdict(trouble)
        insert = self._database.insert(stream_alarms).values(dag_id=dag_id, since=now, noted_at=now, **said)
        waited = and_(stream_alarms.c.reason_code == WAITING, insert.excluded.reason_code != WAITING)
        # An end that nobody was told of yet was none.
        changes = {
            **said,
            "noted_at": now,
            "ended_at": None,
            "since": case((waited, insert.excluded.since), else_=stream_alarms.c.since),
            "told_at": case((waited, null()), else_=stream_alarms.c.told_at),
        }
        with self._database.write() as connection:
            connection.execute(insert.on_conflict_do_update(index_elements=["dag_id"], set_=changes))

    def end(self, dag_id: str) -> None:
        """Note that a stream goes on again; what nobody was told of is forgotten.

        :param dag_id: of the live DAG.
        """
        mine = stream_alarms.c.dag_id == dag_id
        told = stream_alarms.c.told_at.is_not(None)
        with self._database.write() as connection:
            connection.execute(stream_alarms.delete().where(mine, ~told))
            ended = and_(mine, told, stream_alarms.c.ended_at.is_(None))
            connection.execute(stream_alarms.update().where(ended).values(ended_at=self._database.now()))

    def forget(self, dag_id: str) -> None:
        """Remove what was noted of a stream; nobody is told of an end.

        :param dag_id: of the live DAG.
        """
        with self._database.write() as connection:
            connection.execute(stream_alarms.delete().where(stream_alarms.c.dag_id == dag_id))

    def standing(self) -> list[Alarm]:
        """Return the streams that do not go on now, by name."""
        return self._found(stream_alarms.c.ended_at.is_(None))

    @contextmanager
    def telling(self) -> Iterator[Sequence[Alarm]]:
        """Yield what nobody was told yet: beginnings, and ends of what was told; one process at a time.

        :raises RetryLaterError: somebody else has been telling for too long.
        """
        with exclusive(self._database, _LOCK):
            yield self._found(or_(stream_alarms.c.told_at.is_(None), stream_alarms.c.ended_at.is_not(None)))

    def told(self, alarm: Alarm) -> None:
        """Note that somebody was told.

        After the telling, not before: who dies in between tells it twice, and never not at all.

        :param alarm: one of `telling`.
        """
        mine = stream_alarms.c.dag_id == alarm.dag_id
        with self._database.write() as connection:
            if alarm.ended_at is None:
                self._began(connection, alarm)
            else:
                # Unless it began anew meanwhile: then its end was told too early, and its beginning is news.
                connection.execute(stream_alarms.delete().where(mine, stream_alarms.c.ended_at.is_not(None)))
                connection.execute(stream_alarms.update().where(mine).values(told_at=None))

    def _began(self, connection: Connection, alarm: Alarm) -> None:
        now = self._database.now()
        trouble = alarm.trouble
        # Unless what only waited stops meanwhile: that is news, and nobody was told of it.
        update = stream_alarms.update().where(stream_alarms.c.dag_id == alarm.dag_id).values(told_at=now)
        if trouble.reason_code == WAITING:
            update = update.where(stream_alarms.c.reason_code == WAITING)
        connection.execute(update)
        # It ended meanwhile, and went for nobody had been told: somebody has been, and its end is news.
        ended = self._database.insert(stream_alarms).values(
            **dataclasses.asdict(trouble),
            dag_id=alarm.dag_id,
            since=alarm.since,
            noted_at=alarm.noted_at,
            told_at=now,
            ended_at=now,
        )
        connection.execute(ended.on_conflict_do_nothing(index_elements=["dag_id"]))

    def _found(self, wanted: Any) -> list[Alarm]:
        query = select(stream_alarms).where(wanted).order_by(stream_alarms.c.dag_id)
        with self._database.read() as connection:
            return [
                Alarm(
                    row.dag_id,
                    Trouble(row.reason_code, row.what, row.way_out),
                    row.since,
                    row.noted_at,
                    row.told_at,
                    row.ended_at,
                )
                for row in connection.execute(query)
            ]

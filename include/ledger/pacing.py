"""The services' rate limits, shared by all processes: a log of the slots that were given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, func, select

from include.ledger.tables import pacer_buckets, pacer_grants

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection
    from sqlalchemy import Row as SqlRow

    from include.ledger.database import Database

MICROSECONDS = 1_000_000


class SharedPacer:
    """Gives at most ``limit`` slots within any stretch of ``seconds``, to all workers together.

    A strict sliding window: whatever calendar windows a service counts in, none holds more slots.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def acquire(self, bucket: str, *, limit: int, seconds: float) -> float:
        """Take a slot, or say how long to wait.

        :param bucket: whose limit it is.
        :param limit: slots per window.
        :param seconds: length of the window.
        :returns: 0.0 if the slot is taken, else the seconds to wait before asking again.
        """
        if limit < 1 or seconds <= 0:
            raise ValueError("a limit needs at least one slot in a window of some length")
        window = round(seconds * MICROSECONDS)
        with self._database.write() as connection:
            row = self._lock(connection, bucket)
            # Read after the lock: a process that waited for it must not date its slot back.
            now = _microseconds(self._database.now())
            free_at: int = max(
                row.blocked_until,
                _learned(row, now),
                _window_end(connection, bucket, limit, window, now),
            )
            if free_at > now:
                return (free_at - now) / MICROSECONDS
            grant = {"bucket": bucket, "at": now, "expires": now + window}
            connection.execute(pacer_grants.insert().values(grant))
            if row.remaining is not None and row.remaining_until > now:
                self._set(connection, bucket, remaining=row.remaining - 1)
        return 0.0

    def learn(self, bucket: str, *, remaining: int, reset_in: float) -> None:
        """Correct the own count by what the service says is left until its reset.

        :param bucket: whose limit it is.
        :param remaining: calls left, by the service's count.
        :param reset_in: seconds until the service counts anew.
        """
        with self._database.write() as connection:
            row = self._lock(connection, bucket)
            now = _microseconds(self._database.now())
            until = now + round(max(reset_in, 0.0) * MICROSECONDS)
            if row.remaining is not None and row.remaining_until > now:
                # Answers overtake each other, and know nothing of the calls on their way: the lower one counts.
                remaining = min(remaining, row.remaining)
                until = row.remaining_until
            self._set(connection, bucket, remaining=max(remaining, 0), remaining_until=until)

    def block(self, bucket: str, seconds: float) -> None:
        """Give nobody a slot for a while.

        :param bucket: whose limit it is.
        :param seconds: for how long.
        """
        with self._database.write() as connection:
            row = self._lock(connection, bucket)
            until = _microseconds(self._database.now()) + round(max(seconds, 0.0) * MICROSECONDS)
            self._set(connection, bucket, blocked_until=max(until, row.blocked_until))

    def _lock(self, connection: Connection, bucket: str) -> SqlRow[Any]:
        query = select(pacer_buckets).where(pacer_buckets.c.bucket == bucket).with_for_update()
        row = connection.execute(query).one_or_none()
        if row is not None:
            return row
        fresh = {"bucket": bucket, "blocked_until": 0, "remaining": None, "remaining_until": 0}
        connection.execute(self._database.insert(pacer_buckets).on_conflict_do_nothing(), fresh)
        return connection.execute(query).one()

    def _set(self, connection: Connection, bucket: str, **values: int) -> None:
        connection.execute(pacer_buckets.update().where(pacer_buckets.c.bucket == bucket).values(**values))


def _learned(row: SqlRow[Any], now: int) -> int:
    spent = row.remaining is not None and row.remaining <= 0 and row.remaining_until > now
    return int(row.remaining_until) if spent else 0


def _window_end(connection: Connection, bucket: str, limit: int, window: int, now: int) -> int:
    """Return when the next slot is free, by the log of the slots given."""
    mine = pacer_grants.c.bucket == bucket
    # A time far ahead can only come from a clock that was set back since; it would block for as long.
    stale = and_(pacer_grants.c.expires < now, pacer_grants.c.at < now - window)
    connection.execute(delete(pacer_grants).where(mine, stale | (pacer_grants.c.at > now + window)))
    recent = and_(mine, pacer_grants.c.at >= now - window)
    used = connection.execute(select(func.count()).where(recent)).scalar_one()
    if used < limit:
        return 0
    query = select(pacer_grants.c.at).where(recent).order_by(pacer_grants.c.at)
    oldest = connection.execute(query.offset(used - limit).limit(1)).scalar_one()
    # One microsecond more: a window with both ends counted must not hold both slots.
    return int(oldest) + window + 1


def _microseconds(at: datetime) -> int:
    return round(at.timestamp() * MICROSECONDS)

"""The services' rate limits, shared by all processes: a log of the slots that were given.

Two lanes share each limit. A live run takes any slot that is free. A run of the history lane does the same as long
as no live run wants any; while one does, it keeps to its share, so that a new record passes a backfill of years.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import get_ident
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import and_, bindparam, delete, func, select

from include.ledger.limit_tables import pacer_buckets, pacer_grants

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection
    from sqlalchemy import Row as SqlRow

    from include.ledger.database import Database

MICROSECONDS = 1_000_000


Lane = Literal["live", "history"]
"""Who asks for a slot: a live run, or one that never moves the watermark."""


_PROMPT = 200
"""A slot that is used within this part of its window keeps its date: callers leave more than that as a margin."""


# Made once: each call to a service needs most of them, and making one takes longer than having it carried out.
_at = pacer_grants.c.at
_of_bucket = pacer_grants.c.bucket == bindparam("of")
_BUCKET = select(pacer_buckets).where(pacer_buckets.c.bucket == bindparam("of")).with_for_update()
_CHANGE = pacer_buckets.update().where(pacer_buckets.c.bucket == bindparam("of"))
_GRANT = pacer_grants.insert().returning(pacer_grants.c.id)
_FORGET = delete(pacer_grants).where(
    _of_bucket,
    # A time far ahead can only come from a clock that was set back since; it would block for as long.
    (pacer_grants.c.expires < bindparam("now")) & (_at < bindparam("first")) | (_at > bindparam("last")),
)
_RECENT = (_of_bucket, _at >= bindparam("first"), _at <= bindparam("last"))
_USED = select(func.count()).where(*_RECENT)
_OLDEST = select(_at).where(*_RECENT).order_by(_at).limit(1).offset(bindparam("skipped"))
_HISTORY = pacer_grants.c.lane == "history"


@dataclass(frozen=True, slots=True)
class _Slot:
    """A slot that was given; times in microseconds."""

    id: int
    at: int
    window: int


@dataclass(frozen=True, slots=True)
class _Ask:
    """One question for a slot; times in microseconds."""

    limit: int
    window: int
    lane: Lane
    share: float

    @property
    def own(self) -> int:
        """How many slots of a window the history lane has while a live run wants some; a share is never none."""
        return max(1, int(self.limit * self.share)) if self.share else 0


class SharedPacer:
    """Gives at most ``limit`` slots within any stretch of ``seconds``, to all workers together.

    A strict sliding window: whatever calendar windows a service counts in, none holds more slots.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        # By thread: each makes its calls one after the other.
        self._last: dict[tuple[int, str], _Slot] = {}

    def lane(self, lane: Lane, share: float) -> LanePacer:
        """Return the same pacer for callers that know of one lane only, such as the clients.

        :param lane: in which all that they ask for is counted.
        :param share: of each limit, between 0 and 1; only the history lane is bound by it.
        """
        return LanePacer(self, lane, share)

    def acquire(self, bucket: str, *, limit: int, seconds: float, lane: Lane = "live", share: float = 1.0) -> float:
        """Take a slot, or say how long to wait.

        :param bucket: whose limit it is.
        :param limit: slots per window.
        :param seconds: length of the window.
        :param lane: ``history`` keeps to its share if a live caller has asked within the last window.
        :param share: of the limit, between 0 and 1; at least one slot, unless it is 0.
        :returns: 0.0 if the slot is taken, else the seconds to wait before asking again.
        """
        ask = _asked(limit, seconds, lane, share)
        with self._database.write() as connection:
            row = self._lock(connection, bucket)
            # Read after the lock: a process that waited for it must not date its slot back.
            now = self._now()
            _forget(connection, bucket, ask.window, now)
            changes = {"live_at": now} if lane == "live" else {}
            free_at = _free_at(connection, row, ask, now)
            if free_at <= now:
                grant = {"bucket": bucket, "at": now, "expires": now + ask.window, "lane": lane}
                given = connection.execute(_GRANT, grant)
                self._last[get_ident(), bucket] = _Slot(given.scalar_one(), now, ask.window)
                if row.remaining is not None and row.remaining_until > now:
                    changes["remaining"] = row.remaining - 1
            if changes:
                self._set(connection, bucket, **changes)
        return max(free_at - now, 0) / MICROSECONDS

    def use(self, bucket: str) -> bool:
        """Date the slot that this thread has taken last from now on, as its call leaves only now.

        A slot is taken before the record is claimed and before a token is at hand, which may take seconds where many
        workers wait for one ledger. The service counts from when the call arrives; dated back, one slot too many
        would fit into its window.

        :param bucket: whose slot it is.
        :returns: False if the slot is over and another one has to be taken.
        """
        slot = self._last.pop((get_ident(), bucket), None)
        if slot is None or 0 <= self._now() - slot.at <= slot.window // _PROMPT:
            return True
        # Its time, too: the number of a slot that was forgotten is given out again.
        mine = and_(pacer_grants.c.id == slot.id, pacer_grants.c.at == slot.at)
        with self._database.write() as connection:
            # Read after the lock, which may be long in coming.
            now = self._now()
            over = now - slot.at >= slot.window
            change = delete(pacer_grants) if over else pacer_grants.update().values(at=now, expires=now + slot.window)
            found = connection.execute(change.where(mine)).rowcount
        return bool(found) and not over

    def _now(self) -> int:
        return _microseconds(self._database.now())

    def wait(self, bucket: str, *, limit: int, seconds: float, lane: Lane = "live", share: float = 1.0) -> float:
        """Say how long a caller would have to wait for a slot, without taking one.

        A live caller that has to wait is remembered as one that wants a slot: by the time it comes back, a backfill
        has kept to its share.

        :param bucket: whose limit it is.
        :param limit: slots per window.
        :param seconds: length of the window.
        :param lane: as for `acquire`.
        :param share: as for `acquire`.
        :returns: seconds; 0.0 if a slot is free now.
        """
        ask = _asked(limit, seconds, lane, share)
        with self._database.read() as connection:
            row = connection.execute(select(pacer_buckets).where(pacer_buckets.c.bucket == bucket)).one_or_none()
            now = self._now()
            free_at = 0 if row is None else _free_at(connection, row, ask, now)
        if free_at <= now:
            return 0.0
        if lane == "live":
            with self._database.write() as connection:
                self._set(connection, bucket, live_at=now)
        return (free_at - now) / MICROSECONDS

    def learn(self, bucket: str, *, remaining: int, reset_in: float) -> None:
        """Correct the own count by what the service says is left until its reset.

        :param bucket: whose limit it is.
        :param remaining: calls left, by the service's count.
        :param reset_in: seconds until the service counts anew.
        """
        with self._database.write() as connection:
            row = self._lock(connection, bucket)
            now = self._now()
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
            until = self._now() + round(max(seconds, 0.0) * MICROSECONDS)
            self._set(connection, bucket, blocked_until=max(until, row.blocked_until))

    def _lock(self, connection: Connection, bucket: str) -> SqlRow[Any]:
        row = connection.execute(_BUCKET, {"of": bucket}).one_or_none()
        if row is not None:
            return row
        fresh = {"bucket": bucket, "blocked_until": 0, "remaining": None, "remaining_until": 0}
        connection.execute(self._database.insert(pacer_buckets).on_conflict_do_nothing(), fresh)
        return connection.execute(_BUCKET, {"of": bucket}).one()

    def _set(self, connection: Connection, bucket: str, **values: int) -> None:
        connection.execute(_CHANGE, {"of": bucket, **values})


class LanePacer:
    """The shared pacer as one lane sees it.

    :param pacer: shared by all workers and lanes.
    :param lane: in which all slots are counted.
    :param share: of each limit, between 0 and 1.
    """

    def __init__(self, pacer: SharedPacer, lane: Lane, share: float) -> None:
        self._pacer = pacer
        self._lane: Lane = lane
        self._share = share
        self.use = pacer.use
        self.learn = pacer.learn
        self.block = pacer.block

    def acquire(self, bucket: str, *, limit: int, seconds: float) -> float:
        """Take a slot, or say how long to wait; see `SharedPacer.acquire`."""
        return self._pacer.acquire(bucket, limit=limit, seconds=seconds, lane=self._lane, share=self._share)

    def wait(self, bucket: str, *, limit: int, seconds: float) -> float:
        """Say how long a slot is away, without taking it; see `SharedPacer.wait`."""
        return self._pacer.wait(bucket, limit=limit, seconds=seconds, lane=self._lane, share=self._share)


def _learned(row: SqlRow[Any], now: int) -> int:
    spent = row.remaining is not None and row.remaining <= 0 and row.remaining_until > now
    return int(row.remaining_until) if spent else 0


def _asked(limit: int, seconds: float, lane: Lane, share: float) -> _Ask:
    if limit < 1 or seconds <= 0:
        raise ValueError("a limit needs at least one slot in a window of some length")
    if not 0 <= share <= 1:
        raise ValueError("a share lies between 0 and 1")
    return _Ask(limit, round(seconds * MICROSECONDS), lane, share)


def _forget(connection: Connection, bucket: str, window: int, now: int) -> None:
    """Remove what counts no longer from the log of the slots given."""
    connection.execute(_FORGET, {"of": bucket, "now": now, "first": now - window, "last": now + window})


def _free_at(connection: Connection, row: SqlRow[Any], ask: _Ask, now: int) -> int:
    """Return when the next slot is free for who asks; not after ``now`` if one is."""
    free_at: int = max(
        row.blocked_until, _learned(row, now), _window_end(connection, row.bucket, ask.limit, ask.window, now)
    )
    if ask.lane == "live" or not now - ask.window <= row.live_at <= now + ask.window:
        return free_at
    # Until it is below its share again, or nobody live has asked for a whole window.
    silent_at = int(row.live_at) + ask.window + 1
    if not ask.own:
        return max(free_at, silent_at)
    own = _window_end(connection, row.bucket, ask.own, ask.window, now, own_only=True)
    return max(free_at, min(own, silent_at))


def _window_end(
    connection: Connection, bucket: str, limit: int, window: int, now: int, *, own_only: bool = False
) -> int:
    """Return when fewer than ``limit`` of the slots given lie within the window.

    :param own_only: count those of the history lane alone.
    """
    recent = {"of": bucket, "first": now - window, "last": now + window}
    used = connection.execute(_USED.where(_HISTORY) if own_only else _USED, recent).scalar_one()
    if used < limit:
        return 0
    oldest = connection.execute(
        _OLDEST.where(_HISTORY) if own_only else _OLDEST, {**recent, "skipped": used - limit}
    ).scalar_one()
    # One microsecond more: a window with both ends counted must not hold both slots.
    return int(oldest) + window + 1


def _microseconds(at: datetime) -> int:
    return round(at.timestamp() * MICROSECONDS)

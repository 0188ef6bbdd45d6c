"""Writes: an outbox for single requests that change something at a service, one per key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import select

from include.errors import RetryLaterError
from include.ledger.outbox_tables import writes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection
    from sqlalchemy import Row as SqlRow

    from include.ledger.crypto import Cipher
    from include.ledger.database import Database

LEASE = timedelta(seconds=120)
"""Longer than any request may take; after it a `sending` write has lost its sender."""

PriorState = Literal["", "sending", "in_doubt", "created", "done", "refused"]
SettledWrite = Literal["created", "done", "refused", "in_doubt"]
FINAL = ("created", "done")
"""The service has done it: nothing is ever sent again under this key."""

_TRIES = 10


@dataclass(frozen=True, slots=True)
class Write:
    """The right to send one write, or the news that it was sent before.

    :param attempt: counts the requests that may have left under this key.
    :param prior: what was known before: nothing, ``sending`` (its sender died), ``in_doubt`` (an answer
        was never understood), ``refused`` (nothing was done), ``created`` or ``done`` (do not send).
    :param remote_id: the id that the service gave, if it is known.
    :param first_at: when the first of the attempts began that may have done it.
    :param same_content: False if it was begun with another content before, or was when it may have been done.
    """

    key: str
    attempt: int
    prior: PriorState
    remote_id: str | None
    first_at: datetime
    same_content: bool


class Writes:
    """The single writes of all tasks; each is durable before its request leaves."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher
        # What this process has begun: its answer must not count for an attempt that began later elsewhere.
        self._begun: dict[str, int] = {}

    def begin(self, key: str, *, endpoint: str, content_hash: str, run_id: str) -> Write:
        """Take the right to send, committed as ``sending`` before this returns.

        :param key: names the write, the same in every attempt; what it holds is not readable in the ledger.
        :param endpoint: normalised, without ids.
        :param content_hash: of what is about to be sent.
        :raises RetryLaterError: if another attempt may still be waiting for its answer.
        """
        digest, content = self._key(key), self._cipher.digest(f"content:{content_hash}")
        about = {"endpoint": endpoint, "content_hash": content, "run_id": run_id}
        for _ in range(_TRIES):
            with self._database.write() as connection:
                row = _find(connection, digest)
                found = (
                    self._start(connection, key, digest, about)
                    if row is None
                    else self._again(connection, key, row, about)
                )
            if found is not None:
                return found
        raise _under_way(endpoint, None)  # pragma: no cover - a row that appears and is gone, over and over

    def renew(self, key: str) -> None:
        """Extend the lease right before the request leaves: what was looked up before may have taken long.

        :raises RetryLaterError: if another process has taken the write over meanwhile; nothing may be sent.
        """
        digest, until = self._key(key), self._database.now() + LEASE
        with self._database.write() as connection:
            row = _find(connection, digest)
            if row is None:
                raise ValueError("a write is renewed that was never begun")
            if row.state != "sending" or row.attempt != self._begun.get(digest, row.attempt):
                raise _under_way(row.endpoint, row.lease_until)
            connection.execute(writes.update().where(writes.c.key == digest).values(lease_until=until))

    def settle(
        self,
        key: str,
        state: SettledWrite,
        *,
        remote_id: str | None = None,
        reason_code: str = "",
        status: int | None = None,
    ) -> None:
        """Record what came of a write.

        That it was done counts whoever says so, and stays. Anything else counts only for the latest
        attempt: an answer that comes after another process took over says nothing about that one.

        :raises ValueError: if the write was never begun.
        """
        digest = self._key(key)
        with self._database.write() as connection:
            row = _find(connection, digest)
            if row is None:
                raise ValueError("a write is settled that was never begun")
            latest = self._begun.get(digest, row.attempt) == row.attempt
            if row.state in FINAL or (state not in FINAL and not latest):
                return
            done = state in FINAL
            values = {
                "state": state,
                "was_in_doubt": not done and (row.was_in_doubt or state == "in_doubt"),
                "other_content": not done and row.other_content,
                "lease_until": None,
                "remote_id": remote_id,
                "reason_code": reason_code,
                "status": status,
                "updated_at": self._database.now(),
            }
            connection.execute(writes.update().where(writes.c.key == digest).values(values))

    def made_by_others(self, key: str, endpoint: str, ids: Sequence[str]) -> set[str]:
        """Return those of the ids that another key's write is known to have created.

        :param key: the write that asks.
        :param endpoint: as it was begun with.
        :param ids: that the service shows.
        """
        asked = select(writes.c.remote_id).where(
            writes.c.endpoint == endpoint,
            writes.c.state == "created",
            writes.c.key != self._key(key),
            writes.c.remote_id.in_(list(ids)),
        )
        with self._database.read() as connection:
            return set(connection.execute(asked).scalars())

    def _key(self, key: str) -> str:
        return self._cipher.digest(f"write:{key}")

    def _start(self, connection: Connection, key: str, digest: str, about: dict[str, Any]) -> Write | None:
        now = self._database.now()
        values = {
            **about,
            "key": digest,
            "state": "sending",
            "attempt": 1,
            "was_in_doubt": False,
            "other_content": False,
            "lease_until": now + LEASE,
            "first_at": now,
            "reason_code": "",
            "updated_at": now,
        }
        insert = self._database.insert(writes).values(values).on_conflict_do_nothing()
        # Not by rowcount: after an INSERT the PostgreSQL driver says -1, so the loser would believe it won.
        if connection.execute(insert.returning(writes.c.key)).first() is None:
            return None
        self._begun[digest] = 1
        return Write(key, 1, "", None, now, same_content=True)

    def _again(self, connection: Connection, key: str, row: SqlRow[Any], about: dict[str, Any]) -> Write:
        now = self._database.now()
        if row.state == "sending" and row.lease_until > now:
            raise _under_way(row.endpoint, row.lease_until)
        same = row.content_hash == about["content_hash"]
        if row.state in FINAL:
            return Write(key, row.attempt, row.state, row.remote_id, row.first_at, same_content=same)
        # A refusal speaks of its own attempt only, not of an earlier one that was never answered.
        prior: PriorState = "in_doubt" if row.state == "refused" and row.was_in_doubt else row.state
        doubt = prior != "refused"
        other = doubt and (row.other_content or not same)
        first_at = row.first_at if doubt else now
        values = {
            **about,
            "state": "sending",
            "attempt": row.attempt + 1,
            "was_in_doubt": doubt,
            "other_content": other,
            "lease_until": now + LEASE,
            "first_at": first_at,
            "reason_code": "",
            "status": None,
            "updated_at": now,
        }
        connection.execute(writes.update().where(writes.c.key == row.key).values(values))
        self._begun[row.key] = row.attempt + 1
        return Write(key, row.attempt + 1, prior, row.remote_id, first_at, same_content=same and not other)


def _find(connection: Connection, digest: str) -> SqlRow[Any] | None:
    return connection.execute(select(writes).where(writes.c.key == digest).with_for_update()).one_or_none()


def _under_way(endpoint: str, until: datetime | None) -> RetryLaterError:
    return RetryLaterError(
        f"The same write to {endpoint} is under way in another process, or was until a moment ago.",
        reason_code="ledger.write.under_way",
        way_out="It is tried again later; two minutes after its start at the latest it is looked into.",
        retry_at=until,
    )

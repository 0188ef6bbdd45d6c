"""Exact's token chain: one per connection, shared by all workers, the triggerer, the API server and the CLI."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, func, select
from sqlalchemy.exc import OperationalError

from include.clients.ports import StoredToken
from include.ledger.locks import WAIT_SECONDS, exclusive
from include.ledger.tables import UtcDateTime, tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from include.ledger.crypto import Cipher
    from include.ledger.database import Database

_NOTES: Final = ("asked", "early")
"""Kept sealed beside the tokens, where there is anything to say."""

_SAVE_AGAIN: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds between the attempts to save a link, as long as a database takes to restart."""

_CHAIN: Final = select(tokens).where(tokens.c.connection_id == bindparam("id"))
"""Made once: every call reads its token."""

_SAME_TIME: Final = timedelta(seconds=5)
"""Clocks that are nearer than this need no correction; asking the server takes a while, too."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain of tokens, without the tokens.

    :param connection_id: under which it was stored.
    :param obtained_at: when its newest link was made.
    :param expires_at: when that link's access token ends.
    :param generation: counts the links.
    """

    connection_id: str
    obtained_at: datetime
    expires_at: datetime
    generation: int


class SharedVault:
    """Keeps the newest token of one connection, encrypted.

    :param app: host and client id that the chain belongs to; with it the chain is found by `chains_of`.
    """

    def __init__(self, database: Database, cipher: Cipher, connection_id: str, app: str = "") -> None:
        self._database = database
        self._cipher = cipher
        self._id = connection_id
        self._app = app
        self._ahead: timedelta | None = None

    def now(self) -> datetime:
        """Return the time that all hosts agree on: a server's, if there is one, else this machine's.

        A host with another clock would take a living token for dead, or a dead one for living. Both cost errors.
        """
        if self._ahead is None:
            self._ahead = timedelta(0) if self._database.is_sqlite else self._measured()
        return self._database.now() + self._ahead

    def _measured(self) -> timedelta:
        with self._database.read() as connection:
            ahead = _server_time(connection) - self._database.now()
        return ahead if abs(ahead) > _SAME_TIME else timedelta(0)

    def read(self) -> StoredToken | None:
        """Return the newest token without a lock."""
        with self._database.read() as connection:
            return self._find(connection)

    @contextmanager
    def locked(self) -> Iterator[HeldToken]:
        """Hold the lock of all processes while the chain moves on.

        :raises RetryLaterError: if another process holds it for longer than a refresh can take.
        """
        with exclusive(self._database, f"token:{self._id}", lost_after_seconds=WAIT_SECONDS):
            yield HeldToken(self, self.read())

    def save(self, access_token: str, refresh_token: str, obtained_at: datetime, expires_at: datetime) -> StoredToken:
        """Store the next link, durable when this returns; `HeldToken.replace` calls it inside the lock."""
        sealed = self._cipher.seal({"access": access_token, "refresh": refresh_token})
        # Not opened: whatever key the last link is sealed with, this one must not be lost.
        last = select(tokens.c.generation).where(tokens.c.connection_id == self._id).with_for_update()
        with self._database.write() as connection:
            generation = (connection.execute(last).scalar() or 0) + 1
            values: dict[str, Any] = {
                "sealed": sealed,
                "obtained_at": obtained_at,
                "expires_at": expires_at,
                "generation": generation,
            }
            if self._app:
                # Somebody who does not know the app does not make it unknown.
                values["app"] = _app_digest(self._cipher, self._app)
            insert = self._database.insert(tokens).values({"connection_id": self._id, **values})
            connection.execute(insert.on_conflict_do_update(index_elements=["connection_id"], set_=values))
        return StoredToken(access_token, refresh_token, obtained_at, expires_at, generation)

    def note(self, link: StoredToken) -> None:
        """Store what is known of the renewals of a link, unless another one has taken its place."""
        times = {name: getattr(link, f"{name}_at") for name in _NOTES}
        noted = {name: at.isoformat() for name, at in times.items() if at is not None}
        sealed = self._cipher.seal({"access": link.access_token, "refresh": link.refresh_token, **noted})
        same = (tokens.c.connection_id == self._id, tokens.c.generation == link.generation)
        with self._database.write() as connection:
            connection.execute(tokens.update().where(*same).values(sealed=sealed))

    def _find(self, connection: Connection) -> StoredToken | None:
        row = connection.execute(_CHAIN, {"id": self._id}).one_or_none()
        if row is None:
            return None
        kept = self._cipher.open(row.sealed)
        notes = {f"{name}_at": datetime.fromisoformat(kept[name]) for name in _NOTES if name in kept}
        return StoredToken(kept["access"], kept["refresh"], row.obtained_at, row.expires_at, row.generation, **notes)


class HeldToken:
    """The vault while nobody else can refresh.

    :param current: the newest token, read after the lock was taken.
    """

    def __init__(self, vault: SharedVault, current: StoredToken | None) -> None:
        self._vault = vault
        self._current = current

    @property
    def current(self) -> StoredToken | None:
        """The newest token."""
        return self._current

    def replace(
        self, access_token: str, refresh_token: str, obtained_at: datetime, expires_at: datetime
    ) -> StoredToken:
        """Save the next link at once: it is durable when this returns.

        :param access_token: as Exact sent it.
        :param refresh_token: the only one that will work from now on.
        :param obtained_at: aware.
        :param expires_at: aware.
        """
        link = (access_token, refresh_token, obtained_at, expires_at)
        for pause in _SAVE_AGAIN:
            try:
                self._current = self._vault.save(*link)
            except OperationalError:
                # Nobody else will ever get this answer: a server that restarts is waited for.
                time.sleep(pause)
            else:
                return self._current
        self._current = self._vault.save(*link)
        return self._current

    def note(self, *, asked_at: datetime | None, early_at: datetime | None) -> None:
        """Save what is known of the renewals of the current link; nothing if there is none.

        :param asked_at: when one was begun of which no answer is known.
        :param early_at: when Exact last said that it is too early for one.
        """
        if self._current is not None:
            self._current = replace(self._current, asked_at=asked_at, early_at=early_at)
            self._vault.note(self._current)


def chains_of(database: Database, cipher: Cipher, app: str) -> list[Chain]:
    """Return the chains that belong to an app, the newest first; none for an app without a name."""
    if not app:
        return []
    names = ("connection_id", "obtained_at", "expires_at", "generation")
    query = (
        select(*(tokens.c[name] for name in names))
        .where(tokens.c.app == _app_digest(cipher, app))
        .order_by(tokens.c.obtained_at.desc(), tokens.c.connection_id)
    )
    with database.read() as connection:
        return [Chain(**row) for row in connection.execute(query).mappings()]


def logins_of(database: Database) -> list[str]:
    """Return the ids of all connections that ever logged in, dead chains too."""
    with database.read() as connection:
        return list(connection.scalars(select(tokens.c.connection_id).order_by(tokens.c.connection_id)))


def _server_time(connection: Connection) -> datetime:
    return connection.execute(select(func.clock_timestamp(type_=UtcDateTime))).scalar_one()


def _app_digest(cipher: Cipher, app: str) -> str:
    return cipher.digest(f"app:{app}")

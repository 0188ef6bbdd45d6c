"""Exact's token chain: one per connection, shared by all workers, the triggerer, the API server and the CLI."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from include.clients.ports import StoredToken
from include.ledger.locks import exclusive
from include.ledger.tables import tokens

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import Connection

    from include.ledger.crypto import Cipher
    from include.ledger.database import Database


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

    def read(self) -> StoredToken | None:
        """Return the newest token without a lock."""
        with self._database.read() as connection:
            return self._find(connection)

    @contextmanager
    def locked(self) -> Iterator[HeldToken]:
        """Hold the lock of all processes while the chain moves on.

        :raises RetryLaterError: if another process holds it for longer than a refresh can take.
        """
        with exclusive(self._database, f"token:{self._id}"):
            yield HeldToken(self, self.read())

    def save(self, access_token: str, refresh_token: str, obtained_at: datetime, expires_at: datetime) -> StoredToken:
        """Store the next link, durable when this returns; `HeldToken.replace` calls it inside the lock."""
        sealed = self._cipher.seal({"access": access_token, "refresh": refresh_token})
        with self._database.write() as connection:
            current = self._find(connection, lock=True)
            generation = current.generation + 1 if current else 1
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

    def _find(self, connection: Connection, *, lock: bool = False) -> StoredToken | None:
        query = select(tokens).where(tokens.c.connection_id == self._id)
        row = connection.execute(query.with_for_update() if lock else query).one_or_none()
        if row is None:
            return None
        pair = self._cipher.open(row.sealed)
        return StoredToken(pair["access"], pair["refresh"], row.obtained_at, row.expires_at, row.generation)


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
        self._current = self._vault.save(access_token, refresh_token, obtained_at, expires_at)
        return self._current


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


def _app_digest(cipher: Cipher, app: str) -> str:
    return cipher.digest(f"app:{app}")

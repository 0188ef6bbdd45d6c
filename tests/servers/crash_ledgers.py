"""A fresh ledger for every story: a copy of one that was migrated once, with a login that is about to end."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import psycopg
from cryptography.fernet import Fernet
from sqlalchemy import make_url

from include.ledger import open_ledger

if TYPE_CHECKING:
    from pathlib import Path

    from include.sandbox.state import Sandbox

CONNECTION = "exact_online_default"


class Ledgers(Protocol):
    """Where ledgers come from."""

    key: str

    def fresh(self, folder: Path) -> str:
        """Return the URL of a ledger that nobody has used.

        :param folder: of the story.
        """

    def drop(self, url: str) -> None:
        """Take a ledger away."""


class SqliteLedgers:
    """Copies of a file.

    :param folder: for the template.
    """

    def __init__(self, folder: Path) -> None:
        self.key = Fernet.generate_key().decode()
        self._template = folder / "template.db"
        open_ledger(f"sqlite:///{self._template}", self.key).close()

    def fresh(self, folder: Path) -> str:
        """Copy the template."""
        shutil.copy(self._template, folder / "ledger.db")
        return f"sqlite:///{folder}/ledger.db"

    def drop(self, url: str) -> None:
        """Leave it to the folder of the story."""


class PostgresLedgers:
    """Copies of a database, made by the server.

    :param url: of the server's own database.
    """

    def __init__(self, url: str) -> None:
        self.key = Fernet.generate_key().decode()
        self._url = make_url(url)
        self._number = 0
        self._do('DROP DATABASE IF EXISTS "template_ledger"')
        self._do('CREATE DATABASE "template_ledger"')
        open_ledger(self._named("template_ledger"), self.key).close()

    def fresh(self, folder: Path) -> str:  # noqa: ARG002 - the server keeps it
        """Copy the template."""
        self._number += 1
        name = f"story_{self._number}"
        self._do(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self._do(f'CREATE DATABASE "{name}" TEMPLATE "template_ledger"')
        return self._named(name)

    def drop(self, url: str) -> None:
        """Drop the database."""
        self._do(f'DROP DATABASE IF EXISTS "{make_url(url).database}" WITH (FORCE)')

    def _named(self, name: str) -> str:
        return self._url.set(database=name).render_as_string(hide_password=False)

    def _do(self, statement: str) -> None:
        target = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(target, autocommit=True) as connection:
            connection.execute(statement.encode())


def log_in(url: str, key: str, sandbox: Sandbox, *, old: bool) -> None:
    """Put a login into the ledger.

    :param old: its access token has ended, so that the first call has to get another one.
    """
    with sandbox.lock:
        issued = sandbox.exact.issue_tokens()
        if old:
            sandbox.exact.expire_tokens()
    now = datetime.now(UTC) - timedelta(seconds=700 if old else 0)
    with open_ledger(url, key) as ledger, ledger.vault(CONNECTION).locked() as chain:
        chain.replace(issued["access_token"], issued["refresh_token"], now, now + timedelta(seconds=600))

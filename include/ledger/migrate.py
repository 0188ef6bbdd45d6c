"""Brings the schema of a ledger up to date, once, whoever opens it first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from include.errors import ConfigurationError
from include.ledger.locks import exclusive
from include.ledger.tables import VERSION_TABLE

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

    from include.ledger.database import Database

HEAD = "0011"
"""Newest revision in `migrations/versions`; compared first, so that Alembic is imported only to migrate."""

LOCK = "migration"


def migrate(database: Database) -> bool:
    """Run the missing migrations; return whether there were any.

    :raises ConfigurationError: if the ledger was made by a newer version of this project.
    """
    if stored_version(database) == HEAD:
        return False
    with exclusive(database, LOCK):
        version = stored_version(database)
        if version == HEAD:
            return False
        if version is not None and version > HEAD:
            raise ConfigurationError(
                f"The ledger's schema {version} is newer than this installation knows ({HEAD}).",
                reason_code="ledger.schema.newer",
                way_out="Update the package on this machine.",
            )
        if database.file is not None:
            _switch_to_wal(database)
        with database.write() as connection:
            _upgrade(connection)
    return True


def stored_version(database: Database) -> str | None:
    """Return the revision the ledger is at; None for a new one."""
    with database.read() as connection:
        if not inspect(connection).has_table(VERSION_TABLE):
            return None
        found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608
        return None if found is None else str(found)


def alembic_config() -> Config:
    """Return Alembic's configuration; the migrations are files of this package."""
    from alembic.config import Config  # noqa: PLC0415 - half a second that only a migration needs

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - see alembic_config

    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _switch_to_wal(database: Database) -> None:
    # Stays with the file. Cannot happen inside a transaction, and does not wait for other users of the
    # file, which is why it is done here, under the lock.
    raw = database.engine.raw_connection()
    try:
        raw.cursor().execute("PRAGMA journal_mode=WAL")
    finally:
        raw.close()

"""Old bytes in the database's files: what was changed or deleted stays there until the files are written anew.

.. seealso:: https://www.sqlite.org/lang_vacuum.html
.. seealso:: https://www.postgresql.org/docs/current/sql-vacuum.html
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from include.ledger.people_tables import names
from include.ledger.run_tables import previews, run_outbox
from include.ledger.tables import deliveries, failures, staged

if TYPE_CHECKING:
    from include.ledger.database import Database

log = logging.getLogger(__name__)

TABLES: Final = (staged, deliveries, run_outbox, previews, failures, names)
"""All that hold content, or what a person is found by."""

_TRIES: Final = 20
_NAP_SECONDS: Final = 0.5
_LOCK_TIMEOUT: Final = "30s"


def scrub(database: Database) -> bool:
    """Write the files anew, with nothing in them but what is held now; return whether that was done.

    SQLite: ``VACUUM``, and the write-ahead log is emptied. PostgreSQL: ``VACUUM FULL`` of the tables with content;
    its write-ahead log and backups are the server's own, see docs/privacy.md.
    """
    try:
        if database.is_sqlite:
            return _sqlite(database)
        return _postgresql(database)
    except OperationalError as error:
        # Its text may quote settings; the kind is enough to know that it was busy.
        log.warning("The ledger's files could not be written anew now: %s.", type(error.orig).__name__)
        return False


def _sqlite(database: Database) -> bool:
    raw = database.engine.raw_connection()
    try:
        cursor = raw.cursor()
        # Freed pages of this connection's own work are overwritten, too.
        cursor.execute("PRAGMA secure_delete=ON")
        cursor.execute("VACUUM")
        for _ in range(_TRIES):
            busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            if not busy:
                return True
            # Somebody still reads what was there before.
            time.sleep(_NAP_SECONDS)
        return False
    finally:
        raw.close()


def _postgresql(database: Database) -> bool:
    engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        # Not kept: the next transaction of this process shall wait as long as it ever did.
        connection.detach()
        connection.execute(text(f"SET lock_timeout = '{_LOCK_TIMEOUT}'"))
        for table in TABLES:
            connection.execute(text(f"VACUUM (FULL) {table.name}"))
    return True

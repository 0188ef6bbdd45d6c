"""Calls made per run, because the number of calls is the cost."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, select
from sqlalchemy.exc import OperationalError

from include.ledger.tables import calls

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from include.ledger.database import Database

log = logging.getLogger(__name__)

_KEY: Final = ("run_id", "service", "endpoint", "status")
# SQLAlchemy compiles an INSERT that knows of conflicts anew each time, which takes ten times as long as this does.
_ONE_MORE: Final = (
    calls.update()
    .where(*(column == bindparam(f"of_{column.name}") for column in calls.primary_key))
    .values({"count": calls.c["count"] + 1, "last_at": bindparam("last_at")})
)


class RunMeter:
    """Counts the calls of one run, whichever process makes them."""

    def __init__(self, database: Database, run_id: str) -> None:
        self._database = database
        self._run_id = run_id
        self._begun: set[tuple[str, str, int]] = set()

    def count(self, service: str, endpoint: str, status: int) -> None:
        """Count one call; where the ledger cannot be written to right now, it is left out.

        It is called between an answer and the write that keeps it, a token that works once among them: what is only
        a figure must not lose the answer.

        :param service: ``exact`` or ``personio``.
        :param endpoint: normalised, without ids.
        :param status: HTTP status, 0 if no answer came.
        """
        now = self._database.now()
        key = (service, endpoint, status)
        try:
            with self._database.write() as connection:
                self._add(connection, key, now)
            self._begun.add(key)
        except OperationalError:
            # Its text holds the statement; what is wrong with the ledger, the next write will say.
            log.warning("A call of %s was not counted: the ledger cannot be written to.", endpoint)

    def _add(self, connection: Connection, key: tuple[str, str, int], now: datetime) -> None:
        values = dict(zip(_KEY, (self._run_id, *key), strict=True))
        mine = {f"of_{name}": value for name, value in values.items()}
        if key in self._begun and connection.execute(_ONE_MORE, {**mine, "last_at": now}).rowcount:
            return
        insert = self._database.insert(calls).values(**values, count=1, last_at=now)
        again = {"count": calls.c["count"] + 1, "last_at": now}
        connection.execute(insert.on_conflict_do_update(index_elements=_KEY, set_=again))


def calls_of(database: Database, run_id: str) -> dict[tuple[str, str, int], int]:
    """Return the run's calls by service, endpoint and status."""
    query = select(calls).where(calls.c.run_id == run_id)
    with database.read() as connection:
        rows = connection.execute(query).mappings().all()
    return {(row["service"], row["endpoint"], row["status"]): row["count"] for row in rows}

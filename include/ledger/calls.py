"""Calls made per run, because the number of calls is the cost."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from include.ledger.tables import calls

if TYPE_CHECKING:
    from include.ledger.database import Database

log = logging.getLogger(__name__)


class RunMeter:
    """Counts the calls of one run, whichever process makes them."""

    def __init__(self, database: Database, run_id: str) -> None:
        self._database = database
        self._run_id = run_id

    def count(self, service: str, endpoint: str, status: int) -> None:
        """Count one call; where the ledger cannot be written to right now, it is left out.

        It is called between an answer and the write that keeps it, a token that works once among them: what is only
        a figure must not lose the answer.

        :param service: ``exact`` or ``personio``.
        :param endpoint: normalised, without ids.
        :param status: HTTP status, 0 if no answer came.
        """
        now = self._database.now()
        values = {"run_id": self._run_id, "service": service, "endpoint": endpoint, "status": status}
        statement = self._database.insert(calls).values({**values, "count": 1, "last_at": now})
        again = {"count": calls.c["count"] + 1, "last_at": now}
        statement = statement.on_conflict_do_update(index_elements=list(values), set_=again)
        try:
            with self._database.write() as connection:
                connection.execute(statement)
        except OperationalError:
            # Its text holds the statement; what is wrong with the ledger, the next write will say.
            log.warning("A call of %s was not counted: the ledger cannot be written to.", endpoint)


def calls_of(database: Database, run_id: str) -> dict[tuple[str, str, int], int]:
    """Return the run's calls by service, endpoint and status."""
    query = select(calls).where(calls.c.run_id == run_id)
    with database.read() as connection:
        rows = connection.execute(query).mappings().all()
    return {(row["service"], row["endpoint"], row["status"]): row["count"] for row in rows}

"""Why a stage of a run ended without doing its work, for people who come later."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from include.ledger.tables import failures

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from include.errors import ExactPersonioError
    from include.ledger.database import Database


@dataclass(frozen=True, slots=True)
class Failure:
    """One attempt of a stage that ended with an error.

    :param run_id: the run's name in the ledger: DAG and run.
    :param stage: the task, such as ``extract``.
    :param what: the cause, in one sentence.
    :param way_out: what to do next.
    """

    run_id: str
    stage: str
    at: datetime
    reason_code: str
    status: int | None
    what: str
    way_out: str


class Failures:
    """The failures of all runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, run_id: str, stage: str, error: ExactPersonioError) -> None:
        """Keep what the error says; it holds no secret and no personal data by its own rule."""
        values = {
            "run_id": run_id,
            "stage": stage,
            "at": self._database.now(),
            "reason_code": error.reason_code,
            "status": error.status,
            "what": error.what,
            "way_out": error.way_out,
        }
        with self._database.write() as connection:
            connection.execute(failures.insert().values(values))

    def of_run(self, run_id: str) -> list[Failure]:
        """Return the run's failures, oldest first."""
        columns = [failures.c[name] for name in Failure.__slots__]
        query = select(*columns).where(failures.c.run_id == run_id).order_by(failures.c.id)
        with self._database.read() as connection:
            return [Failure(**row) for row in connection.execute(query).mappings()]

    def newest(self, limit: int, readable: Callable[[str], bool]) -> list[Failure]:
        """Return the last failure of each of the runs that failed last, the newest first.

        :param limit: of runs.
        :param readable: says of a DAG whether its runs count.
        """
        last = func.max(failures.c.id)
        # On the index alone; the sentences are read of few.
        runs = select(failures.c.run_id, last).group_by(failures.c.run_id).order_by(last.desc())
        columns = [failures.c[name] for name in Failure.__slots__]
        with self._database.read() as connection:
            known = connection.execute(runs).all()
            ids = list(islice((number for run, number in known if readable(run.partition("/")[0])), limit))
            if not ids:
                return []
            query = select(*columns).where(failures.c.id.in_(ids)).order_by(failures.c.id.desc())
            return [Failure(**row) for row in connection.execute(query).mappings()]

"""What each run came to, one row per run, stream and destination: asked for often, and never counted again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import JSON, BigInteger, and_, cast, func, or_, select

from include.ledger.people_tables import run_results
from include.ledger.windows import of_stream, stream_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy import Row as SqlRow

    from include.ledger.database import Database
    from include.records import Destination, StreamKey

READ: Final = ("read", "new", "changed")
"""Counts of what a run has read."""
CAME_TO: Final = ("created", "already_there", "matched", "unmatched", "rejected", "skipped_by_rule", "pending")
"""Counts of what a run has done with records, whenever they were read."""

FORECAST: Final = "forecast"
"""The mode of a run that only said what would be."""

_KEY: Final = ("run_id", "division", "entity", "destination")


@dataclass(frozen=True, slots=True)
class RunResult:
    """What one run came to with one stream and destination.

    :param run: its name in the ledger, ``DAG/run``.
    :param dag_id: of the stream: in the lane of history it ends with `include.records.HISTORY`.
    :param mode: as people call it: a preview of a window is a ``preview``.
    :param started_at: when its window was decided.
    :param ended_at: when it committed last; None: it is under way, or failed.
    :param after: row version after which it read.
    :param reached: row version up to which everything is read since.
    :param counts: `READ` and `CAME_TO` to numbers; of a preview also ``ready``, what it would send.
    :param calls: service to the number of calls.
    :param forecast: what was foretold of it, as JSON values; None: nothing was.
    """

    run: str
    dag_id: str
    division: int
    entity: str
    destination: str
    mode: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    after: int | None = None
    reached: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    calls: Mapping[str, int] = field(default_factory=dict)
    forecast: Mapping[str, Any] | None = None

    @property
    def run_id(self) -> str:
        """Airflow's name of the run."""
        return self.run.partition("/")[2]

    @property
    def dag(self) -> str:
        """The DAG's own id."""
        return self.run.partition("/")[0]


class RunResults:
    """Keeps what runs came to; nothing about people.

    :param database: the ledger's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(
        self,
        stream: StreamKey,
        destination: Destination,
        run: str,
        *,
        mode: str,
        started_at: datetime | None,
        after: int,
        reached: int,
        counts: Mapping[str, int],
        calls: Mapping[str, int],
    ) -> None:
        """Keep what a run came to, ended now; a commit that is repeated replaces it. What was foretold stays.

        :param run: its name in the ledger.
        """
        key = {"run_id": run, "division": stream.division, "entity": stream.entity, "destination": destination}
        values = {
            **stream_values(stream),
            "mode": mode,
            "started_at": started_at,
            "ended_at": self._database.now(),
            "after": after,
            "reached": reached,
            "counts": json.dumps({**counts, "calls": dict(calls)}),
        }
        insert = self._database.insert(run_results).values({**key, **values})
        put = insert.on_conflict_do_update(index_elements=list(_KEY), set_=values)
        with self._database.write() as connection:
            connection.execute(put)

    def foretell(
        self, stream: StreamKey, destination: Destination, run: str, *, made_at: datetime, forecast: Mapping[str, Any]
    ) -> None:
        """Keep what was foretold under the name of the run that did; what it came to itself stays.

        :param run: its name in the ledger.
        :param made_at: aware.
        :param forecast: JSON values, nothing about people.
        """
        key = {"run_id": run, "division": stream.division, "entity": stream.entity, "destination": destination}
        told = {"forecast": json.dumps(forecast)}
        values = {**stream_values(stream), "mode": FORECAST, "started_at": made_at, "ended_at": made_at, **told}
        insert = self._database.insert(run_results).values({**key, **values})
        with self._database.write() as connection:
            connection.execute(insert.on_conflict_do_update(index_elements=list(_KEY), set_=told))

    def forecasts(self, stream: StreamKey, destination: Destination, limit: int) -> list[RunResult]:
        """Return the newest forecasts of a stream's lane, the newest first."""
        told = run_results.c.forecast.is_not(None)
        query = select(run_results).where(*_mine(stream, destination), told, run_results.c.ended_at.is_not(None))
        return self._found(query.order_by(run_results.c.ended_at.desc()).limit(limit))

    def lanes(self) -> list[str]:
        """Return the DAGs, in either of their lanes, that have results."""
        with self._database.read() as connection:
            return list(connection.execute(select(run_results.c.dag_id).distinct()).scalars())

    def of_run(self, run: str) -> list[RunResult]:
        """Return what a run came to, by stream and destination.

        :param run: its name in the ledger.
        """
        return self._found(
            select(run_results)
            .where(run_results.c.run_id == run)
            .order_by(*(run_results.c[name] for name in _KEY[1:]))
        )

    def newest(
        self, limit: int, before: tuple[datetime, str] | None = None, *, lanes: Sequence[str] | None = None
    ) -> list[RunResult]:
        """Return the runs that ended last, the newest first.

        :param lanes: only of these, as `lanes` tells them; None: of all.

        :param before: end and name of the last one that is known, to go on from there.
        """
        at, run = run_results.c.ended_at, run_results.c.run_id
        query = select(run_results).where(at.is_not(None))
        if lanes is not None:
            query = query.where(run_results.c.dag_id.in_(lanes))
        if before is not None:
            # The first half is for the index, which knows of the end alone.
            query = query.where(at <= before[0], or_(at < before[0], and_(at == before[0], run < before[1])))
        return self._found(query.order_by(at.desc(), run.desc(), *_rest()).limit(limit))

    def unfinished(self, limit: int) -> list[RunResult]:
        """Return runs that something is known of and that have not committed: under way, or failed."""
        query = select(run_results).where(run_results.c.ended_at.is_(None))
        return self._found(query.order_by(run_results.c.run_id, *_rest()).limit(limit))

    def last(self, stream: StreamKey, destination: Destination) -> RunResult | None:
        """Return what the run of a stream's lane came to that ended last; a forecast is none."""
        ended = (run_results.c.ended_at.is_not(None), run_results.c.mode != FORECAST)
        query = select(run_results).where(*_mine(stream, destination), *ended)
        return next(iter(self._found(query.order_by(run_results.c.ended_at.desc()).limit(1))), None)

    def destinations(self, stream: StreamKey) -> list[str]:
        """Return to which destinations a stream's lane has run, by name; one step along the index for each."""
        found: list[str] = []
        name = run_results.c.destination
        query = select(name).where(of_stream(run_results, stream)).order_by(name).limit(1)
        with self._database.read() as connection:
            after = query
            while (known := connection.execute(after).scalar()) is not None:
                found.append(str(known))
                after = query.where(name > known)
        return found

    def per_day(self, stream: StreamKey, destination: Destination, days: int) -> dict[date, dict[str, int]]:
        """Return what the runs of a stream's lane came to, summed up by the days on which they ended, in UTC.

        :param days: how many, the oldest first; today is the last of them. A day without runs has no counts.
        """
        today = self._database.now().astimezone(UTC).date()
        span = [today - timedelta(days=back) for back in reversed(range(days))]
        since = datetime(span[0].year, span[0].month, span[0].day, tzinfo=UTC)
        names = (*READ, *CAME_TO)
        # By the database: a run every few minutes makes thousands of rows that would have to be read here.
        query = select(self._day().label("day"), *(func.sum(self._count(name)) for name in names)).group_by("day")
        mine = (*_mine(stream, destination), run_results.c.ended_at >= since)
        totals: dict[date, dict[str, int]] = {day: {} for day in span}
        with self._database.read() as connection:
            for day, *sums in connection.execute(query.where(*mine)):
                told = zip(names, sums, strict=True)
                totals[date.fromisoformat(day)] = {name: int(count) for name, count in told if count is not None}
        return totals

    def _day(self) -> ColumnElement[str]:
        at = run_results.c.ended_at
        return func.date(at) if self._database.is_sqlite else func.to_char(func.timezone("UTC", at), "YYYY-MM-DD")

    def _count(self, name: str) -> ColumnElement[Any]:
        counts = run_results.c["counts"]
        if self._database.is_sqlite:
            return func.json_extract(counts, f"$.{name}")
        return cast(func.json_extract_path_text(cast(counts, JSON), name), BigInteger)

    def _found(self, query: Any) -> list[RunResult]:
        with self._database.read() as connection:
            return [_result(row) for row in connection.execute(query)]


def _rest() -> tuple[ColumnElement[Any], ...]:
    return run_results.c.division, run_results.c.entity, run_results.c.destination


def _mine(stream: StreamKey, destination: Destination) -> tuple[ColumnElement[bool], ...]:
    return of_stream(run_results, stream), run_results.c.destination == destination


def _told(text: str | None) -> tuple[dict[str, int], dict[str, int]]:
    told = json.loads(text or "{}")
    calls = told.pop("calls", {})
    return told, calls


def _result(row: SqlRow[Any]) -> RunResult:
    counts, calls = _told(row.counts)
    return RunResult(
        *(row.run_id, row.dag_id, row.division, row.entity, row.destination, row.mode),
        *(row.started_at, row.ended_at, row.after, row.reached, counts, calls),
        None if row.forecast is None else json.loads(row.forecast),
    )

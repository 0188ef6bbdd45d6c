"""What is asked again and again of a ledger that is watched: few questions, each on an index, whatever its size."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import case, column, func, select, text

from include.ledger.budget import ERRORS_PER_HOUR
from include.ledger.limit_tables import api_errors, pacer_buckets, pacer_grants
from include.ledger.tables import UtcDateTime, deliveries, tokens, watermarks

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement

    from include.ledger.database import Database

MOST_DECIDED: Final = 5_000
"""Decisions that are looked at, the newest first: a backfill of a million must not make a scrape slow."""

_HOUR: Final = timedelta(hours=1)
_MICROSECONDS: Final = 1_000_000
# Word for word the conditions of the indexes: SQLite uses such an index for no other.
_PENDING_INDEX: Final = "ix_ledger_deliveries_pending"
_PENDING: Final = text("state IN ('ready', 'retry', 'sending', 'in_doubt')")
_WANTED: Final = text("state <> 'skipped_by_rule'")
_OWNER: Final = ("dag_id", "division", "entity", "destination")


@dataclass(frozen=True, slots=True)
class Committed:
    """How far a lane has come.

    :param at: when it last committed.
    """

    dag_id: str
    division: int
    entity: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Pending:
    """Deliveries of one lane that wait in one state.

    :param oldest: when the first of them was decided.
    """

    dag_id: str
    division: int
    entity: str
    destination: str
    state: str
    count: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class Decided:
    """Deliveries of one lane that were decided lately, without those that a rule skipped.

    :param rejected: how many of them are rejected now.
    """

    dag_id: str
    division: int
    entity: str
    destination: str
    count: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Paced:
    """One limit of a service.

    :param bucket: the pacer's name of it.
    :param used: slots given whose window has not passed.
    :param remaining: what the service said is left; None: it did not say, or its window is over.
    :param blocked: whether nobody gets a slot for now.
    :param until: when the service counts anew, or when a block is over; None: there is neither.
    """

    bucket: str
    used: int
    remaining: int | None
    blocked: bool
    until: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Errors:
    """Errors of the last hour that Exact counts.

    :param division: None where a URL has none.
    """

    division: int | None
    endpoint: str
    count: int


@dataclass(frozen=True, slots=True)
class Spent:
    """Errors of the last hour of one budget at one endpoint.

    :param scope: of the budget.
    :param less_at: when there will be one less that counts.
    """

    scope: str
    endpoint: str
    count: int
    less_at: datetime


class Vitals:
    """Questions of whoever watches; nothing here writes.

    :param database: the ledger's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def now(self) -> datetime:
        """Return the ledger's time."""
        return self._database.now()

    def committed(self) -> list[Committed]:
        """Return when each lane last committed."""
        names = ("dag_id", "division", "entity")
        columns = [watermarks.c[name] for name in names]
        return [Committed(*row) for row in self._rows(select(*columns, watermarks.c.committed_at).order_by(*columns))]

    def pending(self) -> list[Pending]:
        """Return what waits to be sent or to be cleared up, by lane, destination and state."""
        columns: list[ColumnElement[Any]] = [column(name) for name in (*_OWNER, "state")]
        oldest = func.min(column("decided_at", UtcDateTime))
        # Left to itself, SQLite takes an index that it knows as well for these states, and looks up each row.
        source = "ledger_deliveries" + (f" INDEXED BY {_PENDING_INDEX}" if self._database.is_sqlite else "")
        query = select(*columns, func.count(), oldest).select_from(text(source)).where(_PENDING)
        return [Pending(*row) for row in self._rows(query.group_by(*columns).order_by(*columns))]

    def decided(self, within: timedelta, *, most: int = MOST_DECIDED) -> list[Decided]:
        """Return what became of the newest decisions, by lane and destination.

        :param within: how far to look back.
        :param most: how many are looked at.
        """
        at = deliveries.c.decided_at
        newest = (
            select(*(deliveries.c[name] for name in (*_OWNER, "state")))
            .where(_WANTED, at > self._database.now() - within)
            .order_by(at.desc())
            .limit(most)
            .subquery()
        )
        owner = [newest.c[name] for name in _OWNER]
        rejected = func.sum(case((newest.c.state == "rejected", 1), else_=0))
        return [Decided(*row) for row in self._rows(select(*owner, func.count(), rejected).group_by(*owner))]

    def paced(self) -> list[Paced]:
        """Return how each limit stands that was ever used."""
        now = round(self._database.now().timestamp() * _MICROSECONDS)
        bucket = pacer_grants.c.bucket
        query = select(bucket, func.count()).where(pacer_grants.c.expires >= now).group_by(bucket)
        used: dict[str, int] = dict(map(tuple, self._rows(query)))
        return [
            Paced(
                row.bucket,
                used.get(row.bucket, 0),
                max(row.remaining, 0) if row.remaining is not None and row.remaining_until > now else None,
                row.blocked_until > now,
                _until(row, now),
            )
            for row in self._rows(select(pacer_buckets).order_by(pacer_buckets.c.bucket))
        ]

    def errors(self) -> list[Errors]:
        """Return the errors of the last hour by division and endpoint; of several API keys, the one with most."""
        scope, endpoint = api_errors.c.scope, api_errors.c.endpoint
        recent = api_errors.c.at > self._database.now() - _HOUR
        most: dict[tuple[int | None, str], int] = {}
        for row in self._rows(select(scope, endpoint, func.count()).where(recent).group_by(scope, endpoint)):
            # The key itself is nobody's business here.
            division = str(row[0]).rpartition(":")[2]
            place = int(division) if division.isdigit() and ":" in row[0] else None, str(row[1])
            most[place] = max(most.get(place, 0), int(row[2]))
        return [Errors(*place, count) for place, count in sorted(most.items(), key=str)]

    def spent(self, scopes: Collection[str]) -> list[Spent]:
        """Return the errors of the last hour of some budgets, the fullest first.

        :param scopes: whose, as given to `SharedErrorBudget`.
        """
        scope, endpoint, at = api_errors.c.scope, api_errors.c.endpoint, api_errors.c.at
        query = select(scope, endpoint, at).where(scope.in_(scopes), at > self._database.now() - _HOUR)
        found: dict[tuple[str, str], list[datetime]] = {}
        for row in self._rows(query.order_by(at.desc())):
            found.setdefault((str(row[0]), str(row[1])), []).append(row[2])
        spent = [Spent(*place, len(times), times[:ERRORS_PER_HOUR][-1] + _HOUR) for place, times in found.items()]
        return sorted(spent, key=lambda one: (-one.count, one.scope, one.endpoint))

    def renewed(self) -> dict[str, datetime]:
        """Return when the token chain of each connection last moved on, be it alive or dead."""
        query = select(tokens.c.connection_id, tokens.c.obtained_at).order_by(tokens.c.connection_id)
        return {str(row[0]): row[1].astimezone(UTC) for row in self._rows(query)}

    def _rows(self, query: Any) -> list[Any]:
        with self._database.read() as connection:
            return list(connection.execute(query).all())


def _until(row: Any, now: int) -> datetime | None:
    ends = row.blocked_until if row.blocked_until > now else row.remaining_until
    return datetime.fromtimestamp(ends / _MICROSECONDS, UTC) if ends > now else None

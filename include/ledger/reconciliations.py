"""What reconciliations found: their reports, how each check stands, what of it was told, and what was accepted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, or_, select

from include.ledger.locks import serialise
from include.ledger.reconciliation_tables import accepted, checks, reconciliations
from include.ledger.reopening import reopen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection
    from sqlalchemy import Row as SqlRow

    from include.ledger.database import Database
    from include.records import Destination

KEPT: Final = 100
"""Reports that are kept; the oldest go first."""

MOST_SUBJECTS: Final = 200
"""Ids that a check keeps; the count says how many there are."""


@dataclass(frozen=True, slots=True)
class Check:
    """How many differences of one kind were found in one part.

    :param part: a stream, a position or a feed.
    :param kind: code of the difference, such as ``personio.application.missing``.
    :param count: nought: it was looked for and there is none.
    :param subjects: the first ids of Exact or of Personio.
    :param way_out: what to do next.
    """

    part: str
    kind: str
    count: int
    subjects: tuple[str, ...]
    way_out: str


@dataclass(frozen=True, slots=True)
class Untold:
    """A check whose state somebody has to be told.

    :param began: True: differences came up; False: there are none any more.
    :param new: ids that nobody was told of.
    :param since: when the difference was first seen.
    """

    check: Check
    began: bool
    new: tuple[str, ...]
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Kept:
    """A run of a reconciliation.

    :param report: as it was written.
    """

    run: str
    depth: str
    verdict: str
    began_at: datetime
    ended_at: datetime
    report: dict[str, Any]


class Reconciliations:
    """Keeps what was found.

    :param database: the ledger's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, report: Mapping[str, Any], began_at: datetime, found: Sequence[Check]) -> None:
        """Keep a run's report and how its checks stand; a run that is repeated replaces its own.

        :param report: JSON values with ``run``, ``depth`` and ``verdict``.
        :param found: of every check that was made, those that found nothing too; the others stay as they are.
        """
        now = self._database.now()
        run = str(report["run"])
        values = {"run_id": run, "depth": report["depth"], "verdict": report["verdict"]}
        with self._database.write() as connection:
            serialise(connection, "reconciliations")
            connection.execute(reconciliations.delete().where(reconciliations.c.run_id == run))
            text = json.dumps(report)
            connection.execute(
                reconciliations.insert().values({**values, "began_at": began_at, "ended_at": now, "report": text})
            )
            newest = select(reconciliations.c.id).order_by(reconciliations.c.id.desc()).limit(KEPT)
            connection.execute(reconciliations.delete().where(reconciliations.c.id.not_in(newest)))
            for check in found:
                self._note(connection, check, run, now)

    def latest(self, run: str | None = None) -> Kept | None:
        """Return a run, None if there is none.

        :param run: ``DAG/run``; None: the newest.
        """
        query = select(reconciliations).order_by(reconciliations.c.id.desc()).limit(1)
        if run is not None:
            query = query.where(reconciliations.c.run_id == run)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _kept(row)

    def runs(self, limit: int = KEPT) -> list[Kept]:
        """Return the newest runs, without their reports."""
        columns = [column for column in reconciliations.c if column.name != "report"]
        query = select(*columns).order_by(reconciliations.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [Kept(row.run_id, row.depth, row.verdict, row.began_at, row.ended_at, {}) for row in rows]

    def standing(self) -> list[tuple[Check, datetime]]:
        """Return the checks that found differences when they were last made, with when those were first seen."""
        query = select(checks).where(checks.c.found_count > 0).order_by(checks.c.part, checks.c.kind)
        with self._database.read() as connection:
            return [(_check(row), row.since) for row in connection.execute(query)]

    def untold(self) -> list[Untold]:
        """Return what nobody was told yet: differences that are new, and the ends of those that were told."""
        open_or_told = or_(checks.c.found_count > 0, checks.c.told_count > 0)
        query = select(checks).where(open_or_told).order_by(checks.c.part, checks.c.kind)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        found: list[Untold] = []
        for row in rows:
            check, told = _check(row), set(json.loads(row.told_subjects))
            new = tuple(subject for subject in check.subjects if subject not in told)
            if not check.count:
                found.append(Untold(check, began=False, new=(), since=row.since))
            elif new or check.count > row.told_count:
                found.append(Untold(check, began=True, new=new, since=row.since))
        return found

    def told(self, news: Iterable[Untold]) -> None:
        """Note that somebody was told; what was found meanwhile stays untold.

        After the telling, not before: who dies in between tells it twice, and never not at all.
        """
        with self._database.write() as connection:
            for one in news:
                mine = and_(checks.c.part == one.check.part, checks.c.kind == one.check.kind)
                told = {"told_count": one.check.count, "told_subjects": json.dumps(list(one.check.subjects))}
                connection.execute(checks.update().where(mine).values(told))

    def accept(self, kind: str, subjects: Iterable[str], by: str) -> None:
        """Take differences for what they are: they are counted as accepted from the next run on."""
        insert = self._database.insert(accepted).on_conflict_do_nothing()
        values = [
            {"kind": kind, "subject": subject, "by": by, "at": self._database.now()} for subject in sorted(subjects)
        ]
        if values:
            with self._database.write() as connection:
                connection.execute(insert, values)

    def accepted(self, kind: str) -> frozenset[str]:
        """Return the ids whose difference of this kind a person has accepted."""
        query = select(accepted.c.subject).where(accepted.c.kind == kind)
        with self._database.read() as connection:
            return frozenset(connection.execute(query).scalars())

    def reopen(self, source_id: str, destination: Destination, kind: str, *, run_id: str) -> tuple[int, int]:
        """Put a record in doubt that was said to be at Personio; see `include.ledger.reopening.reopen`.

        :param kind: the difference that says that it is not; only the streams where it was found are meant.
        """
        targets = {check.part for check, _ in self.standing() if check.kind == kind and source_id in check.subjects}
        return reopen(self._database, source_id, destination, targets, run_id=run_id)

    def differences_of(self, subject: str) -> list[str]:
        """Return the kinds of the differences that an id stands for, as they were last found."""
        return sorted({check.kind for check, _ in self.standing() if subject in check.subjects})

    def _note(self, connection: Connection, check: Check, run: str, now: datetime) -> None:
        mine = and_(checks.c.part == check.part, checks.c.kind == check.kind)
        subjects = check.subjects[:MOST_SUBJECTS]
        values = {
            "found_count": check.count,
            "subjects": json.dumps(list(subjects)),
            "way_out": check.way_out,
            "run_id": run,
            "checked_at": now,
        }
        before = connection.execute(select(checks).where(mine)).one_or_none()
        if before is None:
            key = {"part": check.part, "kind": check.kind, "since": now if check.count else None}
            connection.execute(checks.insert().values({**key, **values, "told_count": 0, "told_subjects": "[]"}))
            return
        if check.count:
            # What is gone and comes again is news. The end of all of it is told with what was told of it.
            told = [subject for subject in json.loads(before.told_subjects) if subject in subjects]
            values |= {"told_count": min(before.told_count, check.count), "told_subjects": json.dumps(told)}
            values["since"] = before.since if before.found_count else now
        connection.execute(checks.update().where(mine).values(values))


def _check(row: SqlRow[Any]) -> Check:
    return Check(row.part, row.kind, int(row.found_count), tuple(json.loads(row.subjects)), row.way_out)


def _kept(row: SqlRow[Any]) -> Kept:
    return Kept(row.run_id, row.depth, row.verdict, row.began_at, row.ended_at, json.loads(row.report))

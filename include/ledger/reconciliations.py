"""What reconciliations found: their reports, how each check stands, what of it was told, and what was accepted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, func, or_, select

from include.ledger.locks import serialise
from include.ledger.reconciliation_tables import accepted, checks, reconciliations
from include.ledger.reopening import reopen
from include.ledger.told_of import Told

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection
    from sqlalchemy import Row as SqlRow

    from include.ledger.database import Database
    from include.records import Destination

KEPT: Final = 100
"""Reports that are kept; the oldest go first."""

MOST_SUBJECTS: Final = 200
"""Ids that a check keeps; the count says how many there are."""

EVERYWHERE: Final = ""
"""Part of what was accepted before parts were kept."""


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

    def keep(
        self,
        report: Mapping[str, Any],
        began_at: datetime,
        found: Sequence[Check],
        *,
        everywhere: Collection[str] = (),
    ) -> None:
        """Keep a run's report and how its checks stand; a run that is repeated replaces its own.

        :param report: JSON values with ``run``, ``depth`` and ``verdict``, and ``parts`` with ``name``.
        :param found: of every check that was made, those that found nothing too; the others stay as they are.
        :param everywhere: first words of the kinds that were looked for in all parts there are, such as ``ledger``:
            a part that the report does not name is gone, and the differences that were found in it have ended.
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
            gone = self._gone(connection, report, began_at, everywhere) if everywhere else []
            for check in (*found, *gone):
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
            check, told = _check(row), _told(row)
            known = set(told.subjects)
            new = tuple(subject for subject in check.subjects if subject not in known)
            if not check.count:
                found.append(Untold(check, began=False, new=(), since=row.since))
            elif new or check.count > told.count:
                found.append(Untold(check, began=True, new=new, since=row.since))
        return found

    def told(self, news: Iterable[Untold]) -> None:
        """Note that somebody was told; what was found meanwhile stays untold.

        After the telling, not before: who dies in between tells it twice, and never not at all.
        """
        with self._database.write() as connection:
            # Another run may have noted since what it has found.
            serialise(connection, "reconciliations")
            for one in news:
                mine = _mine(one.check)
                now = connection.execute(select(checks).where(mine)).one()
                told = Told(one.check.count, one.check.subjects)
                if now.found_count:
                    told = told.still(int(now.found_count), json.loads(now.subjects))
                connection.execute(checks.update().where(mine).values(_told_values(told)))

    def accept(self, differences: Iterable[tuple[str, str]], subject: str, by: str) -> None:
        """Take differences of an id for what they are: they are counted as accepted from the next run on.

        :param differences: part and kind of each, as `differences_of` returns them; the same kind elsewhere is not
            meant. What was accepted before is accepted anew, from now.
        :param subject: the id.
        :param by: who says so.
        """
        insert = self._database.insert(accepted)
        anew = insert.on_conflict_do_update(
            index_elements=list(accepted.primary_key),
            set_={"by": insert.excluded.by, "at": insert.excluded.at},
        )
        same = {"subject": subject, "by": by, "at": self._database.now()}
        values = [{"part": part, "kind": kind, **same} for part, kind in sorted(set(differences))]
        if values:
            with self._database.write() as connection:
                connection.execute(anew, values)

    def accepted(self, kind: str, part: str) -> dict[str, datetime]:
        """Return the ids whose difference of this kind a person has accepted, each with when that was last.

        :param part: where the difference is; what was accepted before parts were kept was accepted everywhere.
        """
        query = (
            select(accepted.c.subject, func.max(accepted.c.at).label("at"))
            .where(accepted.c.kind == kind, accepted.c.part.in_((part, EVERYWHERE)))
            .group_by(accepted.c.subject)
        )
        with self._database.read() as connection:
            return {row.subject: row.at for row in connection.execute(query)}

    def reopen(self, source_id: str, destination: Destination, kind: str, *, run_id: str) -> tuple[int, int]:
        """Put a record in doubt that was said to be at Personio; see `include.ledger.reopening.reopen`.

        :param kind: the difference that says that it is not; only the streams where it was found are meant.
        """
        targets = {part for part, found in self.differences_of(source_id) if found == kind}
        return reopen(self._database, source_id, destination, targets, run_id=run_id)

    def differences_of(self, subject: str) -> list[tuple[str, str]]:
        """Return part and kind of the differences that an id stands for, as they were last found."""
        return [(check.part, check.kind) for check, _ in self.standing() if subject in check.subjects]

    def _gone(
        self, connection: Connection, report: Mapping[str, Any], began_at: datetime, everywhere: Collection[str]
    ) -> list[Check]:
        """Return the ends of the differences in parts that there are no more."""
        there = {part["name"] for part in report["parts"]}
        # What was checked since this run began is of another one, which has seen a later state.
        before = (checks.c.found_count > 0, checks.c.checked_at < began_at)
        rows = connection.execute(select(checks.c.part, checks.c.kind).where(*before)).all()
        return [
            Check(row.part, row.kind, 0, (), "")
            for row in rows
            if row.part not in there and row.kind.partition(".")[0] in everywhere
        ]

    def _note(self, connection: Connection, check: Check, run: str, now: datetime) -> None:
        mine = _mine(check)
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
            told = _told(before)
            if not before.found_count:
                # All of it was gone, of which only the ids that were kept can be known again.
                told = Told(len(told.subjects), told.subjects)
            values |= _told_values(told.still(check.count, subjects, set(json.loads(before.subjects))))
            values["since"] = before.since if before.found_count else now
        connection.execute(checks.update().where(mine).values(values))


def _mine(check: Check) -> ColumnElement[bool]:
    return and_(checks.c.part == check.part, checks.c.kind == check.kind)


def _told(row: SqlRow[Any]) -> Told:
    return Told(int(row.told_count), tuple(json.loads(row.told_subjects)))


def _told_values(told: Told) -> dict[str, Any]:
    return {"told_count": told.count, "told_subjects": json.dumps(list(told.subjects))}


def _check(row: SqlRow[Any]) -> Check:
    return Check(row.part, row.kind, int(row.found_count), tuple(json.loads(row.subjects)), row.way_out)


def _kept(row: SqlRow[Any]) -> Kept:
    return Kept(row.run_id, row.depth, row.verdict, row.began_at, row.ended_at, json.loads(row.report))

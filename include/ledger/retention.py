"""Retention: personal data goes when its time is over, what keeps records from being sent twice stays."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, func, literal, or_, select

from include.ledger import names
from include.ledger.people_tables import run_results
from include.ledger.run_tables import approvals, previews, run_outbox
from include.ledger.staging import PURGED
from include.ledger.states import DONE, WAITING
from include.ledger.tables import calls, deliveries, events, extracts, failures, staged, windows
from include.records import HISTORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import Column, ColumnElement, Select, Table

    from include.ledger.database import Database

SLICE = 500
"""Rows per transaction: other workers wait for at most so many."""

RUN_AGE = timedelta(days=180)
"""A run may be retried or cleared for so long: its window and its place in the feed stay, whatever is asked."""

RESULT_AGE = timedelta(days=365)
"""What runs came to is kept for so long at least: counts, which are about nobody, and which people compare."""


class Retention:
    """Makes the ledger forget.

    Ids, keyed hashes, row versions, states and events stay: they say that a record was delivered.
    So do the ids of `News` and the keys of `Writes`, which hold nothing else: a record that is
    forgotten there would be new again, and a write would be sent again.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def purge(self, older_than: datetime) -> dict[str, int]:
        """Forget what was over before a time; return how much, by kind.

        Over is what Personio has, and what was rejected or skipped and has not changed since. Of the latter, reason,
        field and hashes stay. A row that was blanked is not decided on until the feed brings it again. What is on
        its way to Personio keeps its data.

        :param older_than: aware.
        """
        runs_before = min(older_than, self._database.now() - RUN_AGE)
        return {
            "deliveries": self._blank_deliveries(older_than),
            "staged": self._blank_staged(older_than, runs_before),
            "failures": self._delete(failures, failures.c.at, older_than),
            "calls": self._delete(calls, calls.c.last_at, older_than),
            "extracts": self._delete(extracts, extracts.c.updated_at, runs_before),
            "windows": self._delete(windows, windows.c.pinned_at, runs_before),
            "previews": self._delete(previews, previews.c.made_at, older_than),
            "run_results": self._delete(run_results, _over_at(), min(older_than, self._database.now() - RESULT_AGE)),
            "approvals": self._delete(approvals, approvals.c.asked_at, runs_before),
            "run_outbox": self._empty_outboxes() + self._forget_own_content(runs_before),
        }

    def _empty_outboxes(self) -> int:
        """Take out of single runs' outboxes what is settled; whoever settles does so too, so this finds little."""
        columns = (run_outbox.c.run_id, run_outbox.c.delivery_id)
        search = (
            select(*columns)
            .join_from(run_outbox, deliveries, deliveries.c.id == run_outbox.c.delivery_id)
            .where(deliveries.c.state.in_((*DONE, *WAITING)))
            .order_by(run_outbox.c.delivery_id)
            .limit(SLICE)
            # Held to the end: nobody makes it ready again meanwhile. What others hold comes with the next purge.
            .with_for_update(of=deliveries, skip_locked=True)
        )
        mine = (column == bindparam(f"key_{column.name}") for column in columns)
        delete = run_outbox.delete().where(*mine)
        count = 0
        while True:
            with self._database.write() as connection:
                found = connection.execute(search).all()
                if not found:
                    return count
                rows = [{"key_run_id": row.run_id, "key_delivery_id": row.delivery_id} for row in found]
                connection.execute(delete, rows)
            count += len(found)

    def _forget_own_content(self, runs_before: datetime) -> int:
        """Remove what runs decided for themselves that cannot be retried any more; nobody else would send it."""
        run = func.replace(windows.c.dag_id, HISTORY, "").concat("/").concat(windows.c.run_id)
        mine = select(literal(1)).where(run == run_outbox.c.run_id)
        old = select(literal(1)).where(
            deliveries.c.id == run_outbox.c.delivery_id, deliveries.c.updated_at < runs_before
        )
        over = and_(run_outbox.c.sealed.is_not(None), ~mine.exists(), old.exists())
        with self._database.write() as connection:
            return connection.execute(run_outbox.delete().where(over)).rowcount

    def _blank_deliveries(self, older_than: datetime) -> int:
        self._forget_names(and_(_settled(older_than), deliveries.c.email_hash.is_(None)))
        # By its address a person may still ask why they were rejected; there is no other use for what is done.
        return self._blank_columns(_done(older_than), ("sealed", "result", "email_hash")) + self._blank_columns(
            _settled(older_than), ("sealed", "result")
        )

    def _forget_names(self, over: ColumnElement[bool]) -> None:
        """Forget by which names deliveries are found; without an address, erasing a person would not find them."""
        where = and_(over, names.is_named())
        query = select(deliveries.c.id).where(where, deliveries.c.id > bindparam("after"))
        for ids in self._slices(query.order_by(deliveries.c.id).limit(SLICE)):
            with self._database.write() as connection:
                names.forget(connection, select(deliveries.c.id).where(deliveries.c.id.in_(ids), where))

    def _blank_columns(self, over: ColumnElement[bool], names: tuple[str, ...]) -> int:
        where = and_(over, or_(*(deliveries.c[name].is_not(None) for name in names)))
        return self._blank(deliveries, where, dict.fromkeys(names))

    def _blank_staged(self, older_than: datetime, runs_before: datetime) -> int:
        same = and_(
            deliveries.c.source_id == staged.c.source_id,
            deliveries.c.division == staged.c.division,
            deliveries.c.entity == staged.c.entity,
        )
        over = or_(_done(older_than), _settled(older_than))
        # The DAG's own decision, in either lane: another DAG with the same feed may not have come to its record yet.
        decided = and_(
            _dag(deliveries.c.dag_id) == _dag(staged.c.dag_id),
            deliveries.c.decided_version >= staged.c.row_version,
            over,
        )
        where = and_(
            staged.c.staged_at < older_than,
            func.length(staged.c.sealed) > 0,
            # No run that read it can be retried any more: nobody is going to decide on it by itself.
            or_(staged.c.staged_at < runs_before, select(literal(1)).where(same, decided).exists()),
            ~select(literal(1)).where(same, ~over).exists(),
        )
        return self._blank(staged, where, {"sealed": PURGED})

    def _blank(self, table: Table, where: ColumnElement[bool], values: dict[str, Any]) -> int:
        count = 0
        query = select(table.c.id).where(where, table.c.id > bindparam("after")).order_by(table.c.id).limit(SLICE)
        for ids in self._slices(query):
            with self._database.write() as connection:
                # Asked again: a newer version may have come since the search, which held no lock.
                update = table.update().where(table.c.id.in_(ids), where).values(values)
                count += connection.execute(update).rowcount
                if "email_hash" in values:
                    gone = select(table.c.id).where(table.c.id.in_(ids), table.c.email_hash.is_(None))
                    names.forget(connection, gone)
        return count

    def _slices(self, query: Select[Any]) -> Iterator[list[int]]:
        after = 0
        while True:
            with self._database.read() as connection:
                ids = list(connection.execute(query, {"after": after}).scalars())
            if not ids:
                return
            after = ids[-1]
            yield ids

    def _delete(self, table: Table, at: ColumnElement[Any], before: datetime) -> int:
        keys = list(table.primary_key.columns)
        search = select(*keys).where(at < before).limit(SLICE)
        delete = table.delete().where(at < before, *(key == bindparam(f"key_{key.name}") for key in keys))
        count = 0
        while True:
            with self._database.write() as connection:
                found = [
                    {f"key_{name}": value for name, value in row.items()}
                    for row in connection.execute(search).mappings()
                ]
                if not found:
                    return count
                connection.execute(delete, found)
            count += len(found)


def _over_at() -> ColumnElement[Any]:
    # A run that failed has no end.
    return func.coalesce(run_results.c.ended_at, run_results.c.started_at)


def _dag(column: Column[str]) -> ColumnElement[str]:
    return func.replace(column, HISTORY, "")


def _done(older_than: datetime) -> ColumnElement[bool]:
    return and_(deliveries.c.state.in_(DONE), deliveries.c.updated_at < older_than)


def _settled(older_than: datetime) -> ColumnElement[bool]:
    """Return the condition that a record was rejected or skipped, and that nothing came of it since.

    By its last event: a decision that is made again and comes to the same moves ``updated_at``, daily at times.
    """
    since = select(literal(1)).where(events.c.delivery_id == deliveries.c.id, events.c.at >= older_than)
    return and_(deliveries.c.state.in_(WAITING), ~since.exists())

"""What previews showed: for each record what would be done and why, kept apart from all deliveries."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import bindparam, func, select

from include.ledger.run_tables import previews
from include.ledger.tombstones import Tombstones

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Row as SqlRow

    from include.ledger.crypto import Cipher
    from include.ledger.database import Database
    from include.records import StreamKey

SLICE = 500
"""Records per transaction: other workers wait for at most so many."""

_T = TypeVar("_T")
_SEALED = ("payload", "email", "trace")
_PLAIN = ("source_id", "outcome", "reason_code", "field", "action", "existing")


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run would do with one record.

    :param source_id: Exact's ``ID``, lower case.
    :param outcome: ``ready``, ``rejected`` or ``skipped_by_rule``.
    :param reason_code: why it is not ready; empty if it is.
    :param field: the field the reason speaks of.
    :param action: what would be done, a word of `include.sync.preview`.
    :param existing: what there is of it already, at Personio or in the ledger; empty: nothing that is known.
    :param payload: what would be sent; None: nothing. Personal data, like ``email``.
    :param trace: destination field -> the rule that made it.
    """

    source_id: str
    outcome: str
    reason_code: str
    field: str
    action: str
    existing: str
    payload: dict[str, Any] | None = dataclasses.field(repr=False, default=None)
    email: str | None = dataclasses.field(repr=False, default=None)
    trace: dict[str, str] = dataclasses.field(default_factory=dict)


class Previews:
    """Previews by run and record; what is about people is sealed."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher
        self._tombstones = Tombstones(database, cipher)

    def replace(self, run_key: str, rows: Sequence[Preview]) -> None:
        """Forget what the run has shown and keep this; a repeated task ends with the same.

        :param run_key: the run's name in the ledger, ``DAG/run``.
        """
        shown = select(previews.c.source_id).where(previews.c.run_id == run_key).limit(SLICE)
        while True:
            with self._database.write() as connection:
                ids = connection.execute(shown).scalars().all()
                mine = (previews.c.run_id == run_key, previews.c.source_id.in_(ids))
                connection.execute(previews.delete().where(*mine))
            if not ids:
                break
        self.add(run_key, rows)

    def add(self, run_key: str, rows: Sequence[Preview], *, stream: StreamKey | None = None) -> None:
        """Keep these as well, in slices; a record that the run has shown before is shown anew.

        :param stream: whose records they are; None: nothing in them is about a person.
        """
        insert = self._database.insert(previews)
        changing = [column.name for column in previews.columns if not column.primary_key]
        put = insert.on_conflict_do_update(
            index_elements=["run_id", "source_id"], set_={name: insert.excluded[name] for name in changing}
        )
        ordered = sorted({row.source_id: row for row in rows}.values(), key=lambda row: row.source_id)
        for slice_ in _slices(ordered):
            with self._database.write() as connection:
                shown = slice_ if stream is None else self._tombstones.previews(connection, stream, slice_)
                connection.execute(put, [self._values(run_key, row) for row in shown])

    def note_existing(self, run_key: str, existing: Mapping[str, str]) -> None:
        """Add what there is of records already.

        :param existing: id at Exact -> what there is, nothing personal; ids that the run has not shown are left out.
        """
        mine = (previews.c.run_id == run_key, previews.c.source_id == bindparam("source"))
        update = previews.update().where(*mine).values(existing=bindparam("found"))
        for slice_ in _slices(sorted(existing.items())):
            with self._database.write() as connection:
                connection.execute(update, [{"source": source, "found": found} for source, found in slice_])

    def read(
        self,
        run_key: str,
        *,
        offset: int = 0,
        after: str = "",
        before: str = "",
        limit: int = 100,
        action: str | None = None,
        source_id: str | None = None,
    ) -> list[Preview]:
        """Return some of what a run has shown, ordered by the records' ids.

        :param after: only records whose id comes after this one: to go through all of them.
        :param before: the last ones whose id comes before this one: to go back.
        :param action: only records for which this would be done.
        :param source_id: only this record.
        """
        query = select(previews).where(previews.c.run_id == run_key)
        if after:
            query = query.where(previews.c.source_id > after)
        if action is not None:
            query = query.where(previews.c.action == action)
        if source_id is not None:
            query = query.where(previews.c.source_id == source_id)
        order = previews.c.source_id.desc() if before else previews.c.source_id
        if before:
            query = query.where(previews.c.source_id < before)
        with self._database.read() as connection:
            found = [
                self._preview(row) for row in connection.execute(query.order_by(order).offset(offset).limit(limit))
            ]
        return found[::-1] if before else found

    def counts(self, run_key: str) -> dict[tuple[str, str], int]:
        """Return (action, reason code) -> number of records of a run."""
        columns = (previews.c.action, previews.c.reason_code)
        query = select(*columns, func.count()).where(previews.c.run_id == run_key).group_by(*columns)
        with self._database.read() as connection:
            found = connection.execute(query.order_by(*columns)).all()
        return {(str(action), str(reason)): int(count) for action, reason, count in found}

    def outcomes(self, run_key: str) -> dict[str, int]:
        """Return outcome -> number of records of a run."""
        query = select(previews.c.outcome, func.count()).where(previews.c.run_id == run_key)
        with self._database.read() as connection:
            return {str(row[0]): int(row[1]) for row in connection.execute(query.group_by(previews.c.outcome))}

    def runs(self, limit: int = 20) -> list[tuple[str, datetime, int]]:
        """Return the runs that have shown something, newest first: (run, when, number of records)."""
        made = func.max(previews.c.made_at)
        query = select(previews.c.run_id, made, func.count()).group_by(previews.c.run_id)
        with self._database.read() as connection:
            found = connection.execute(query.order_by(made.desc(), previews.c.run_id).limit(limit)).all()
        return [(str(run), moment, int(count)) for run, moment, count in found]

    def _values(self, run_key: str, row: Preview) -> dict[str, Any]:
        values = dataclasses.asdict(row)
        sealed = self._cipher.seal({name: values[name] for name in _SEALED})
        plain = {name: values[name] for name in _PLAIN}
        return {**plain, "run_id": run_key, "sealed": sealed, "made_at": self._database.now()}

    def _preview(self, row: SqlRow[Any]) -> Preview:
        return Preview(**{name: getattr(row, name) for name in _PLAIN}, **self._cipher.open(row.sealed))


def _slices(rows: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(rows), SLICE):
        yield rows[start : start + SLICE]

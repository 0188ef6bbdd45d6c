"""Which deliveries somebody means: each narrowing by itself, all of them together, whoever lists or acts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, literal, or_, select, union

from include.ledger.lookups import ids_meant
from include.ledger.people_tables import names
from include.ledger.tables import deliveries, events
from include.records import HISTORY

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import Table

Candidates = tuple[Select[Any], ColumnElement[bool]]
"""The search for ids of deliveries, and the same as a condition on a delivery."""


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What is meant: all that fits everything that is given.

    :param states: any of these; empty: whatever their state is.
    :param reason_code: why they are in their state.
    :param dag_id: the DAG that decided them last, in either of its lanes.
    :param run: ``DAG/run`` that touched them, last or before.
    :param since: aware; touched from then on.
    :param until: aware, exclusive; touched before it.
    :param newest: numbered so or lower: whatever came later is not meant.
    :param id: ID at Exact, or its first eight characters or more, or id at Personio.
    :param email: keyed hash of an address, see `RecordList.email_digest`.
    :param names: keyed hashes of all words of a name, see `RecordList.name_digests`.
    :param dags: whoever asks may know of these DAGs only; None: of all.
    """

    states: tuple[str, ...] = ()
    reason_code: str = ""
    dag_id: str = ""
    division: int | None = None
    entity: str = ""
    destination: str = ""
    run: str = ""
    since: datetime | None = None
    until: datetime | None = None
    newest: int | None = None
    id: str = ""
    email: str = ""
    names: tuple[str, ...] = ()
    dags: Collection[str] | None = None

    def candidates(self) -> list[Candidates]:
        """Return what has an index of its own, the narrowest first; empty if nothing is given that has one."""
        found: list[Candidates] = []
        number = deliveries.c.id
        if self.id:
            meant = ids_meant(self.id)
            each = union(*(select(number).where(where) for where in meant)).subquery()
            found.append((select(each.c.id), or_(*meant)))
        if self.email:
            same = deliveries.c.email_hash == self.email
            found.append((select(number).where(same), same))
        found += [_with(names, names.c.digest == digest) for digest in self.names]
        if self.run:
            found.append(_with(events, events.c.run_id == self.run))
        return found

    def conditions(self, *, found: bool = False) -> list[ColumnElement[bool]]:
        """Return the rest as conditions on a delivery.

        :param found: it is searched for by something else, as it always is where there are candidates.
        """
        c = deliveries.c
        looked_at = found or bool(self.candidates())
        state, dag_id = (unsearched(c.state), unsearched(c.dag_id)) if looked_at else (c.state, c.dag_id)
        where: list[ColumnElement[bool]] = []
        if self.states:
            where.append(state.in_(self.states))
        for name in ("reason_code", "division", "entity", "destination"):
            value = getattr(self, name)
            if value not in {"", None}:
                where.append(c[name] == value)
        if self.dag_id:
            where.append(dag_id.in_(_lanes([self.dag_id])))
        if self.dags is not None:
            where.append(dag_id.in_(_lanes(self.dags)))
        if self.since is not None:
            where.append(c.updated_at >= self.since)
        if self.until is not None:
            where.append(c.updated_at < self.until)
        if self.newest is not None:
            where.append(c.id <= self.newest)
        return where

    def all_conditions(self) -> list[ColumnElement[bool]]:
        """Return all that is given as conditions on a delivery, for whoever acts on what fits."""
        found = self.candidates()
        first = [deliveries.c.id.in_(search) for search, _ in found[:1]]
        return [*first, *(condition for _, condition in found[1:]), *self.conditions()]

    def takes(self, dag_id: str, division: int, entity: str, destination: str, state: str) -> bool:
        """Say whether deliveries of a lane in a state may fit.

        :param dag_id: of the lane.
        """
        own = dag_id.removesuffix(HISTORY)
        return (
            (not self.states or state in self.states)
            and (not self.dag_id or own == self.dag_id)
            and (self.dags is None or own in self.dags)
            and self.division in {None, division}
            and self.entity in {"", entity}
            and self.destination in {"", destination}
        )


def unsearched(column: ColumnElement[str]) -> ColumnElement[str]:
    """Return a column to be compared in what is found already.

    SQLite keeps no statistics here: of two indexes it would take the one that begins with a DAG or a state, and walk
    through all there is of these, instead of the one that leads to a single record.
    """
    return column.concat("")


def _with(table: Table, where: ColumnElement[bool]) -> Candidates:
    """Return the search along an index that ends with the number of a delivery, and its condition on a delivery."""
    there = select(literal(1)).where(where, table.c.delivery_id == deliveries.c.id).exists()
    return select(table.c.delivery_id).where(where).distinct(), there


def _lanes(dags: Collection[str]) -> list[str]:
    return [lane for dag in dags for lane in (dag, f"{dag}{HISTORY}")]

"""Which divisions a connection names, where that can be changed, and the change itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from airflow.models.connection import Connection
from airflow.utils.session import create_session
from sqlalchemy import inspect, select, update

from exact_console.guard import may_read_dag
from include.connection_fields import exact_divisions, filled
from include.records import HISTORY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from include.ledger import Ledger

Act = Literal["on", "off", "first"]
ACTS: Final[tuple[Act, ...]] = ("on", "off", "first")


@dataclass(frozen=True, slots=True)
class Moved:
    """One stream of a division, as the ledger knows it.

    :param committed_at: when its watermark moved last; None: never.
    :param waiting: records that wait to be sent.
    """

    dag_id: str
    entity: str
    committed_at: datetime | None
    waiting: int


@dataclass(frozen=True, slots=True)
class Switch:
    """One division of a connection.

    :param state: ``first`` (the schedule moves it), ``on``, ``off``, or ``closed``: named, and not open to the login.
    :param name: of the company; empty where Exact was not asked.
    """

    division: int
    state: Literal["first", "on", "off", "closed"]
    name: str = ""


def switches(
    named: tuple[int, ...], known: Iterable[int], usable: Mapping[int, str] | None, others: Iterable[int] = ()
) -> list[Switch]:
    """Return the divisions of a connection, those that it names first.

    :param named: by the connection, in its order.
    :param known: to the ledger.
    :param usable: number -> name of those that the login may use; None: Exact was not asked.
    :param others: divisions that other connections name.
    """
    names = usable or {}
    found = [
        Switch(
            number,
            "closed" if usable is not None and number not in usable else "on" if place else "first",
            names.get(number, ""),
        )
        for place, number in enumerate(named)
    ]
    off = sorted({*names, *(set(known) - set(others))} - set(named))
    return [*found, *(Switch(number, "off", names.get(number, "")) for number in off)]


def after(named: tuple[int, ...], act: Act, division: int) -> tuple[int, ...]:
    """Return the divisions that a connection names after an act.

    :param named: before it.
    """
    rest = tuple(number for number in named if number != division)
    if act == "off":
        return rest
    return (division, *rest) if act == "first" else (*rest, division) if division not in named else named


def streams_of(ledger: Ledger, user: BaseUser, division: int | None = None) -> dict[int, list[Moved]]:
    """Return the streams that the ledger knows, by division, of DAGs that the user may read.

    :param division: only of this one.
    """
    committed = {
        (one.division, one.dag_id, one.entity): one.at
        for one in ledger.vitals.committed()
        if not one.dag_id.endswith(HISTORY)
    }
    waiting: dict[tuple[int, str, str], int] = {}
    for one in ledger.vitals.pending():
        key = (one.division, one.dag_id.removesuffix(HISTORY), one.entity)
        waiting[key] = waiting.get(key, 0) + one.count
    readable = {dag_id for dag_id in {key[1] for key in {*committed, *waiting}} if may_read_dag(user, dag_id)}
    found: dict[int, list[Moved]] = {}
    for number, dag_id, entity in sorted({*committed, *waiting}):
        if dag_id in readable and division in {None, number}:
            key = (number, dag_id, entity)
            moved = Moved(dag_id, entity, committed.get(key), waiting.get(key, 0))
            found.setdefault(number, []).append(moved)
    return found


def write_divisions(conn_id: str, before: tuple[int, ...], named: tuple[int, ...]) -> bool:
    """Name other divisions in a connection of Airflow's database; everything else of it stays.

    :param before: those that were shown.
    :param named: those that it is to name, the first one the schedule's.
    :returns: False if it names others than those shown by now, or is not kept there.
    """
    table = inspect(Connection).local_table
    kept = table.c
    with create_session() as session:
        found = session.execute(select(Connection, kept.extra).where(Connection.conn_id == conn_id)).one_or_none()
        if found is None:
            return False
        row, stored = found
        # Changed below by a statement of our own, not by the session.
        session.expunge(row)
        # The whole of it, opened: what Airflow's API shows of an extra has its secrets starred out.
        extra = _extra_of(row)
        if extra is None or exact_divisions(filled(extra)) != before:
            return False
        row.set_extra(json.dumps({**extra, "divisions": ", ".join(map(str, named))}))
        # SQLite locks no rows: who has changed it meanwhile is seen by what is stored: no two writes seal alike.
        same = (kept.conn_id == conn_id, kept.extra == stored)
        values = {"extra": row._extra, "is_extra_encrypted": row.is_extra_encrypted}  # noqa: SLF001 - sealed
        done: Any = session.execute(update(table).where(*same).values(values))
        return bool(done.rowcount)


def _extra_of(row: Connection) -> dict[str, Any] | None:
    """Return a connection's extra; None if it is none that can be changed."""
    try:
        # Airflow looks at it as well, and raises the same.
        found = json.loads(row.extra or "{}")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None

"""All that the ledger knows of one record of Exact: its deliveries, its story, the rows that were read of it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from include.ledger.tables import deliveries, events, staged
from include.ledger.tombstones import is_erased
from include.records import HISTORY

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from include.ledger.crypto import Cipher
    from include.ledger.database import Database

_PLAIN = (
    *("id", "dag_id", "destination", "company", "job", "state", "reason_code", "field", "attempt", "status"),
    *("remote_id", "was_in_doubt", "decided_version", "due_at", "decided_at", "updated_at", "run_id"),
)


@dataclass(frozen=True, slots=True)
class WholeDelivery:
    """What becomes of a record at one destination.

    :param dag_id: the DAG that decided it, whichever lane it is.
    :param trace: field at Personio -> the rule that made it; no values.
    :param payload: what was sent, or would be; None: nothing is held, or nobody may see it. Personal data.
    :param result: what the service said; personal data.
    """

    id: int
    dag_id: str
    destination: str
    company: int
    job: int
    state: str
    reason_code: str
    field: str
    attempt: int
    status: int | None
    remote_id: str | None
    was_in_doubt: bool
    decided_version: int
    due_at: datetime | None
    decided_at: datetime
    updated_at: datetime
    run_id: str
    trace: dict[str, str]
    payload: dict[str, Any] | None = dataclasses.field(default=None, repr=False)
    result: dict[str, Any] | None = dataclasses.field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row of Exact, as one DAG has read it.

    :param row: its columns; None: nothing is held, or nobody may see it. Personal data.
    """

    dag_id: str
    row_version: int
    created: datetime | None
    run_id: str
    staged_at: datetime
    row: dict[str, Any] | None = dataclasses.field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a record's story."""

    delivery_id: int
    at: datetime
    run_id: str
    kind: str
    from_state: str | None
    to_state: str
    reason_code: str
    field: str
    attempt: int
    status: int | None


@dataclass(frozen=True, slots=True)
class WholeRecord:
    """One record, of those DAGs that somebody may know of."""

    deliveries: list[WholeDelivery]
    story: list[Moment]
    rows: list[ReadRow] = dataclasses.field(repr=False)

    def dags(self) -> list[str]:
        """Return the DAGs that have read or decided it."""
        return sorted({one.dag_id for one in self.deliveries} | {row.dag_id for row in self.rows})


def whole_record(
    database: Database,
    cipher: Cipher,
    record: tuple[int, str, str],
    *,
    dags: Collection[str] | None = None,
    with_content: bool = False,
) -> WholeRecord:
    """Return what is known of a record.

    :param record: division, entity and id at Exact.
    :param dags: of these alone; None: of all.
    :param with_content: also what was read, sent and answered, decrypted.
    """
    with database.read() as connection:

        def found(table: Any) -> list[Any]:
            c = table.c
            mine = (c.division == record[0], c.entity == record[1], c.source_id == record[2])
            rows: list[Any] = list(connection.execute(select(table).where(*mine).order_by(c.id)))
            return [row for row in rows if dags is None or _dag(row) in dags]

        made, read = found(deliveries), found(staged)
        columns = [events.c[name] for name in Moment.__slots__]
        ids = [row.id for row in made]
        lines = connection.execute(select(*columns).where(events.c.delivery_id.in_(ids)).order_by(events.c.id)).all()

    def opened(sealed: bytes | None) -> Any:
        content = cipher.open(sealed) if with_content and sealed else None
        return None if content is not None and is_erased(content) else content

    return WholeRecord(
        [
            WholeDelivery(
                **{name: getattr(row, name) for name in _PLAIN} | {"dag_id": _dag(row)},
                trace=json.loads(row.trace) if row.trace else {},
                payload=(opened(row.sealed) or {}).get("payload"),
                result=opened(row.result),
            )
            for row in made
        ],
        [Moment(*line) for line in lines],
        [
            ReadRow(_dag(row), row.row_version, row.created, row.run_id, row.staged_at, opened(row.sealed))
            for row in read
        ],
    )


def _dag(row: Any) -> str:
    return str(row.dag_id).removesuffix(HISTORY)

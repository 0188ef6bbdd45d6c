"""Row versions of rows that were read by pages: they show none, so they get one surely not above the true one.

A version that is too low costs a decision more when the feed brings the true one. One that is too high would hide a
change for good.
"""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from include.ledger.forgetting import UNDECIDED, of_feed
from include.ledger.states import NEVER_DECIDED
from include.ledger.tables import deliveries, staged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection
    from sqlalchemy import Row as SqlRow

    from include.ledger.crypto import Cipher
    from include.records import Row, SourceRow, StreamKey

UNKNOWN: Final = 1
"""Of a record that nobody has read before; Exact's own begin above it."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DATE: Final = re.compile(r"/Date\((-?\d{1,16})(?:[+-]\d{4})?\)/")
_HOUR: Final = timedelta(hours=1)


def versioned(
    connection: Connection, cipher: Cipher, stream: StreamKey, rows: Sequence[SourceRow]
) -> tuple[list[SourceRow], bool]:
    """Return the rows with a version by what any lane or DAG knows of each record, and whether decisions were ended.

    :param rows: each record once. Those that are older than what the lane itself has are left out.
    """
    known = _known(connection, stream, [row.source_id for row in rows])
    again = [row.source_id for row in rows if _may_have_changed(cipher, row, known)]
    _decide_again(connection, stream, again)
    found = []
    for row in rows:
        version = _version(cipher, stream, row, known.get(row.source_id, []))
        if version is not None:
            found.append(dataclasses.replace(row, row_version=version))
    return found, bool(again)


def _version(cipher: Cipher, stream: StreamKey, row: SourceRow, known: list[SqlRow[Any]]) -> int | None:
    if not known:
        return UNKNOWN
    newest = known[0]
    version = int(newest.row_version)
    if not newest.sealed:
        # Nobody knows any more how it was. A higher version might hide the next change, see `_decide_again`.
        return version
    kept = _modified(cipher.open(newest.sealed))
    shown = _modified(row.row)
    if kept is None or shown is None or _later(shown, kept):
        return version + 1
    if shown == kept:
        return version
    # Another lane has read a newer state meanwhile: it decides last.
    mine = next((one for one in known if one.dag_id == stream.dag_id), None)
    if mine is None:
        return max(version - 1, 0)
    own = _modified(cipher.open(mine.sealed)) if mine.sealed else None
    return None if own is not None and not _later(shown, own) and shown != own else max(version - 1, 0)


def _may_have_changed(cipher: Cipher, row: SourceRow, known: dict[str, list[SqlRow[Any]]]) -> bool:
    """Say whether a record that retention blanked is not surely what it was: its hash was kept."""
    newest = known[row.source_id][0] if row.source_id in known else None
    if newest is None or newest.sealed:
        return False
    content = {name: value for name, value in row.row.items() if name != "Timestamp"}
    return bool(cipher.digest_of(content) != newest.content_hash)


def _decide_again(connection: Connection, stream: StreamKey, ids: list[str]) -> None:
    """Have records decided again at the version that they have: no decision stands, and none is marked for replay."""
    if not ids:
        return
    meant = (
        *of_feed(deliveries, stream),
        deliveries.c.source_id.in_(ids),
        deliveries.c.decided_version != NEVER_DECIDED,
    )
    # In the order in which decisions lock theirs (PostgreSQL), else two could wait for each other.
    held = select(deliveries.c.id).where(*meant).order_by(deliveries.c.id).with_for_update()
    numbers = list(connection.execute(held).scalars())
    undecided = deliveries.update().where(deliveries.c.id.in_(numbers))
    connection.execute(undecided.values(decided_version=UNDECIDED))


def _later(shown: datetime, kept: datetime) -> bool:
    """Say whether a wall clock shows a later time; in the hour that comes twice, an earlier one may be later."""
    if shown > kept:
        return True
    return kept - shown < _HOUR and shown != kept and _comes_twice(shown) and _comes_twice(kept)


def _comes_twice(wall: datetime) -> bool:
    """Say whether a time may come twice: clocks are set back on a Sunday night, the last of October or the next."""
    sunday = wall.isoweekday() == 7  # noqa: PLR2004 - ISO's Sunday
    return sunday and (10, 25) <= (wall.month, wall.day) <= (11, 7) and wall.hour < 4  # noqa: PLR2004 - o'clock


def _modified(row: Row) -> datetime | None:
    """Return the wall clock of a row's last change; None if it cannot be told."""
    match = _DATE.fullmatch(str(row.get("Modified") or "").strip())
    try:
        return None if match is None else _EPOCH + timedelta(milliseconds=int(match[1]))
    except OverflowError:
        return None


def _known(connection: Connection, stream: StreamKey, ids: list[str]) -> dict[str, list[SqlRow[Any]]]:
    """Return what is staged of each record, newest first; of equal ones those with their content first."""
    columns = (staged.c.source_id, staged.c.dag_id, staged.c.row_version, staged.c.sealed, staged.c.content_hash)
    query = select(*columns).where(
        staged.c.source_id.in_(ids), staged.c.division == stream.division, staged.c.entity == stream.entity
    )
    found: dict[str, list[SqlRow[Any]]] = {}
    for row in connection.execute(query):
        found.setdefault(row.source_id, []).append(row)
    for rows in found.values():
        rows.sort(key=lambda row: (row.row_version, bool(row.sealed)), reverse=True)
    return found

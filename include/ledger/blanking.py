"""Taking content out of the ledger for a person's sake; ids, states and events stay, so nothing is sent twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, select, tuple_

from include.ledger import events
from include.ledger import names as people
from include.ledger.forgetting import FORGOTTEN
from include.ledger.outbox_tables import news_records
from include.ledger.run_outbox import release
from include.ledger.run_tables import previews, run_outbox
from include.ledger.settled import unsettle
from include.ledger.states import DONE, IN_FLIGHT, NEVER_DECIDED, STATE_CHANGE
from include.ledger.tables import deliveries, failures, staged
from include.ledger.tables import events as events_table
from include.ledger.tombstones import ERASED, MARKER, placeholder, without_addresses

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from sqlalchemy import Connection

    from include.ledger.crypto import Cipher
    from include.ledger.database import Database
    from include.ledger.holdings import Piece

SLICE: Final = 500
"""Rows per transaction: other workers wait for at most so many."""

REMOVED: Final = "(removed)"
"""Stands in a failure's text for what was personal."""

ERASED_EVENT: Final = "erased"
READMITTED_EVENT: Final = "readmitted"
NO_CONTENT: Final = ""
_EMPTY: Final = {"sealed": None, "result": None, "email_hash": None, "trace": None, "content_hash": NO_CONTENT}
_NOTHING: Final = b""


@dataclass(frozen=True, slots=True)
class Blanked:
    """What blanking came to.

    :param counts: rows, by kind.
    :param deliveries: number -> state, reason, id at Personio and doubt of each delivery, as they were when it was
        blanked. What was read of it before may be older: a load may have sent it since.
    """

    counts: dict[str, int] = field(default_factory=dict)
    deliveries: dict[int, dict[str, Any]] = field(default_factory=dict, repr=False)

    def __add__(self, other: Blanked) -> Blanked:
        """Return both; what was seen first of a delivery holds, since the second finds it blank."""
        counts = Counter(self.counts)
        counts.update(other.counts)
        return Blanked(dict(counts), {**other.deliveries, **self.deliveries})


def blank(database: Database, cipher: Cipher, name: str, pieces: Iterable[Piece], emails: Collection[str]) -> Blanked:
    """Take the content out of pieces; see `include.ledger.erasures.Erasures.blank`."""
    by_kind: dict[str, list[Piece]] = {}
    for piece in pieces:
        by_kind.setdefault(piece.kind, []).append(piece)
    eraser = _Eraser(database, cipher, name, emails)
    work: dict[str, Callable[[Connection, list[Piece]], int]] = {
        # What could be sent goes first.
        "run_outbox": eraser.run_outbox,
        "delivery": eraser.deliveries,
        "staged": eraser.staged,
        "preview": eraser.previews,
        "failure": eraser.failures,
        "news": eraser.news,
    }
    counts: Counter[str] = Counter(dict.fromkeys(work, 0))
    for kind, do in work.items():
        for slice_ in _slices(by_kind.get(kind, [])):
            with database.write() as connection:
                if database.is_sqlite:
                    connection.exec_driver_sql("PRAGMA secure_delete=ON")
                counts[kind] += do(connection, slice_)
    return Blanked(dict(counts), eraser.seen)


class _Eraser:
    """Blanks rows of each table, in the caller's transaction."""

    def __init__(self, database: Database, cipher: Cipher, name: str, emails: Collection[str]) -> None:
        self._database = database
        self._cipher = cipher
        self._name = name
        self._run = _run(name)
        self.seen: dict[int, dict[str, Any]] = {}
        self._emails = emails

    def run_outbox(self, connection: Connection, pieces: list[Piece]) -> int:
        keys = [piece.key for piece in pieces]
        mine = tuple_(run_outbox.c.run_id, run_outbox.c.delivery_id).in_(keys)
        connection.execute(run_outbox.delete().where(mine))
        return len(pieces)

    def deliveries(self, connection: Connection, pieces: list[Piece]) -> int:
        names = ("id", "state", "attempt", "reason_code", "remote_id", "was_in_doubt", "decided_at")
        read = {piece.key[0]: piece.about["decided_at"] for piece in pieces}
        meant = deliveries.c.id.in_(_ids(pieces))
        query = select(*(deliveries.c[name] for name in names)).where(meant).order_by(deliveries.c.id)
        now, lines = self._database.now(), []
        for row in connection.execute(query.with_for_update()).all():
            if row.decided_at != read[row.id]:
                # Decided anew since it was read, perhaps on somebody else: an account has got another main contact.
                continue
            done = row.state in DONE
            doubt = row.was_in_doubt or row.state in IN_FLIGHT
            told_of = {"state": row.state, "reason_code": row.reason_code, "remote_id": row.remote_id}
            self.seen[row.id] = {**told_of, "was_in_doubt": doubt}
            # What is done keeps its time: reconciliation reads from it when the record arrived.
            values: dict[str, Any] = dict(_EMPTY)
            if not done:
                values |= {"state": "skipped_by_rule", "reason_code": ERASED, "field": "", "due_at": None}
                # If it arrived after all, "already exists" is ours.
                values |= {"updated_at": now, "lease_until": None, "was_in_doubt": doubt, "run_id": self._run}
            connection.execute(deliveries.update().where(deliveries.c.id == row.id).values(values))
            state = row.state if done else "skipped_by_rule"
            changed = state != row.state
            told = {"from_state": row.state, "to_state": state, "attempt": row.attempt, "reason_code": ERASED}
            kind = STATE_CHANGE if changed else ERASED_EVENT
            lines.append(events.line(row.id, run_id=self._run, at=now, kind=kind, **told))
        blank = [line["delivery_id"] for line in lines]
        release(connection, blank)
        people.forget(connection, blank)
        events.write(connection, lines)
        return len(lines)

    def staged(self, connection: Connection, pieces: list[Piece]) -> int:
        query = select(staged.c.id, staged.c.source_id, staged.c.staged_at, staged.c.sealed)
        query = query.where(staged.c.id.in_(_ids(pieces)))
        read, count = {piece.key[0]: piece.about["staged_at"] for piece in pieces}, 0
        for row in connection.execute(query.order_by(staged.c.id).with_for_update()).all():
            if row.staged_at != read[row.id]:
                continue
            held = self._cipher.open(row.sealed) if row.sealed else {}
            content = placeholder(row.source_id, held, held.get(MARKER, self._name))
            values = {"sealed": self._cipher.seal(content), "content_hash": self._cipher.digest_of(content)}
            connection.execute(staged.update().where(staged.c.id == row.id).values(values))
            count += 1
        return count

    def previews(self, connection: Connection, pieces: list[Piece]) -> int:
        keys = [piece.key for piece in pieces]
        sealed = self._cipher.seal({"payload": None, "email": None, "trace": {}})
        told = {"outcome": "skipped_by_rule", "reason_code": ERASED, "field": "", "action": "nothing", "existing": ""}
        mine = tuple_(previews.c.run_id, previews.c.source_id).in_(keys)
        connection.execute(previews.update().where(mine).values(**told, sealed=sealed))
        return len(pieces)

    def failures(self, connection: Connection, pieces: list[Piece]) -> int:
        for piece in pieces:
            texts = {name: without_addresses(text, self._emails, REMOVED) for name, text in piece.content.items()}
            connection.execute(failures.update().where(failures.c.id == piece.key[0]).values(texts))
        return len(pieces)

    def news(self, connection: Connection, pieces: list[Piece]) -> int:
        # The id stays, or the record would be new again; nobody is told of it any more.
        waiting = and_(news_records.c.id.in_(_ids(pieces)), news_records.c.delivered.is_(None))
        told = {"batch": self._run, "delivered": self._database.now()}
        connection.execute(news_records.update().where(waiting).values(told))
        return len(pieces)


def readmit(database: Database, cipher: Cipher, names: Collection[str], *, run_id: str, anew: bool) -> Counter[str]:
    """Have records taken in again that only say that their person was erased; return how many of what.

    What was done of it before is not done again.

    A row is empty until it is read again; the feed brings it when it changes, a window whenever it is asked for.

    :param names: of the erasures.
    :param run_id: who asks, for the story of the records.
    :param anew: what Personio had counts as never sent.
    """
    counts = Counter({"rows": 0, "deliveries": 0})
    records = _blanked_records(database, names)
    for rows in _marked_rows(database, cipher, names, records):
        values = {"sealed": _NOTHING, "content_hash": NO_CONTENT, "row_version": FORGOTTEN}
        with database.write() as connection:
            connection.execute(staged.update().where(staged.c.id.in_([row[0] for row in rows])).values(values))
            unsettle(connection, (row[1][:2] for row in rows))
        records.update(row[1] for row in rows)
        counts["rows"] += len(rows)
    for slice_ in _slices(sorted(records)):
        with database.write() as connection:
            counts["deliveries"] += _decide_again(database, connection, slice_, run_id, anew=anew)
    return counts


def _blanked_records(database: Database, names: Collection[str]) -> set[tuple[int, str, str]]:
    """Return the records whose deliveries were blanked by erasures: their stories say so, whatever became of rows."""
    c = deliveries.c
    mine = events_table.c.run_id.in_([_run(name) for name in names])
    query = (
        select(c.division, c.entity, c.source_id)
        .join_from(events_table, deliveries, c.id == events_table.c.delivery_id)
        .where(mine)
    )
    with database.read() as connection:
        return {(row.division, row.entity, row.source_id) for row in connection.execute(query)}


def _run(name: str) -> str:
    """Return the run under which an erasure writes its events."""
    return f"privacy/{name}"


def _marked_rows(
    database: Database, cipher: Cipher, names: Collection[str], records: Collection[tuple[int, str, str]]
) -> Iterator[list[tuple[int, tuple[int, str, str]]]]:
    """Yield rows that say that their person was erased, and those of records where retention removed even that."""
    names_of = ("id", "division", "entity", "source_id", "row_version", "sealed")
    columns = [staged.c[name] for name in names_of]
    query, after = select(*columns).order_by(staged.c.id).limit(SLICE), 0
    while True:
        with database.read() as connection:
            rows = connection.execute(query.where(staged.c.id > after)).all()
        if not rows:
            return
        after = rows[-1].id
        found = []
        for row in rows:
            record = (row.division, row.entity, row.source_id)
            marked = cipher.open(row.sealed).get(MARKER) in names if row.sealed else record in records
            if marked and row.row_version != FORGOTTEN:
                found.append((row.id, record))
        if found:
            yield found


def _decide_again(
    database: Database, connection: Connection, records: list[tuple[int, str, str]], run_id: str, *, anew: bool
) -> int:
    c = deliveries.c
    meant = and_(
        c.source_id.in_([record[2] for record in records]),
        tuple_(c.division, c.entity, c.source_id).in_(records),
        c.state.in_((*DONE, "skipped_by_rule") if anew else ("skipped_by_rule",)),
        # What was put aside for another reason stays aside.
        (c.reason_code == ERASED) & (c.decided_version != NEVER_DECIDED) | c.state.in_(DONE),
    )
    query = select(c.id, c.state, c.attempt).where(meant).order_by(c.id).with_for_update()
    rows, now = connection.execute(query).all(), database.now()
    again = {"state": "skipped_by_rule", "reason_code": ERASED, "field": "", "decided_version": NEVER_DECIDED}
    update = deliveries.update().where(c.id.in_([row.id for row in rows])).values(**again, updated_at=now)
    connection.execute(update)
    told = {"kind": READMITTED_EVENT, "to_state": "skipped_by_rule", "reason_code": ERASED}
    events.write(connection, events.of_all(rows, run_id=run_id, at=now, **told))
    unsettle(connection, (record[:2] for record in records))
    return len(rows)


def _ids(pieces: list[Piece]) -> list[int]:
    return [int(piece.key[0]) for piece in pieces]


def _slices(rows: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(rows), SLICE):
        yield rows[start : start + SLICE]

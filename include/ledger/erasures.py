"""Erasures: planting tombstones, lifting them, and telling who erased when, without naming anybody."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, case, func, or_, select, text, union

from include.ledger import blanking
from include.ledger.erasure_tables import deletion_logs, erasures
from include.ledger.scrubbing import scrub
from include.ledger.second_looks import ANONYMISED
from include.ledger.states import DONE
from include.ledger.tables import deliveries, events, watermarks
from include.ledger.tombstones import FRESH_SECONDS, Tombstones

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Collection, Iterable
    from datetime import datetime

    from sqlalchemy import Column, ColumnElement

    from include.ledger.blanking import Blanked
    from include.ledger.crypto import Cipher
    from include.ledger.database import Database
    from include.ledger.holdings import Piece

UNDER_WAY: Final = timedelta(hours=6)
"""So long an erasure may take; whatever is older and not ended was interrupted."""

SETTLE_SECONDS: Final = 2 * FRESH_SECONDS + 1
"""After the first tombstone of a ledger: by then every process knows that there are some."""

Record = tuple[int, str, str]
"""Division, entity and id at Exact."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased together, as it is on record.

    :param name: a random name.
    :param why: ``asked``, ``exact.deleted`` or ``exact.anonymised``.
    :param asked_by: who erased: a user of the machine, or a run.
    :param marks: tombstones that were planted.
    :param records: records of Exact among them.
    :param blanked_at: when the content was out of the rows; None: it is under way, or was interrupted.
    :param finished_at: when the old bytes were gone from the database's files; None: not yet.
    :param lifted_at: when the person was admitted again; None: they are kept out.
    """

    name: str
    why: str
    asked_by: str
    at: datetime
    marks: int
    records: int
    blanked_at: datetime | None
    finished_at: datetime | None
    lifted_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeletionLog:
    """How far Exact's log of deletions was read.

    :param value: its row version up to which everything was read.
    :param moved: when the division was last moved, as it was known then.
    """

    value: int
    moved: str
    read_at: datetime


class Erasures:
    """All erasures; the only place where content is taken out of the ledger for a person's sake.

    :param database: the ledger's.
    :param cipher: unlocked.
    """

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher
        self._tombstones = Tombstones(database, cipher)

    def plant(
        self,
        records: Collection[Record],
        emails: Collection[str],
        *,
        why: str,
        asked_by: str,
        name: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> str:
        """Keep a person out from now on; return the erasure's name. What is held is blanked next, by `blank`.

        When this returns, nobody writes the person any more. What stands already is not planted twice.

        :param records: of the person.
        :param emails: of the person, and of nobody else.
        :param name: of an erasure that more was found for; None: a new one.
        """
        new, now = name or secrets.token_hex(16), self._database.now()
        marks = self._marks(records, emails)
        common = {"erasure": new, "why": why, "asked_by": asked_by[:250], "at": now, "records": len(records)}
        with self._database.write() as connection:
            if not self._database.is_sqlite:
                # Waits for whoever asked before and may be about to write the person.
                connection.execute(text("LOCK TABLE ledger_erasures IN ACCESS EXCLUSIVE MODE"))
            oldest = connection.execute(select(func.min(erasures.c.at))).scalar()
            c = erasures.c
            stand = select(c.mark, c.erasure).where(c.mark.in_(list(marks)), c.lifted_at.is_(None))
            known = {row.mark: row.erasure for row in connection.execute(stand)}
            rows = [{**common, "mark": mark, "kind": kind} for mark, kind in marks.items() if mark not in known]
            if rows:
                connection.execute(erasures.insert(), rows)
        self._database.erasures.some = True
        if oldest is None or now - oldest < timedelta(seconds=SETTLE_SECONDS):
            sleep(SETTLE_SECONDS)
        # Asked for again, as after an interruption: what is blanked now is found under the name that stands.
        return min(known.values()) if known and not rows and name is None else new

    def blank(self, name: str, pieces: Iterable[Piece], emails: Collection[str]) -> Blanked:
        """Take the content out of pieces.

        What was to be sent is not sent. What is on its way ends as ``skipped_by_rule``: its payload is gone, so
        nobody can look for it any more, and an answer that comes later is noted as an event.

        :param name: of the erasure.
        :param pieces: all that is held of the person.
        :param emails: removed from texts of failures.
        """
        return blanking.blank(self._database, self._cipher, name, pieces, emails)

    def blanked(self, records: Collection[Record], emails: Collection[str]) -> None:
        """Note that all content of a person is out of the rows, whichever erasures meant them.

        Not by an erasure's name: one that was cut off may mean more than what was blanked now.

        :param records: that were blanked.
        :param emails: that were blanked.
        """
        marks = self._marks(records, emails)
        self._note(erasures.c.blanked_at, erasures.c.mark.in_(list(marks)), erasures.c.lifted_at.is_(None))

    def ended(self, name: str) -> None:
        """Note that an erasure was looked through by its marks, to the last row of the ledger."""
        self._note(erasures.c.blanked_at, erasures.c.erasure == name)

    def finish(self) -> bool:
        """Remove the old bytes from the database's files; return whether all are gone.

        Takes a while, and everybody else waits: the files are written anew. An erasure that was interrupted before
        its content was out of the rows stays unfinished.
        """
        if not scrub(self._database):
            return False
        self._note(erasures.c.finished_at, erasures.c.blanked_at.is_not(None))
        return True

    def _note(self, step: Column[Any], *which: ColumnElement[bool]) -> None:
        """Date a step of those erasures that have not taken it yet."""
        mine = and_(step.is_(None), *which)
        with self._database.write() as connection:
            connection.execute(erasures.update().where(mine).values({step: self._database.now()}))

    def unfinished(self) -> int:
        """Return how many erasures have left old bytes in the database's files, and nothing else."""
        where = and_(erasures.c.finished_at.is_(None), erasures.c.blanked_at.is_not(None))
        query = select(func.count(func.distinct(erasures.c.erasure))).where(where)
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def interrupted(self) -> list[Erasure]:
        """Return the erasures that keep somebody out whose content may still be held: they were not ended."""
        before = self._database.now() - UNDER_WAY
        return [one for one in self.known() if one.blanked_at is None and one.lifted_at is None and one.at < before]

    def marks_of(self, name: str) -> set[str]:
        """Return the marks of what an erasure keeps out; see `include.ledger.tombstones.Tombstones`."""
        query = select(erasures.c.mark).where(erasures.c.erasure == name, erasures.c.lifted_at.is_(None))
        with self._database.read() as connection:
            return set(connection.execute(query).scalars())

    def standing(self, records: Collection[Record], emails: Collection[str]) -> list[str]:
        """Return the names of the erasures that keep any of these out."""
        c = erasures.c
        mine = c.mark.in_(list(self._marks(records, emails)))
        query = select(c.erasure).where(mine, c.lifted_at.is_(None)).distinct()
        with self._database.read() as connection:
            return sorted(connection.execute(query).scalars())

    def _marks(self, records: Collection[Record], emails: Collection[str]) -> dict[str, str]:
        """Return the keyed hash of each, with its kind."""
        marks = {self._tombstones.record_mark(*record): "record" for record in sorted(records)}
        return marks | {self._tombstones.email_mark(email): "email" for email in sorted(emails)}

    def lift(self, names: Collection[str], *, asked_by: str, anew: bool) -> dict[str, int]:
        """Admit again whom these erasures keep out; return how many tombstones, rows and deliveries that meant.

        :param anew: what Personio had counts as never sent: the person was erased there, too.
        """
        admitted = self._readmit(names, asked_by, anew=anew)
        now = self._database.now()
        with self._database.write() as connection:
            update = erasures.update().where(erasures.c.erasure.in_(names), erasures.c.lifted_at.is_(None))
            lifted = connection.execute(update.values(lifted_at=now, lifted_by=asked_by[:250])).rowcount
        # Before and after: whoever dies in between finds the erasure standing and asks again; and what a run stored
        # or decided in between knew of it.
        admitted.update(self._readmit(names, asked_by, anew=anew))
        return {"tombstones": lifted, **admitted}

    def _readmit(self, names: Collection[str], asked_by: str, *, anew: bool) -> Counter[str]:
        return blanking.readmit(self._database, self._cipher, set(names), run_id=asked_by, anew=anew)

    def known(self) -> list[Erasure]:
        """Return all erasures, oldest first."""
        c = erasures.c
        # What was found later is kept out under the same name.
        began = (c.erasure, func.min(c.why), func.min(c.asked_by), func.min(c.at))
        # What was added to an erasure and not blanked leaves it open: `min` would pass over its NULL.
        open_ = func.count() - func.count(c.blanked_at)
        blanked = case((open_ == 0, func.max(c.blanked_at)))
        told = (func.count(), func.max(c.records), blanked, func.min(c.finished_at), func.min(c.lifted_at))
        query = select(*began, *told).group_by(c.erasure).order_by(func.min(c.at), c.erasure)
        with self._database.read() as connection:
            return [Erasure(*row) for row in connection.execute(query)]

    def anonymised(self) -> list[tuple[Record, str]]:
        """Return the records that Exact has anonymised and of which content is held, with the field that said so.

        The field is the record's own, or one of an account's main contact.
        """
        c = deliveries.c
        named = (c.division, c.entity, c.source_id)
        held = or_(*(c[name].is_not(None) for name in ("sealed", "result", "email_hash", "trace")))
        refused = select(*named, c.field).where(c.state == "rejected", c.reason_code == ANONYMISED)
        changed = (
            select(*named, events.c.field)
            .join_from(events, deliveries, c.id == events.c.delivery_id)
            .where(events.c.reason_code == ANONYMISED, c.state.in_(DONE), held)
        )
        with self._database.read() as connection:
            rows = connection.execute(union(refused, changed)).all()
        return sorted(((row[0], row[1], row[2]), str(row[3])) for row in rows)

    def last_move(self, division: int) -> str:
        """Return when a division was last moved, as any lane knows it; empty: never, or nobody knows."""
        c = watermarks.c
        query = select(c.moved).where(c.division == division, c.moved.is_not(None)).order_by(c.committed_at.desc())
        with self._database.read() as connection:
            return str(connection.execute(query.limit(1)).scalar() or "")

    def deletion_log(self, division: int) -> DeletionLog | None:
        """Return how far a division's log of deletions was read; None: never."""
        c = deletion_logs.c
        query = select(c.value, c.moved, c.read_at).where(c.division == division)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else DeletionLog(*row)

    def read_deletions(self, division: int, value: int, moved: str) -> None:
        """Note how far a division's log of deletions was read, once what it told was done."""
        values: dict[str, Any] = {"value": value, "moved": moved, "read_at": self._database.now()}
        insert = self._database.insert(deletion_logs).values(division=division, **values)
        with self._database.write() as connection:
            connection.execute(insert.on_conflict_do_update(index_elements=["division"], set_=values))

"""Tombstones: whoever was erased is not taken in again, by whatever way the record comes.

Asked wherever content is written, as the first query of its transaction. Planting one waits for all transactions
that asked before (PostgreSQL: a lock on the table; SQLite has one writer), so that none writes the person afterwards.
"""

from __future__ import annotations

import dataclasses
import re
import time
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import literal, select

from include.ledger.erasure_tables import erasures
from include.records import Decision

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from include.ledger.crypto import Cipher
    from include.ledger.database import Database
    from include.ledger.previews import Preview
    from include.records import Row, SourceRow, StreamKey

ERASED: Final = "privacy.erased"
"""Why a record is left alone whose person was erased."""

MARKER: Final = "__erased__"
"""Column that stands in for a row's content; Exact's own names begin with a letter. Its value names the erasure."""

FRESH_SECONDS: Final = 2.0
"""How long a process may believe that nobody was ever erased; a ledger's first erasure waits longer."""

_AT_ONCE: Final = 10_000
_SEPARATORS: Final = r"\s<>\",;:()\[\]{}|\\"
_BETWEEN: Final = re.compile(rf"[{_SEPARATORS}]+")
_WORD: Final = re.compile(rf"[^{_SEPARATORS}]+")
_AROUND: Final = ".!?'"
_LONGEST: Final = 320


class Tombstones:
    """What must not come back; costs one query per page or batch, and none as long as nobody was ever erased.

    :param database: the ledger's.
    :param cipher: unlocked.
    """

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher

    def record_mark(self, division: int, entity: str, source_id: str) -> str:
        """Return the keyed hash under which a record of Exact is kept out."""
        return self._cipher.digest(f"erased:record:{division}:{entity}:{source_id.lower()}")

    def email_mark(self, email: str) -> str:
        """Return the keyed hash under which an address is kept out; not the one by which deliveries are found."""
        return self._cipher.digest(f"erased:email:{email.strip().casefold()}")

    def rows(self, connection: Connection, stream: StreamKey, rows: Iterable[SourceRow]) -> dict[str, str]:
        """Return id at Exact -> erasure, of the rows whose content must not be stored.

        :param connection: a transaction that has locked no row yet.
        """
        if not self._any(connection):
            return {}
        return self._standing(connection, {row.source_id: list(self._of_row(stream, row)) for row in rows})

    def decisions(
        self, connection: Connection, stream: StreamKey, decisions: Mapping[str, Decision]
    ) -> dict[str, Decision]:
        """Return decisions by id at Exact; what they would do with a person that was erased is to leave them alone.

        :param connection: a transaction that has locked no row yet.
        """
        found = self._found(connection, stream, decisions.values())
        return {source: kept_out(made) if source in found else made for source, made in decisions.items()}

    def previews(self, connection: Connection, stream: StreamKey, rows: Sequence[Preview]) -> list[Preview]:
        """Return lines of a preview, without what they would show of a person that was erased.

        :param connection: a transaction that has locked no row yet.
        """
        found = self._found(connection, stream, rows)
        return [_blank(row) if row.source_id in found else row for row in rows]

    def kept_out(self, stream: StreamKey, decisions: Sequence[Decision]) -> list[Decision]:
        """Return decisions as `decisions` does, in a transaction of their own."""
        with self._database.read() as connection:
            made = self.decisions(connection, stream, {one.source_id: one for one in decisions})
        return [made[one.source_id] for one in decisions]

    def _found(
        self, connection: Connection, stream: StreamKey, records: Iterable[Decision | Preview]
    ) -> dict[str, str]:
        if not self._any(connection):
            return {}
        return self._standing(connection, {one.source_id: self._of_decision(stream, one) for one in records})

    def _of_row(self, stream: StreamKey, row: SourceRow) -> Iterator[str]:
        yield self.record_mark(stream.division, stream.entity, row.source_id)
        if main := main_contact_of(row.row):
            yield self.record_mark(stream.division, "Contacts", main)
        yield from map(self.email_mark, addresses_in(row.row))

    def _of_decision(self, stream: StreamKey, made: Decision | Preview) -> list[str]:
        marks = [self.record_mark(stream.division, stream.entity, made.source_id)]
        return [*marks, self.email_mark(made.email)] if made.email else marks

    def _any(self, connection: Connection) -> bool:
        """Say whether anybody was ever erased; that nobody was is believed for `FRESH_SECONDS`."""
        known = self._database.erasures
        if not known.some and time.monotonic() - known.asked_at >= FRESH_SECONDS:
            known.some = connection.execute(select(literal(1)).select_from(erasures).limit(1)).first() is not None
            known.asked_at = time.monotonic()
        return known.some

    def _standing(self, connection: Connection, marks: Mapping[str, list[str]]) -> dict[str, str]:
        asked = list(dict.fromkeys(mark for of_one in marks.values() for mark in of_one))
        query = select(erasures.c.mark, erasures.c.erasure).where(erasures.c.lifted_at.is_(None))
        found: dict[str, str] = {}
        for start in range(0, len(asked), _AT_ONCE):
            some = erasures.c.mark.in_(asked[start : start + _AT_ONCE])
            found.update((mark, erasure) for mark, erasure in connection.execute(query.where(some)))
        hits = ((source, [found[mark] for mark in of_one if mark in found]) for source, of_one in marks.items())
        return {source: named[0] for source, named in hits if named}


def addresses_in(content: Any) -> set[str]:
    """Return the e-mail addresses in a JSON value, in whatever field and text; folded, to be compared."""
    if isinstance(content, dict):
        return {address for value in content.values() for address in addresses_in(value)}
    if isinstance(content, list):
        return {address for value in content for address in addresses_in(value)}
    if not isinstance(content, str) or "@" not in content:
        return set()
    # Split, not searched: a search takes for ever on a text of megabytes.
    # An apostrophe may be part of an address.
    words = (word.strip(_AROUND).casefold() for word in _BETWEEN.split(content))
    return {word for word in words if "@" in word[1:-1] and len(word) <= _LONGEST}


def without_addresses(text: str, emails: Collection[str], instead: str) -> str:
    """Return a text in which addresses are replaced, as `addresses_in` finds them.

    :param emails: folded.
    """

    def one(found: re.Match[str]) -> str:
        return instead if found.group().strip(_AROUND).casefold() in emails else found.group()

    return _WORD.sub(one, text)


def main_contact_of(row: Row) -> str:
    """Return the id of an account's main contact; empty if the row names none."""
    return str(row.get("MainContact") or "").lower()


def placeholder(source_id: str, row: Row, erasure: str) -> Row:
    """Return what is stored instead of a row's content: who it is of, and when Exact last changed it."""
    kept = {"Modified": row["Modified"]} if isinstance(row.get("Modified"), str) else {}
    return {"ID": source_id, **kept, MARKER: erasure}


def without_content(rows: Iterable[SourceRow], erased: Mapping[str, str]) -> list[SourceRow]:
    """Return rows, those of persons that were erased without their content."""
    return [
        dataclasses.replace(row, row=placeholder(row.source_id, row.row, erased[row.source_id]))
        if row.source_id in erased
        else row
        for row in rows
    ]


def is_erased(row: Row) -> bool:
    """Say whether a stored row only says that its person was erased."""
    return MARKER in row


def left_alone(source_id: str, row_version: int) -> Decision:
    """Return the decision on a record whose person was erased."""
    return Decision(source_id, row_version, "skipped_by_rule", ERASED)


def kept_out(decision: Decision) -> Decision:
    """Return the decision that takes the place of one about a person who was erased."""
    return left_alone(decision.source_id, decision.row_version)


def _blank(row: Preview) -> Preview:
    told = {"outcome": "skipped_by_rule", "reason_code": ERASED, "field": "", "action": "nothing", "existing": ""}
    return dataclasses.replace(row, **told, payload=None, email=None, trace={})

"""Ending erasures that were interrupted: their marks tell whom they meant, though they name nobody."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from include.ledger.tombstones import addresses_in, main_contact_of
from include.privacy.erasing import ASKED, carry_out, erase_records
from include.privacy.files import rows_of_exports, texts_in
from include.privacy.following import tell_left
from include.privacy.person import GUID, gathered, record_of
from include.privacy.telling import erased_lines
from include.records import ENTITIES

if TYPE_CHECKING:
    from pathlib import Path

    from include.ledger import Ledger
    from include.ledger.erasures import Erasure, Record

log = logging.getLogger(__name__)


def resume(ledger: Ledger, *, exports: Path | None = None) -> int:
    """End the erasures that were interrupted before all content was out; return how many there were.

    The whole ledger is read for each of them; usually there is none, which one query tells.

    :param exports: the folder of exports; None: the usual one.
    """
    found = ledger.erasures.interrupted()
    for one in found:
        log.warning("Erasure %s of %s was interrupted; it is ended now.", one.name, f"{one.at:%Y-%m-%d %H:%M} UTC")
        meant = _Meant(ledger, one)
        meant.look(exports)
        if one.why == ASKED:
            who = gathered(ledger, meant.records, meant.emails)
            done = carry_out(ledger, one.name, who, asked_by=one.asked_by, exports=exports)
            log.warning("%s", "\n".join(erased_lines(done)))
        else:
            for _, _, left in erase_records(ledger, meant.records, asked_by=one.asked_by, why=one.why):
                tell_left(left)
        # Of what else it meant nothing is held: nobody has found it.
        ledger.erasures.ended(one.name)
    return len(found)


class _Meant:
    """The records and addresses that an erasure keeps out, as far as anything is held of them.

    :param erasure: that was interrupted.
    """

    def __init__(self, ledger: Ledger, erasure: Erasure) -> None:
        self._ledger = ledger
        self._marks = ledger.erasures.marks_of(erasure.name)
        self.records: set[Record] = set()
        self.emails: set[str] = set()

    def look(self, exports: Path | None) -> None:
        """Read the ledger and the exports once."""
        for piece in self._ledger.holdings.pieces():
            if (of := record_of(piece)) is not None:
                self._record(of)
                if piece.kind == "staged" and piece.content and (main := main_contact_of(piece.content)):
                    # A main contact may have no row of its own.
                    self._record((of[0], "Contacts", main))
            self._addresses(addresses_in(piece.content))
        divisions = self._ledger.holdings.divisions()
        for row in rows_of_exports(exports):
            self._addresses(addresses_in(row))
            for guid in filter(GUID.fullmatch, texts_in(row)):
                for division in divisions:
                    for entity in ENTITIES:
                        self._record((division, entity, guid))

    def _record(self, record: Record) -> None:
        if self._ledger.tombstones.record_mark(*record) in self._marks:
            self.records.add(record)

    def _addresses(self, found: set[str]) -> None:
        self.emails |= {one for one in found if self._ledger.tombstones.email_mark(one) in self._marks}

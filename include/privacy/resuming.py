"""Ending erasures that were interrupted: their marks tell whom they meant, though they name nobody."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from include.ledger.tombstones import addresses_in
from include.privacy.erasing import ASKED, carry_out, erase_records
from include.privacy.person import gathered, record_of

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
        records, emails = _meant(ledger, one)
        log.warning("Erasure %s of %s was interrupted; it is ended now.", one.name, f"{one.at:%Y-%m-%d %H:%M} UTC")
        if one.why == ASKED:
            who = gathered(ledger, records, emails)
            carry_out(ledger, one.name, who, asked_by=one.asked_by, exports=exports)
        else:
            list(erase_records(ledger, records, asked_by=one.asked_by, why=one.why))
            ledger.erasures.blanked([one.name])
    return len(found)


def _meant(ledger: Ledger, erasure: Erasure) -> tuple[set[Record], set[str]]:
    """Return the records and addresses that an erasure keeps out, as far as anything is held of them."""
    marks = ledger.erasures.marks_of(erasure.name)
    records: set[Record] = set()
    emails: set[str] = set()
    for piece in ledger.holdings.pieces():
        of = record_of(piece)
        if of is not None and ledger.tombstones.record_mark(*of) in marks:
            records.add(of)
        emails |= {one for one in addresses_in(piece.content) if ledger.tombstones.email_mark(one) in marks}
    return records, emails

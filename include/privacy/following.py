"""Following up what Exact deleted or anonymised, where the company has chosen so.

Only the record itself is kept out from then on, not its address: nobody asked to be left alone, and who was deleted
as a double may still be there as another contact.

.. seealso:: https://start.exactonline.nl/docs/HlpRestAPIResourcesDetails.aspx?name=SyncDeleted
"""

from __future__ import annotations

import logging
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from include.clients.exact import BEFORE_EVERYTHING, DELETED_AS
from include.clients.exact_paging import row_version
from include.ledger.tombstones import main_contact_of
from include.privacy.erasing import erase_records

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from include.clients.exact import ExactClient
    from include.ledger import Ledger
    from include.ledger.erasures import DeletionLog, Record
    from include.privacy.erasing import Elsewhere

log = logging.getLogger(__name__)

ERASE: Final = "erase"
DELETED: Final = "exact.deleted"
ANONYMISED: Final = "exact.anonymised"

_DELETED: Final[dict[int, str]] = {number: entity for entity, number in DELETED_AS.items()}

LOG_KEPT: Final = timedelta(days=60)
"""Exact deletes its log after two months."""


def follow_deletions(ledger: Ledger, client: ExactClient, *, asked_by: str) -> dict[str, int]:
    """Erase what a division has deleted since the last time; return counts.

    One call for each thousand deletions of any kind since then; at least one. How far the log was read is noted only
    when what it told is done.

    :param client: of the division.
    :param asked_by: the run, for the record.
    :return: ``deleted``: accounts and contacts in the log, ``erased``: those that were held, ``at_personio``: what
        was made of them there.
    """
    division = client.config.division
    known, moved = ledger.erasures.deletion_log(division), ledger.erasures.last_move(division)
    after = _start(known, moved, division)
    gone, highest = _gone(client, division, after)
    counts = _erase(ledger, _held(ledger, gone), why=DELETED, asked_by=asked_by)
    ledger.erasures.read_deletions(division, highest, moved)
    return {"deleted": len(gone), **counts}


def follow_anonymised(ledger: Ledger, *, asked_by: str) -> dict[str, int]:
    """Erase what the ledger still holds of records that Exact has anonymised; return counts, without a call.

    :return: ``erased`` and ``at_personio``, as of `follow_deletions`.
    """
    told = ledger.erasures.anonymised()
    records = {record for record, field in told if not field.startswith("contact.")}
    accounts = {record for record, field in told if field.startswith("contact.")}
    if accounts:
        for piece in ledger.holdings.staged():
            of_account = (piece.division or 0, piece.entity, piece.source_id) in accounts
            if of_account and piece.content and (main := main_contact_of(piece.content)):
                records.add((piece.division or 0, "Contacts", main))
    return _erase(ledger, records, why=ANONYMISED, asked_by=asked_by)


def _start(known: DeletionLog | None, moved: str, division: int) -> int:
    if known is None or known.moved != moved:
        # The log has row versions of the same kind as the feeds: a move makes them anew.
        return BEFORE_EVERYTHING
    if datetime.now(UTC) - known.read_at > LOG_KEPT:
        log.warning(
            "Division %s: the log of deletions was last read on %s, and Exact keeps it for two months. What was "
            "deleted in between is not known: compare the contacts at Exact with those that are held "
            "(exact-personio privacy find ID).",
            division,
            f"{known.read_at:%Y-%m-%d}",
        )
    return known.value


def _gone(client: ExactClient, division: int, after: int) -> tuple[set[Record], int]:
    gone, highest = set(), after
    for page in client.deleted_pages(after=after):
        for row in page.rows:
            highest = max(highest, row_version(row))
            entity = _DELETED.get(int(row.get("EntityType") or 0))
            if entity is not None and row.get("EntityKey"):
                gone.add((division, entity, str(row["EntityKey"]).lower()))
    return gone, highest


def _held(ledger: Ledger, gone: set[Record]) -> set[Record]:
    """Return those of which something is held, as a record or as an account's main contact."""
    held = {record for record in gone if record in ledger.holdings.records_of(record[2])}
    if any(record[1] == "Contacts" for record in gone):
        for piece in ledger.holdings.staged():
            if piece.entity == "Accounts" and piece.content and (main := main_contact_of(piece.content)):
                held |= {(piece.division or 0, "Contacts", main)} & gone
    return held


def _erase(ledger: Ledger, records: Collection[Record], *, why: str, asked_by: str) -> dict[str, int]:
    counts = Counter({"erased": 0, "at_personio": 0})
    for record, name, left in erase_records(ledger, records, asked_by=asked_by, why=why):
        counts["erased"] += 1
        log.warning("%s %s of division %s: %s; erased here (%s).", record[1], record[2], record[0], why, name)
        counts["at_personio"] += tell_left(left)
    return dict(counts)


def tell_left(left: Iterable[Elsewhere]) -> int:
    """Log what Personio has of somebody who was erased here; return how much that is."""
    there = [one for one in left if one.service == "Personio"]
    for one in there:
        sure = "holds" if one.certain else "may hold"
        log.warning("Personio %s it: %s, id %s. Erase it there.", sure, one.what, one.id or "not known")
    return len(there)

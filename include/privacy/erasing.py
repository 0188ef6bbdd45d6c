"""Erasing one person: kept out first, then blanked everywhere, then the old bytes removed, and what is left to do."""

from __future__ import annotations

import dataclasses
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from include.ledger.blanking import Blanked
from include.ledger.states import DONE, IN_FLIGHT
from include.ledger.tombstones import main_contact_of
from include.privacy.files import in_exports
from include.privacy.person import Person, gathered, merged, record_of
from include.records import LOOK_UPS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from include.ledger import Ledger
    from include.ledger.erasures import Record
    from include.ledger.holdings import Piece
    from include.privacy.files import ExportFile

ASKED: Final = "asked"
"""Why somebody was erased: a person asked for it."""
_ROUNDS: Final = 10
_AT_ONCE: Final = 1000
"""Records whose content is held in memory together."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What another service holds, or may hold, of the person: erasing it there is the company's own act.

    :param service: ``Personio`` or ``Exact``.
    :param what: in a few words.
    :param id: there; empty: nobody knows it.
    :param certain: False: nobody can tell whether it arrived.
    """

    service: str
    what: str
    id: str
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure came to; nothing in it names the person.

    :param erasure: its name on record.
    :param blanked: how many rows of the ledger, by kind.
    :param stopped: deliveries that were waiting to be sent, and are not.
    :param under_way: deliveries that were being sent or in doubt.
    :param exports: files with rows of the person.
    :param elsewhere: what is left for the company to do.
    :param shared: ids of contacts that share an address with the person; they were left as they are.
    :param finished: whether the old bytes are gone from the database's files.
    """

    erasure: str
    blanked: dict[str, int]
    stopped: int
    under_way: int
    exports: tuple[ExportFile, ...]
    elsewhere: tuple[Elsewhere, ...]
    shared: tuple[str, ...]
    finished: bool

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        files = [{"path": file.path, "rows": file.count, "problem": file.problem} for file in self.exports]
        return {**asdict(self), "exports": files}


def erase(
    ledger: Ledger,
    who: Person,
    *,
    asked_by: str,
    exports: Path | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Erased:
    """Erase a person from the ledger and the exports, and keep them from being taken in again.

    May be repeated: whoever was interrupted calls again, or leaves it to the next housekeeping.

    :param who: as `include.privacy.person.person` found them.
    :param asked_by: who erases, for the record.
    :param exports: the folder of exports; None: the usual one.
    """
    name = ledger.erasures.plant(who.records, who.emails, why=ASKED, asked_by=asked_by, sleep=sleep)
    return carry_out(ledger, name, who, asked_by=asked_by, exports=exports)


def carry_out(ledger: Ledger, name: str, who: Person, *, asked_by: str, exports: Path | None = None) -> Erased:
    """Take out all that is held of a person who is kept out already.

    :param name: of the erasure.
    :param who: as they were found.
    :param asked_by: who erases, for the record.
    :param exports: the folder of exports; None: the usual one.
    """
    # At once: reading the whole ledger takes minutes where it is large, and until then a load could still send it.
    blanked = blank(ledger, name, who.pieces, who)
    for _ in range(_ROUNDS):
        # Once more: what was written between the search and the tombstones, or decided anew since it was read.
        again = gathered(ledger, who.records, who.emails)
        known = {(piece.kind, piece.key) for piece in who.pieces}
        more = [one for one in again.pieces if (one.kind, one.key) not in known or one.content is not None]
        anew = not (again.records <= who.records and again.emails <= who.emails)
        who = merged(who, again)
        if anew:
            ledger.erasures.plant(who.records, who.emails, why=ASKED, asked_by=asked_by, name=name)
        if not more and not anew:
            break
        blanked += blank(ledger, name, more, who)
    # Before it counts as ended: whoever is cut off here is known by the rows of the exports.
    files = tuple(in_exports(who.ids, who.emails, remove=True, folder=exports))
    ledger.erasures.blanked(who.records, who.emails)
    who = _as_blanked(who, blanked)
    return Erased(
        erasure=name,
        blanked=blanked.counts,
        stopped=_count(who.pieces, ("ready", "retry")),
        under_way=_count(who.pieces, IN_FLIGHT),
        exports=files,
        elsewhere=tuple(elsewhere(who)),
        shared=tuple(sorted({one for ids in who.shared.values() for one in ids})),
        finished=ledger.erasures.finish(),
    )


def erase_records(
    ledger: Ledger, records: Iterable[Record], *, asked_by: str, why: str
) -> Iterator[tuple[Record, str, list[Elsewhere]]]:
    """Erase records of Exact, and what was made of them as main contacts; addresses are not kept out.

    The ledger is read twice for a thousand of them. The old bytes are left to
    `include.ledger.erasures.Erasures.finish`.

    :return: each record with its erasure's name, and what other services hold of it.
    """
    meant = sorted(set(records))
    for start in range(0, len(meant), _AT_ONCE):
        names = {
            record: ledger.erasures.plant([record], (), why=why, asked_by=asked_by)
            for record in meant[start : start + _AT_ONCE]
        }
        for record, left in _taken_out(ledger, names):
            yield record, names[record], left


def _taken_out(ledger: Ledger, names: Mapping[Record, str]) -> Iterator[tuple[Record, list[Elsewhere]]]:
    """Blank all that is held of records; then return what other services hold of each.

    :param names: of their erasures.
    """
    found: dict[Record, Person] = {}
    blanked = Blanked()
    for _ in range(_ROUNDS):
        left = False
        for record, who in _each(gathered(ledger, names, (), by_address=False), names).items():
            known = found.get(record)
            more = [piece for piece in who.pieces if known is None or piece.content is not None]
            left = left or any(piece.content is not None for piece in more)
            blanked += blank(ledger, names[record], more, who)
            found[record] = who if known is None else merged(known, who)
        if not left:
            break
    ledger.erasures.blanked(names, ())
    for record, who in found.items():
        yield record, elsewhere(_as_blanked(who, blanked))


def blank(ledger: Ledger, name: str, pieces: Iterable[Piece], who: Person) -> Blanked:
    """Blank what has content, or could still be sent."""
    meant = [piece for piece in pieces if piece.content is not None or piece.kind in {"delivery", "news"}]
    return ledger.erasures.blank(name, meant, who.emails)


def _each(who: Person, records: Collection[Record]) -> dict[Record, Person]:
    """Return each of some records by itself, with the accounts whose main contact it is and what is held of both.

    An account may be in several hands: its rows in two lanes may name different main contacts.
    """
    owners: dict[Record, set[Record]] = defaultdict(set, {record: {record} for record in records})
    accounts: dict[Record, set[Record]] = defaultdict(set)
    for piece in who.pieces:
        account = record_of(piece)
        if piece.kind == "staged" and piece.content and account in who.accounts:
            main = (account[0], "Contacts", main_contact_of(piece.content))
            if main in owners:
                owners[account].add(main)
                accounts[main].add(account)
    # Previews and news know the id alone.
    by_id: dict[str, set[Record]] = defaultdict(set)
    for of, mine in owners.items():
        by_id[of[2]] |= mine
    pieces: dict[Record, list[Piece]] = {record: [] for record in records}
    for piece in who.pieces:
        known = record_of(piece)
        for owner in owners.get(known, ()) if known is not None else by_id.get(piece.source_id, ()):
            pieces[owner].append(piece)
    return {
        record: Person(frozenset([record]), frozenset(accounts[record]), frozenset(), pieces=tuple(pieces[record]))
        for record in records
    }


def _as_blanked(who: Person, blanked: Blanked) -> Person:
    """Return a person, each delivery as it stood when it was blanked: it may have been sent after it was read.

    One that was not blanked had been decided anew on somebody else.
    """
    return dataclasses.replace(
        who,
        pieces=tuple(
            dataclasses.replace(piece, about={**piece.about, **blanked.deliveries.get(piece.key[0], {})})
            if piece.kind == "delivery"
            else piece
            for piece in who.pieces
            if piece.kind != "delivery" or piece.key[0] in blanked.deliveries
        ),
    )


def elsewhere(who: Person) -> list[Elsewhere]:
    """Return what the two services hold, or may hold, of a person."""
    found = [Elsewhere("Exact", f"{record[1]} in division {record[0]}", record[2]) for record in sorted(who.records)]
    found += [
        Elsewhere("Exact", f"main contact of the account in division {record[0]}", record[2])
        for record in sorted(who.accounts)
    ]
    for piece in who.pieces:
        about = piece.about
        if piece.kind != "delivery" or about["destination"] in LOOK_UPS:
            continue
        certain = about["state"] in DONE
        if not certain and not about["was_in_doubt"]:
            continue
        position = f" for position {about['job']}" if about["job"] else ""
        of = f"of {piece.entity} {piece.source_id}"
        told = f"{about['destination']}{position}, company {about['company']}, {of}"
        found.append(Elsewhere("Personio", told, about["remote_id"] or "", certain=certain))
    return found


def _count(pieces: Iterable[Piece], states: tuple[str, ...]) -> int:
    return sum(piece.kind == "delivery" and piece.about["state"] in states for piece in pieces)

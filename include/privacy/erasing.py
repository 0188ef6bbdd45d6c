"""Erasing one person: kept out first, then blanked everywhere, then the old bytes removed, and what is left to do."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from include.ledger.states import DONE, IN_FLIGHT
from include.privacy.files import in_exports
from include.privacy.person import gathered, merged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from include.ledger import Ledger
    from include.ledger.erasures import Record
    from include.ledger.holdings import Piece
    from include.privacy.files import ExportFile
    from include.privacy.person import Person

ASKED: Final = "asked"
"""Why somebody was erased: a person asked for it."""
MATCHING: Final = "employee_match"


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
    why: str = ASKED,
    exports: Path | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Erased:
    """Erase a person from the ledger and the exports, and keep them from being taken in again.

    May be repeated: whoever was interrupted calls again.

    :param who: as `include.privacy.person.person` found them.
    :param asked_by: who erases, for the record.
    :param exports: the folder of exports; None: the usual one.
    """
    name = ledger.erasures.plant(who.records, who.emails, why=why, asked_by=asked_by, sleep=sleep)
    # Once more: what was written while it was being planted, and nothing comes after that.
    who = merged(who, gathered(ledger, who.records, who.emails))
    before = list(who.pieces)
    blanked = blank(ledger, name, before, who)
    return Erased(
        erasure=name,
        blanked=blanked,
        stopped=_count(before, ("ready", "retry")),
        under_way=_count(before, IN_FLIGHT),
        exports=tuple(in_exports(who.ids, who.emails, remove=True, folder=exports)),
        elsewhere=tuple(elsewhere(who)),
        shared=tuple(sorted({one for ids in who.shared.values() for one in ids})),
        finished=ledger.erasures.finish(),
    )


def erase_records(ledger: Ledger, records: Iterable[Record], *, asked_by: str, why: str) -> tuple[Person, str]:
    """Erase records of Exact, and what was made of them as main contacts; addresses are not kept out.

    The old bytes are left to `include.ledger.erasures.Erasures.finish`, once for many.

    :return: what was held, and the erasure's name.
    """
    records = frozenset(records)
    name = ledger.erasures.plant(records, (), why=why, asked_by=asked_by)
    who = gathered(ledger, records, (), by_address=False)
    blank(ledger, name, who.pieces, who)
    return who, name


def blank(ledger: Ledger, name: str, pieces: Iterable[Piece], who: Person) -> dict[str, int]:
    """Blank what has content, or could still be sent; return how much, by kind."""
    meant = [piece for piece in pieces if piece.content is not None or piece.kind in {"delivery", "news"}]
    return ledger.erasures.blank(name, meant, who.emails)


def elsewhere(who: Person) -> list[Elsewhere]:
    """Return what the two services hold, or may hold, of a person."""
    found = [Elsewhere("Exact", f"{record[1]} in division {record[0]}", record[2]) for record in sorted(who.records)]
    found += [
        Elsewhere("Exact", f"main contact of the account in division {record[0]}", record[2])
        for record in sorted(who.accounts)
    ]
    for piece in who.pieces:
        about = piece.about
        if piece.kind != "delivery" or about["destination"] == MATCHING:
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

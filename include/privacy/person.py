"""Who is meant: from an address or an id to all records and addresses of one person, and to all that is held of them.

A person may be several records: a contact in two divisions, an account whose main contact they are, read by several
DAGs. What ties them together is encrypted, so the ledger is read as a whole, until nothing new is found.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from include.errors import ConfigurationError
from include.ledger.tombstones import addresses_in, main_contact_of
from include.records import ENTITIES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from include.ledger import Ledger
    from include.ledger.erasures import Record
    from include.ledger.holdings import Piece

GUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_ROUNDS: Final = 10
_OWN_ADDRESSES: Final = ("Email", "BusinessEmail")


@dataclass(frozen=True, slots=True)
class Person:
    """One person, as far as the ledger knows.

    :param records: division, entity and id of the person's records at Exact.
    :param accounts: accounts whose main contact the person is.
    :param emails: addresses that are the person's and nobody else's; folded.
    :param shared: addresses that other contacts have too, with these contacts' ids: not taken as the person's.
    :param pieces: what is held.
    """

    records: frozenset[Record]
    accounts: frozenset[Record]
    emails: frozenset[str] = field(repr=False)
    shared: Mapping[str, tuple[str, ...]] = field(repr=False, default_factory=dict)
    pieces: tuple[Piece, ...] = field(repr=False, default=())

    @property
    def ids(self) -> frozenset[str]:
        """The ids of the person's records at Exact."""
        return frozenset(record[2] for record in self.records)


def person(ledger: Ledger, text: str, *, division: int | None = None) -> Person:
    """Return who a text means, and all that is held of them.

    :param text: an e-mail address, an ID of Exact, or an id of Personio.
    :param division: where a record is that the ledger does not know; None: in any that the ledger knows.
    :raises ConfigurationError: it is none of the three, or an id of Personio that the ledger does not know, or that
        means different people in different places.
    """
    text = text.strip().casefold()
    guid = text.strip("{}")
    if "@" in text[1:-1]:
        return gathered(ledger, (), [text])
    if GUID.fullmatch(guid):
        known = ledger.holdings.records_of(guid)
        return gathered(ledger, known or _anywhere(ledger, guid, division), ())
    places = ledger.holdings.records_at_personio(text) if text else {}
    if not places:
        raise ConfigurationError(
            "This is no e-mail address, no ID of Exact, and no id of Personio that the ledger knows.",
            reason_code="privacy.person.unknown",
            way_out="Give the address, or the whole ID as Exact shows it.",
        )
    if len(places) > 1:
        raise _ambiguous(places)
    return gathered(ledger, next(iter(places.values())), ())


def _ambiguous(places: Mapping[tuple[str, int], list[Record]]) -> ConfigurationError:
    told = [
        f"{destination} of company {company}: {', '.join(record[2] for record in records)}"
        for (destination, company), records in sorted(places.items())
    ]
    return ConfigurationError(
        f"This id means different things at Personio. {'; '.join(told)}.",
        reason_code="privacy.person.ambiguous",
        way_out="Give Exact's ID of the one that is meant.",
    )


def _anywhere(ledger: Ledger, guid: str, division: int | None) -> list[Record]:
    divisions = [division] if division is not None else ledger.holdings.divisions()
    if not divisions:
        raise ConfigurationError(
            "The ledger knows no such record, and no division that it could be in.",
            reason_code="privacy.division.unknown",
            way_out="Name it with --division.",
        )
    return [(number, entity, guid) for number in divisions for entity in ENTITIES]


def gathered(
    ledger: Ledger, records: Iterable[Record], emails: Collection[str], *, by_address: bool = True
) -> Person:
    """Return a person with all that is held of them.

    :param records: of the person.
    :param emails: that are surely meant, whoever has them.
    :param by_address: whether other records are the person's too because they have the same address.
    """
    search = _Search(ledger, set(records), {email.casefold() for email in emails}, by_address=by_address)
    for _ in range(_ROUNDS):
        before = search.state()
        search.look()
        if search.state() == before:
            break
    return search.found()


class _Search:
    """Reads all that is held, again and again, until a round finds nothing new."""

    def __init__(self, ledger: Ledger, records: set[Record], named: set[str], *, by_address: bool) -> None:
        self._ledger = ledger
        self._records = records
        self._named = named
        self._accounts: set[Record] = set()
        # When it was last decided what is sent for these accounts, by deliveries that hold an address of the person.
        self._decided: dict[Record, datetime] = {}
        self._emails = set(named)
        # Addresses of the person that others may have as well: contacts that hold them.
        self._candidates: dict[str, set[Record]] = {}
        self._by_address = by_address
        self._pieces: list[Piece] = []

    def state(self) -> tuple[int, ...]:
        """Return what grows as long as something new is found."""
        return len(self._records), len(self._accounts), len(self._emails), len(self._candidates)

    def found(self) -> Person:
        """Return what was found so far."""
        shared = {
            email: tuple(sorted({record[2] for record in others}))
            for email, holders in self._candidates.items()
            if email not in self._emails and (others := holders - self._records)
        }
        return Person(
            *(frozenset(self._records), frozenset(self._accounts), frozenset(self._emails)),
            *(shared, tuple(self._pieces)),
        )

    def look(self) -> None:
        """Read everything once."""
        self._pieces = []
        holders: dict[str, set[Record]] = defaultdict(set)
        hashes = {self._ledger.holdings.email_hash(email) for email in self._emails}
        ids = {record[2] for record in self._records | self._accounts}
        for piece in self._ledger.holdings.pieces():
            addresses = addresses_in(piece.content) if self._by_address else set()
            record = record_of(piece)
            if piece.entity == "Contacts" and record:
                for address in addresses & self._candidates.keys():
                    holders[address].add(record)
            by_hash = isinstance(piece.content, dict) and piece.content.get("email_hash") in hashes
            by_address = bool(addresses & self._emails) or by_hash
            if self._is_meant(piece, record, ids) or by_address:
                self._pieces.append(piece)
                self._learn(piece, record, by_address=by_address, by_hash=by_hash)
        for address in self._candidates:
            self._candidates[address] |= holders[address]
        self._emails |= {address for address, held in self._candidates.items() if held <= self._records}

    def _is_meant(self, piece: Piece, record: Record | None, ids: set[str]) -> bool:
        if record is None:
            return piece.kind in {"preview", "news"} and piece.source_id in ids
        if record in self._records or record in self._accounts:
            return True
        return self._main_contact(piece) in self._records

    def _is_applicant_still(self, piece: Piece, record: Record) -> bool:
        """Say whether the main contact that an account names now is the person.

        It is for an account that was named itself. One that is known by the address that was sent for it may have
        got another main contact since: then its row was stored again after that was decided.
        """
        decided = self._decided.get(record)
        return record in self._records or (decided is not None and piece.about["staged_at"] <= decided)

    def _main_contact(self, piece: Piece) -> Record | None:
        if piece.kind != "staged" or piece.entity != "Accounts" or not piece.content:
            return None
        main = main_contact_of(piece.content)
        return (int(piece.division or 0), "Contacts", main) if main else None

    def _learn(self, piece: Piece, record: Record | None, *, by_address: bool, by_hash: bool) -> None:
        """Take from a row what leads on to others of the person."""
        main = self._main_contact(piece)
        if record is not None:
            if main in self._records or (piece.entity == "Accounts" and by_address and _is_applicant(piece)):
                self._accounts.add(record)
                if piece.kind == "delivery":
                    self._decided[record] = piece.about["decided_at"]
            if main is not None and self._by_address and self._is_applicant_still(piece, record):
                # An organisation does not apply, its main contact does.
                self._records.add(main)
            if piece.entity == "Contacts" and (by_hash or _own_addresses(piece) & self._emails):
                # Not whoever merely mentions the address: an assistant, a partner.
                self._records.add(record)
        if self._by_address and record is not None:
            for address in _own_addresses(piece):
                self._candidates.setdefault(address, set())


def record_of(piece: Piece) -> Record | None:
    """Return the record at Exact that a row is of; None: the row names no division."""
    if piece.division is None:
        return None
    return piece.division, piece.entity, piece.source_id


def _is_applicant(piece: Piece) -> bool:
    """Say whether the addresses in a row are the applicant's, not the organisation's."""
    return piece.kind in {"delivery", "run_outbox"}


def _own_addresses(piece: Piece) -> set[str]:
    """Return the addresses in a row that are the person's own."""
    if not isinstance(piece.content, dict):
        return set()
    if piece.kind == "delivery":
        sent = piece.content.get("sent") or {}
        return addresses_in(sent.get("email"))
    if piece.kind == "run_outbox":
        return addresses_in(piece.content.get("email"))
    if piece.entity != "Contacts":
        return set()
    return addresses_in({name: piece.content.get(name) for name in _OWN_ADDRESSES})


def merged(one: Person, other: Person) -> Person:
    """Return a person as two searches have found them; of a row that both found, what the first has read."""
    pieces = {(piece.kind, piece.key): piece for piece in (*other.pieces, *one.pieces)}
    return Person(
        *(one.records | other.records, one.accounts | other.accounts, one.emails | other.emails),
        *({**one.shared, **other.shared}, tuple(pieces.values())),
    )

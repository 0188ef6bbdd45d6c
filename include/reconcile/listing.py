"""One pass over what Personio lists: which delivery each row is, which rows are more than one, which are nobody's."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

from include.clients.personio_answers import email_of_candidate, id_of, moment
from include.ledger.remote_matches import CONFIRMED
from include.ledger.states import PENDING
from include.reconcile.bits import Bits
from include.sync.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from include.ledger import Ledger
    from include.ledger.remote_matches import Match
    from include.records import Destination, Row

PAGE: Final = 200
MOST_KEPT: Final = 10_000
"""Rows of one kind that are kept to be named; the rest is only counted."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A row of Personio's, as far as it is compared.

    :param id: at Personio.
    :param job: position; 0 for employees.
    :param channel: through which it came; empty: Personio does not say.
    :param created_at: aware; None: Personio does not say.
    :param anonymised: the person was removed at Personio; the id stays.
    """

    id: str
    job: int
    email: str = field(repr=False)
    channel: str = ""
    created_at: datetime | None = None
    anonymised: bool = False

    def came_through(self, channel: str) -> bool:
        """Say whether it came through a channel; none is named by an empty one."""
        return bool(channel) and self.channel == channel


@dataclass(frozen=True, slots=True)
class Surplus:
    """A row that is another one for a delivery that is there already."""

    delivery_id: int
    source_id: str
    state: str
    target: str
    held: str
    id: str


@dataclass(slots=True)
class Seen:
    """What one pass came to.

    :param found: numbers of deliveries whose row was seen.
    :param surplus: rows beside the one that a delivery is known by.
    :param strangers: rows of our positions that no delivery explains.
    """

    listed: int = 0
    found: Bits = field(default_factory=Bits)
    surplus: list[Surplus] = field(default_factory=list)
    strangers: list[Shown] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


class Listing:
    """Compares Personio's list with the deliveries of one company and destination.

    :param ledger: the open ledger.
    :param company: Personio's number of it, as deliveries have it.
    :param destination: ``application`` or ``employee``.
    :param jobs: positions that were ever sent for, as far as the ledger knows.
    :param channel: recruiting channel of our own; what came through it is ours, whatever its position. Empty: none.
    """

    def __init__(
        self, ledger: Ledger, company: int, destination: Destination, jobs: frozenset[int], *, channel: str = ""
    ) -> None:
        self._ledger = ledger
        self._company = company
        self._destination = destination
        self._jobs = jobs
        self._channel = channel
        self._erased = bool(ledger.erasures.known())

    def read(self, rows: Iterable[Shown]) -> Seen:
        """Go through the list once; note at each delivery under which id it is there.

        :param rows: all of them, each once; only a page of them is held.
        """
        seen, by_id = Seen(), Bits()
        progress = Progress(f"{self._destination}s of Personio compared")
        source = iter(rows)
        while page := tuple(islice(source, PAGE)):
            self._page(page, seen, by_id)
            progress.add(len(page))
        self._settle(seen, by_id)
        return seen

    def _page(self, page: tuple[Shown, ...], seen: Seen, by_id: Bits) -> None:
        marks = {row.id: self._ledger.remote.mark(row.email) for row in page if row.email}
        ids = [row.id for row in page]
        known = self._ledger.remote.of_page(self._company, self._destination, ids, sorted(set(marks.values())))
        with_id, with_mark = _by(known)
        noted: dict[int, str] = {}
        for row in page:
            seen.listed += 1
            mine = {match.delivery_id: match for match in with_id.get(row.id, ())}
            mine |= {
                match.delivery_id: match
                for match in with_mark.get(marks.get(row.id, ""), ())
                if match.target.job == row.job
            }
            self._row(row, list(mine.values()), seen, by_id, noted)
        self._ledger.remote.note(noted)

    def _row(self, row: Shown, mine: list[Match], seen: Seen, by_id: Bits, noted: dict[int, str]) -> None:
        confirmed = [match for match in mine if match.state in CONFIRMED]
        for match in confirmed:
            held = noted.get(match.delivery_id, match.remote_id)
            seen.found.add(match.delivery_id)
            if held in {None, row.id}:
                by_id.add(match.delivery_id)
                if held is None:
                    noted[match.delivery_id] = row.id
            elif len(seen.surplus) < MOST_KEPT:
                names = (match.delivery_id, match.source_id, match.state, str(match.target))
                seen.surplus.append(Surplus(*names, str(held), row.id))
        if not confirmed and (row.job in self._jobs or row.came_through(self._channel)):
            self._unconfirmed(row, mine, seen)

    def _unconfirmed(self, row: Shown, mine: list[Match], seen: Seen) -> None:
        if any(match.state in PENDING for match in mine):
            # Its outcome is not known yet: the load finds it out.
            seen.counts["pending"] += 1
        elif row.anonymised:
            seen.counts["anonymised"] += 1
        elif self._erased and row.email and self._ledger.erasures.standing([], [row.email]):
            seen.counts["erased"] += 1
        elif len(seen.strangers) < MOST_KEPT:
            # The address has done its work.
            seen.strangers.append(dataclasses.replace(row, email=""))
        else:
            seen.counts["strangers_unnamed"] += 1

    def _settle(self, seen: Seen, by_id: Bits) -> None:
        """Take for a double only what is beside the known row; where that one is gone, the other has replaced it."""
        replaced = {one.delivery_id: one.id for one in seen.surplus if one.delivery_id not in by_id}
        self._ledger.remote.note(replaced)
        seen.counts["replaced"] = len(replaced)
        left = [one for one in seen.surplus if replaced.get(one.delivery_id) != one.id]
        # Records of one address share its row: the one that made it speaks for all.
        named: dict[str, Surplus] = {}
        for one in sorted(left, key=lambda each: each.state != "created"):
            held = replaced.get(one.delivery_id, one.held)
            named.setdefault(one.id, dataclasses.replace(one, held=held))
        seen.surplus = list(named.values())


def applications(rows: Iterable[Row]) -> Iterator[Shown]:
    """Yield applications of API v2 as they are compared."""
    for row in rows:
        job = row.get("job")
        position = id_of(job.get("id")) if isinstance(job, dict) else ""
        channel = row.get("channel")
        email = email_of_candidate(row)
        yield Shown(
            str(row["id"]),
            int(position) if position.isdecimal() else 0,
            email if isinstance(email, str) else "",
            id_of(channel.get("id")) if isinstance(channel, dict) else "",
            moment(row.get("created_at")),
            anonymised=row.get("is_anonymized") is True,
        )


def employees(rows: Iterable[Row]) -> Iterator[Shown]:
    """Yield employees of API v1 as they are compared; without the right to read addresses, by their ids alone."""
    for row in rows:
        email = row.get("email")
        yield Shown(str(row["id"]), 0, email if isinstance(email, str) else "")


def _by(known: list[Match]) -> tuple[dict[str, list[Match]], dict[str, list[Match]]]:
    with_id: dict[str, list[Match]] = defaultdict(list)
    with_mark: dict[str, list[Match]] = defaultdict(list)
    for match in known:
        if match.remote_id:
            with_id[match.remote_id].append(match)
        if match.mark:
            with_mark[match.mark].append(match)
    return with_id, with_mark

"""Personio's side: what was created is there, once; what is there by us is in the ledger. One list for all."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from include.errors import AbortError, ConfigurationError, PermissionDeniedError
from include.ledger.reconciliations import MOST_SUBJECTS
from include.ledger.remote_matches import CONFIRMED
from include.reconcile.findings import DOUBLE, MISSING, STRANGER, UNKNOWN, Finding, Part, at_personio, still_open
from include.reconcile.listing import Listing, applications, employees

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from include.clients.personio import PersonioClient
    from include.ledger import Ledger
    from include.ledger.remote_matches import Unseen
    from include.reconcile.findings import Level
    from include.reconcile.listing import Seen, Shown
    from include.reconcile.streams import Stream
    from include.records import Destination

log = logging.getLogger(__name__)

LAG: Final = timedelta(minutes=15)
"""What was created so shortly before the list was read may not be in it yet."""

LOOKED_UP: Final = 20
"""So many that the list did not show are asked for one by one: a list that changes may leave one out."""

_PART: Final = {"application": "applications", "employee": "employees"}


@dataclass(frozen=True, slots=True)
class Channel:
    """How it is told what is at Personio by us.

    :param id: recruiting channel that nobody else applies through; empty: nothing tells it.
    """

    id: str = ""


class PersonioSide:
    """Compares one company and destination with its streams.

    :param ledger: the open ledger.
    :param company: as deliveries have it; 0 where the connection names none.
    :param destination: ``application`` or ``employee``.
    :param streams: all of them, each with the part of the report that it has.
    :param channel: of our own.
    """

    def __init__(
        self,
        ledger: Ledger,
        company: int,
        destination: Destination,
        streams: Sequence[tuple[Stream, Part]],
        channel: Channel,
    ) -> None:
        self._ledger = ledger
        self._company = company
        self._destination = destination
        self._streams = streams
        self._channel = channel
        self.part = Part(
            "personio",
            f"personio/{destination}/{company}",
            {"destination": destination, "company": company or None},
        )

    def prove(self, client: PersonioClient | None) -> Part:
        """Read the list and compare; what cannot be read is said plainly, in all parts that it concerns.

        :param client: of the company; None: no connection leads to it.
        :raises RetryLaterError: a limit or an outage; nothing is concluded from half a list.
        """
        began = self._ledger.balances.now()
        try:
            if client is None:
                raise ConfigurationError(
                    f"No connection leads to company {self._company} at Personio.",
                    reason_code="personio.company_id.other",
                    way_out="Name its connection with --personio-conn-id, or in the DAG's form.",
                )
            jobs = frozenset(stream.target.job for stream, _ in self._streams)
            listing = Listing(self._ledger, self._company, self._destination, jobs, channel=self._channel.id)
            seen = listing.read(self._rows(client))
        except AbortError as error:
            self._unproven(error)
            return self.part
        for stream, part in self._streams:
            try:
                self._stream(client, stream, part, seen, before=began - LAG)
            except AbortError as error:
                _nothing_proven(part, error)
        self._rest(seen)
        return self.part

    def _rows(self, client: PersonioClient) -> Iterable[Shown]:
        if self._destination == "employee":
            return employees(client.list_employees(attributes=("id", "email")))
        if not client.config.client_id:
            raise PermissionDeniedError(
                "Without client id and secret nothing can be read at Personio.",
                reason_code="personio.client_id.missing",
                way_out="Make an API credential with personio:recruiting:read under Settings > Integrations > "
                "API credentials, and enter both in the connection.",
            )
        return applications(client.list_applications())

    def _unproven(self, error: AbortError) -> None:
        said = sum(stream.states.get(state, 0) for stream, _ in self._streams for state in CONFIRMED)
        self.part.counts = {"listed": None, "said_to_be_there": said}
        what = f"Whether {said} {_PART[self._destination]} are at Personio, once each, is not proven: {error.what}"
        self.part.cannot(what, error)
        for _, part in self._streams:
            _nothing_proven(part, error)

    def _stream(self, client: PersonioClient, stream: Stream, part: Part, seen: Seen, *, before: datetime) -> None:
        missing = at_personio(self._destination, MISSING)
        accepted = self._ledger.reconciliations.accepted(missing, part.name)
        counts = dict.fromkeys(("proven", "missing", "too_recent", "blanked", "accepted"), 0)
        gone: list[Unseen] = []
        looked = 0
        for ids in self._ledger.remote.confirmed(stream.target, stream.owners):
            unseen = [number for number in ids if number not in seen.found]
            counts["proven"] += len(ids) - len(unseen)
            for one in self._ledger.remote.unseen(unseen):
                if one.blanked:
                    counts["blanked"] += 1
                elif one.updated_at >= before:
                    counts["too_recent"] += 1
                elif _is_accepted(one, accepted):
                    counts["accepted"] += 1
                else:
                    looked += 1
                    if looked <= LOOKED_UP and self._is_there(client, stream, one):
                        counts["proven"] += 1
                        continue
                    counts["missing"] += 1
                    gone.append(one)
                    del gone[MOST_SUBJECTS:]
        part.counts["at_personio"] = counts
        part.checked += [missing, at_personio(self._destination, DOUBLE)]
        if gone:
            part.findings.append(self._missing(counts["missing"], gone))
        self._doubles(stream, part, seen)

    def _is_there(self, client: PersonioClient, stream: Stream, one: Unseen) -> bool:
        email = self._ledger.remote.address(one.delivery_id)
        return bool(email) and self._finds(client, stream, one, str(email))

    def _finds(self, client: PersonioClient, stream: Stream, one: Unseen, email: str) -> bool:
        if self._destination == "employee":
            found = client.find_employee(email)
            if found is not None:
                self._ledger.remote.note({one.delivery_id: str(found["id"])})
            return found is not None
        for row in applications(client.find_applications(email)):
            if row.job == stream.target.job:
                self._ledger.remote.note({one.delivery_id: row.id})
                return True
        return False

    def _missing(self, count: int, gone: list[Unseen]) -> Finding:
        known = [one for one in gone if one.remote_id]
        what = f"{count} {_PART[self._destination]} are said to be at Personio and are not there"
        what += f", {len(known)} of the first {len(gone)} were seen there before." if known else "."
        first = gone[0].source_id
        return Finding(
            at_personio(self._destination, MISSING),
            "difference",
            count,
            tuple(one.source_id for one in gone),
            what,
            f"See how it was sent: exact-personio trace {first}. If it was deleted there on purpose: "
            f"exact-personio reconcile --accept {first}. If it must be there: "
            f"exact-personio reconcile --send-again {first}",
            tuple(f"was {self._destination} {one.remote_id}" if one.remote_id else "never seen" for one in gone),
        )

    def _doubles(self, stream: Stream, part: Part, seen: Seen) -> None:
        kind = at_personio(self._destination, DOUBLE)
        name = str(stream.target)
        mine = sorted((one for one in seen.surplus if one.target == name), key=lambda one: (one.source_id, one.id))
        accepted = self._ledger.reconciliations.accepted(kind, part.name)
        _, _, taken = still_open(len(mine), [one.source_id for one in mine], accepted)
        part.counts["at_personio"] |= {"doubles": len(mine) - taken}
        left = [one for one in mine if one.source_id not in accepted][:MOST_SUBJECTS]
        if not left:
            return
        first = left[0]
        part.findings.append(
            Finding(
                kind,
                "difference",
                len(mine) - taken,
                tuple(one.source_id for one in left),
                f"{len(mine) - taken} times the same person is at Personio twice"
                + (" for one job." if stream.target.job else "."),
                f"Delete one of them at Personio ({self._destination} {first.held} or {first.id}): exact-personio "
                f"trace {first.source_id}. If both are right: exact-personio reconcile --accept {first.source_id}",
                tuple(f"{self._destination}s {one.held} and {one.id}" for one in left),
            )
        )

    def _rest(self, seen: Seen) -> None:
        """Name what the list has and the ledger does not explain."""
        named = [row for row in seen.strangers if row.job or self._destination == "application"]
        ours = [row for row in named if row.came_through(self._channel.id)]
        old = {job: self._ledger.remote.blanked_until(self._company, self._destination, job) for job in _jobs(ours)}
        # Older than the last record whose address retention removed: it may be one of those.
        unknown = [row for row in ours if not _may_be_blanked(row, old[row.job])]
        self.part.counts = {"listed": seen.listed, **seen.counts, "strangers": len(seen.strangers)}
        if self._destination == "employee":
            return
        if self._channel.id:
            kind = at_personio(self._destination, UNKNOWN)
            self.part.checked.append(kind)
            accepted = self._ledger.reconciliations.accepted(kind, self.part.name)
            count, ids, taken = still_open(len(unknown), [row.id for row in unknown], accepted)
            self.part.counts |= {"by_us": len(ours), "accepted": taken}
            if count:
                self.part.findings.append(self._unknown(count, ids))
        strangers = tuple(row.id for row in named if row not in unknown)
        if strangers:
            self.part.findings.append(self._strangers(strangers))

    def _unknown(self, count: int, ids: tuple[str, ...]) -> Finding:
        return Finding(
            at_personio(self._destination, UNKNOWN),
            "difference",
            count,
            ids,
            f"{count} applications came through our channel {self._channel.id}, and the ledger does not know them.",
            f"Look at application {ids[0]} at Personio. Its record is decided again by the next live run if it was "
            f"read; a ledger that lost it is best restored from its backup. If it is right: exact-personio reconcile "
            f"--accept {ids[0]}",
        )

    def _strangers(self, ids: tuple[str, ...]) -> Finding:
        level: Level = "information"
        return Finding(
            at_personio(self._destination, STRANGER),
            level,
            len(ids),
            ids[:MOST_SUBJECTS],
            f"{len(ids)} applications for our positions are strangers to the ledger: people who applied by "
            "themselves, or whom somebody else brought.",
            "Nothing, if that is so. To tell ours with certainty, send recruiting_channel_id (docs/mapping.md) and "
            "name it: exact-personio reconcile --channel ID",
        )


def _jobs(rows: Sequence[Shown]) -> set[int]:
    return {row.job for row in rows}


def _nothing_proven(part: Part, error: AbortError) -> None:
    part.cannot(f"Nothing is proven of what Personio has: {error.what}", error)


def _is_accepted(one: Unseen, accepted: Mapping[str, datetime]) -> bool:
    """Say whether a loss was accepted, and this one is it: what was delivered since was lost since."""
    at = accepted.get(one.source_id)
    return at is not None and one.updated_at <= at


def _may_be_blanked(row: Shown, until: datetime | None) -> bool:
    return until is not None and (row.created_at is None or row.created_at <= until + LAG)

"""Claims: who sends a delivery now, and what came of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from include.ledger import events
from include.ledger.leases import (
    doubtful,
    expire,
    looked_after,
    other_positions,
    outbox,
    selected,
    sendable,
    sent_to,
)
from include.ledger.run_outbox import ready_in, release
from include.ledger.same_address import alone_with, settled_as
from include.ledger.states import DONE, LATE_OUTCOME, READ_BACK, STATE_CHANGE, UNANSWERED, WAITING
from include.ledger.tables import deliveries
from include.ledger.taking import Claim, Taking, take

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from sqlalchemy import Connection, Select
    from sqlalchemy import Row as SqlRow

    from include.ledger.crypto import Cipher
    from include.ledger.database import Database
    from include.ledger.same_address import Concluded
    from include.ledger.states import SettledState
    from include.records import Destination, StreamKey

__all__ = ["LEASE_SECONDS", "Claim", "ClaimDesk"]

LEASE_SECONDS = 300.0


def _own(
    company: int | None, destination: Destination, job: int | None, stream: StreamKey | None, run_key: str | None
) -> Select[Any]:
    """Return the query for what a run settles: its own outbox, where it has one, or what its lane looks after."""
    if run_key is not None:
        return selected(company, destination, job, run_key)
    if stream is not None:
        return looked_after(company, destination, job, stream)
    return outbox(company, destination, job, stream)


class ClaimDesk:
    """Hands out deliveries, one to one worker, and takes back their outcomes."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher

    def now(self) -> datetime:
        """Return the ledger's time, by which deliveries are due and leases end."""
        return self._database.now()

    def claim(
        self,
        company: int | None,
        destination: Destination,
        job: int | None,
        *,
        run_id: str,
        stream: StreamKey | None = None,
        selected_for: str | None = None,
        lease_seconds: float = LEASE_SECONDS,
        now: datetime | None = None,
    ) -> Claim | None:
        """Take the next delivery to send: what met a limit and is due, the oldest ready one, any other retry.

        It is ``sending``, with attempt and lease, and committed before this returns. A record that was sent for
        another position meanwhile, or may have been, is put aside instead; what waits for other positions is put
        aside when this one is taken.

        :param stream: only what this lane owns.
        :param selected_for: only what is in this run's outbox, whichever lane owns it; ``stream`` then says nothing.
        """
        now = now or self._database.now()
        taking = Taking(run_id, now, now + timedelta(seconds=lease_seconds), STATE_CHANGE, selected_for)
        if selected_for is not None:
            mine, meant = selected(company, destination, job, selected_for), sent_to(company, destination, job)
            return self._claim(
                lambda connection: sendable(mine, now, ready_in(connection, selected_for, meant)),
                *(mine, taking),
            )
        own = outbox(company, destination, job, stream)
        under_way = own if stream is None else looked_after(company, destination, job, stream)
        return self._claim(lambda _: sendable(own, now), under_way, taking)

    def claim_in_doubt(
        self,
        company: int | None,
        destination: Destination,
        job: int | None,
        *,
        run_id: str,
        stream: StreamKey | None = None,
        selected_for: str | None = None,
        lease_seconds: float = LEASE_SECONDS,
        now: datetime | None = None,
    ) -> Claim | None:
        """Take the next delivery whose outcome nobody knows, to read it back or to send it again.

        :param stream: only what this lane owns; a live lane also takes what the feed's history lanes left in doubt.
        :param selected_for: only what is in this run's outbox, whichever lane owns it; ``stream`` then says nothing.
        """
        now = now or self._database.now()
        outgoing = _own(company, destination, job, stream, selected_for)
        taking = Taking(run_id, now, now + timedelta(seconds=lease_seconds), STATE_CHANGE, selected_for)
        return self._claim(lambda _: doubtful(outgoing, now), outgoing, taking)

    def claim_left_behind(
        self,
        company: int,
        destination: Destination,
        job: int,
        *,
        run_id: str,
        stream: StreamKey,
        lease_seconds: float = LEASE_SECONDS,
    ) -> Claim | None:
        """Take the next delivery in doubt of another position than ``job``, to read it back, never to send it."""
        now = self._database.now()
        others = other_positions(company, destination, job, stream)
        taking = Taking(run_id, now, now + timedelta(seconds=lease_seconds), READ_BACK)
        return self._claim(lambda _: doubtful(others, now), others, taking)

    def due_at_once(
        self,
        company: int | None,
        destination: Destination,
        job: int | None,
        *,
        run_id: str,
        stream: StreamKey,
        reason_code: str,
        selected_for: str | None = None,
    ) -> None:
        """Let what a run has left waiting for a reason be taken now.

        :param run_id: only what this run had last.
        :param selected_for: as in `claim_in_doubt`.
        """
        now = self._database.now()
        waits = (
            _own(company, destination, job, stream, selected_for)
            .with_only_columns(deliveries.c.id)
            .where(
                deliveries.c.state.in_(("retry", "in_doubt")),
                *(deliveries.c.run_id == run_id, deliveries.c.reason_code == reason_code, deliveries.c.due_at > now),
            )
        )
        with self._database.read() as connection:
            ids = connection.execute(waits).scalars().all()
        if ids:
            with self._database.write() as connection:
                # Whoever took one of them meanwhile has it: only a time that is still to come is moved.
                still = deliveries.c.id.in_(ids), deliveries.c.due_at > now
                connection.execute(deliveries.update().where(*still).values(due_at=now))

    def settle(
        self,
        claim: Claim,
        state: SettledState,
        *,
        reason_code: str = "",
        field: str = "",
        status: int | None = None,
        remote_id: str | None = None,
        due_at: datetime | None = None,
        result: Mapping[str, Any] | None = None,
        unclear: bool = False,
        concluded: Concluded | None = None,
    ) -> bool:
        """Record what came of a claim; return False if somebody has claimed the delivery since.

        A lease that ran out does not silence its holder: as long as nobody took over, the late answer
        is the best there is. After that it is kept as an event, nothing more.

        :param result: what the service said of the record, as JSON values; kept encrypted.
        :param unclear: whether the service was asked and gave no clear answer; such attempts are counted.
        :param concluded: ``created`` was not told but concluded: that it is so of no other record of the address.
        """
        now = self._database.now()
        mine = select(deliveries.c.state, deliveries.c.attempt, deliveries.c.was_in_doubt).where(
            deliveries.c.id == claim.delivery_id
        )
        with self._database.write() as connection:
            if concluded is not None:
                alone_with(connection, self._cipher, claim)
                if other := settled_as(connection, self._cipher, claim, concluded):
                    state, reason_code, due_at = other
            row = connection.execute(mine.with_for_update()).one()
            holds = row.attempt == claim.attempt and row.state in ("sending", "in_doubt")
            line = events.line(
                claim.delivery_id,
                run_id=claim.run_id,
                at=now,
                from_state=row.state,
                to_state=state,
                reason_code=reason_code,
                field=field,
                attempt=claim.attempt,
                status=status,
                kind=UNANSWERED if unclear else STATE_CHANGE,
            )
            if not holds:
                events.write(connection, [line | {"kind": LATE_OUTCOME}])
                return False
            values = {
                "state": state,
                "reason_code": reason_code,
                "field": field,
                "status": status,
                "remote_id": remote_id,
                "result": None if result is None else self._cipher.seal(dict(result)),
                "due_at": now if state == "retry" and due_at is None else due_at,
                "lease_until": None,
                "was_in_doubt": row.was_in_doubt or state == "in_doubt",
                "run_id": claim.run_id,
                "updated_at": now,
            }
            connection.execute(deliveries.update().where(deliveries.c.id == claim.delivery_id).values(values))
            if state in DONE or state in WAITING:
                release(connection, [claim.delivery_id])
            events.write(connection, [line])
        return True

    def renew(self, claim: Claim, *, lease_seconds: float = LEASE_SECONDS) -> bool:
        """Extend the lease, for instance after waiting for a slot; False if the claim is lost."""
        until = self._database.now() + timedelta(seconds=lease_seconds)
        held = (
            deliveries.c.id == claim.delivery_id,
            deliveries.c.attempt == claim.attempt,
            deliveries.c.state == "sending",
        )
        with self._database.write() as connection:
            result = connection.execute(deliveries.update().where(*held).values(lease_until=until))
            return bool(result.rowcount)

    def expire(self, run_id: str, *, now: datetime | None = None) -> int:
        """Turn every delivery whose lease ran out into ``in_doubt``; return how many there were."""
        now = now or self._database.now()
        with self._database.write() as connection:
            return expire(connection, select(deliveries), run_id, now)

    def _claim(
        self,
        searches: Callable[[Connection], tuple[Select[Any], ...]],
        outgoing: Select[Any],
        taking: Taking,
    ) -> Claim | None:
        while True:
            with self._database.write() as connection:
                expire(connection, outgoing, taking.run_id, taking.at)
                row = _first(connection, searches(connection))
                if row is None:
                    return None
                claim = take(connection, self._cipher, row, taking)
            # What gave way to another position is put aside, and committed: the next one is looked for.
            if claim is not None:
                return claim


def _first(connection: Connection, searches: tuple[Select[Any], ...]) -> SqlRow[Any] | None:
    for candidate in searches:
        # PostgreSQL passes over rows that others hold; SQLite has one writer anyway.
        locked = candidate.with_for_update(skip_locked=True, of=deliveries)
        row = connection.execute(locked).one_or_none()
        if row is not None:
            return row
    return None

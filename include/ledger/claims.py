"""Claims: who sends a delivery now, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from include.ledger import events
from include.ledger.leases import (
    both_lanes,
    doubtful,
    expire,
    other_positions,
    outbox,
    selected,
    sendable,
    sent_to,
    unanswered,
)
from include.ledger.run_outbox import ready_in, release
from include.ledger.states import DONE, LATE_OUTCOME, READ_BACK, STATE_CHANGE, UNANSWERED, WAITING
from include.ledger.tables import deliveries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from sqlalchemy import Connection, Select
    from sqlalchemy import Row as SqlRow

    from include.ledger.crypto import Cipher
    from include.ledger.database import Database
    from include.ledger.states import SettledState
    from include.records import Destination, Row, StreamKey

LEASE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send one delivery, until the lease ends.

    :param attempt: fences the claim: an outcome counts only if nobody has claimed the delivery since.
    :param was_in_doubt: whether an earlier attempt may have succeeded: "already exists" is then ours.
    :param prior_attempts: claims before this one.
    :param unanswered: how many attempts got no clear answer since the last refusal.
    :param since: when the delivery came into the state that it was claimed in.
    """

    delivery_id: int
    key: str
    source_id: str
    division: int
    entity: str
    attempt: int
    payload: Row = field(repr=False)
    email: str | None = field(repr=False)
    was_in_doubt: bool
    prior_attempts: int
    run_id: str
    unanswered: int
    since: datetime


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

        It is ``sending``, with attempt and lease, and committed before this returns.

        :param stream: only what this lane owns.
        :param selected_for: only what is in this run's outbox, whichever lane owns it; ``stream`` then says nothing.
        """
        now = now or self._database.now()
        if selected_for is not None:
            mine, meant = selected(company, destination, job, selected_for), sent_to(company, destination, job)
            return self._claim(
                lambda connection: sendable(mine, now, ready_in(connection, selected_for, meant)),
                *(mine, run_id, lease_seconds, now),
            )
        own = outbox(company, destination, job, stream)
        under_way = own if stream is None else both_lanes(company, destination, job, stream)
        return self._claim(lambda _: sendable(own, now), under_way, run_id, lease_seconds, now)

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

        :param stream: only what this lane owns; a live lane also takes what the DAG's history lane left in doubt.
        :param selected_for: only what is in this run's outbox, whichever lane owns it; ``stream`` then says nothing.
        """
        now = now or self._database.now()
        if selected_for is not None:
            outgoing = selected(company, destination, job, selected_for)
        elif stream is not None:
            outgoing = both_lanes(company, destination, job, stream)
        else:
            outgoing = outbox(company, destination, job, stream)
        return self._claim(lambda _: doubtful(outgoing, now), outgoing, run_id, lease_seconds, now)

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
        return self._claim(lambda _: doubtful(others, now), others, run_id, lease_seconds, now, kind=READ_BACK)

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
    ) -> bool:
        """Record what came of a claim; return False if somebody has claimed the delivery since.

        A lease that ran out does not silence its holder: as long as nobody took over, the late answer
        is the best there is. After that it is kept as an event, nothing more.

        :param result: what the service said of the record, as JSON values; kept encrypted.
        :param unclear: whether the service was asked and gave no clear answer; such attempts are counted.
        """
        now = self._database.now()
        mine = select(deliveries.c.state, deliveries.c.attempt, deliveries.c.was_in_doubt).where(
            deliveries.c.id == claim.delivery_id
        )
        with self._database.write() as connection:
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
        run_id: str,
        lease_seconds: float,
        now: datetime,
        *,
        kind: str = STATE_CHANGE,
    ) -> Claim | None:
        with self._database.write() as connection:
            expire(connection, outgoing, run_id, now)
            for candidate in searches(connection):
                # PostgreSQL passes over rows that others hold; SQLite has one writer anyway.
                locked = candidate.with_for_update(skip_locked=True, of=deliveries)
                row = connection.execute(locked).one_or_none()
                if row is not None:
                    return self._take(
                        connection,
                        row,
                        run_id=run_id,
                        at=now,
                        until=now + timedelta(seconds=lease_seconds),
                        kind=kind,
                    )
        return None

    def _take(
        self, connection: Connection, row: SqlRow[Any], *, run_id: str, at: datetime, until: datetime, kind: str
    ) -> Claim:
        # Opened first: a payload that no key opens must not leave a delivery in `sending`.
        content = self._cipher.open(row.sealed)
        attempt = row.attempt + 1
        values = {
            "state": "sending",
            "attempt": attempt,
            "lease_until": until,
            "due_at": None,
            "run_id": run_id,
            "updated_at": at,
        }
        connection.execute(deliveries.update().where(deliveries.c.id == row.id).values(values))
        line = events.line(
            row.id, run_id=run_id, at=at, kind=kind, from_state=row.state, to_state="sending", attempt=attempt
        )
        events.write(connection, [line])
        return Claim(
            delivery_id=row.id,
            key=row.key,
            source_id=row.source_id,
            division=row.division,
            entity=row.entity,
            attempt=attempt,
            payload=content["payload"],
            email=content["email"],
            was_in_doubt=row.was_in_doubt,
            prior_attempts=row.attempt,
            run_id=run_id,
            unanswered=unanswered(connection, row.id) if row.attempt else 0,
            since=row.updated_at,
        )

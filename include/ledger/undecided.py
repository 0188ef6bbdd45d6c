"""What makes a staged row wait for a decision, as conditions that run on the indexes alone."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlalchemy import and_, func, literal, or_, select

from include.ledger.second_looks import about_contact
from include.ledger.states import DONE, IN_FLIGHT, NEVER_DECIDED, NOT_ASKED_FOR, PENDING, STANDS, WAITING
from include.ledger.tables import deliveries, staged
from include.ledger.windows import of_stream
from include.records import HISTORY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from include.records import Destination, StreamKey

Which = Literal["live", "history", "marked"]
"""Which rows a run decides on, see `Staging.undecided`."""


@dataclass(frozen=True, slots=True)
class Question:
    """Which rows of a lane wait for a decision; see `Staging.undecided` for what each narrowing means."""

    stream: StreamKey
    destination: Destination
    job: int
    company: int | None = None
    fingerprint: str | None = None
    window_fingerprint: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    which: Which = "live"
    look_again: bool = False
    stored_since: int | None = None

    def waiting(self) -> list[ColumnElement[bool]]:
        """Return the conditions that a staged row is asked for and has no decision that stands."""
        where = [*self.rows(), ~sent_elsewhere(self.destination, self.job, self.company)]
        if self.which == "marked":
            return [*where, self._marked(), ~self._newer_in_other_lane()]
        if self.which == "history":
            where += created_within(self.created_from, self.created_to)
        elif self.created_from is not None:
            # What waits for a run of history, maybe for a person's word, stays that run's whatever changes in it.
            older = or_(staged.c.created.is_(None), staged.c.created < self.created_from)
            where.append(~and_(older, _exists(*self._same(), held_by_history())))
        return [*where, ~self._standing()]

    def rows(self) -> list[ColumnElement[bool]]:
        """Return the conditions that a staged row is one that is looked at: of the lane, and not settled before."""
        rows = [of_stream(staged, self.stream)]
        return rows if self.stored_since is None else [*rows, staged.c.batch > self.stored_since]

    def settled(self) -> ColumnElement[bool]:
        """Return the condition that a decision stands for a staged row whatever becomes of its delivery by itself.

        Harder than that it stands now: what is under way with another mapping may be refused, and comes again then;
        what a history lane has under way may come back, and is then taken over.
        """
        return _exists(
            *self._same(),
            deliveries.c.decided_version >= staged.c.row_version,
            or_(deliveries.c.fingerprint.in_(self._fitting()), deliveries.c.state.in_(DONE)),
            # The state first: only for the few that wait the row itself is opened, to see who owns it.
            or_(deliveries.c.state.not_in(PENDING), ~deliveries.c.dag_id.endswith(HISTORY)),
        )

    def left_for_good(self) -> list[ColumnElement[bool]]:
        """Return the conditions, of which one is enough, that a staged row is not decided until it is stored anew.

        It was sent for another position, which only ends with a raised epoch; or retention blanked it.
        """
        return [sent_elsewhere(self.destination, self.job, self.company, DONE), func.length(staged.c.sealed) == 0]

    def asked_for(self) -> ColumnElement[bool]:
        """Return the condition that somebody asked for a staged row, so that its age does not count."""
        asked = or_(deliveries.c.decided_version == NEVER_DECIDED, ~is_unwanted())
        return _exists(*self._same(), asked)

    def _same(self) -> list[ColumnElement[bool]]:
        return _same_delivery(self.destination, self.job, self.company)

    def decided(self) -> ColumnElement[bool]:
        """Return the condition that somebody's decision stands for a staged row; the index holds all it asks for."""
        return _exists(*self._decided())

    def _decided(self) -> list[ColumnElement[bool]]:
        decided = [*self._same(), deliveries.c.decided_version >= staged.c.row_version]
        if self.fingerprint is not None:
            decided.append(or_(deliveries.c.fingerprint.in_(self._fitting()), deliveries.c.state.not_in(WAITING)))
        return decided

    def _fitting(self) -> tuple[str, ...]:
        """Return the fingerprints under which what was not sent stands."""
        mapping = self.fingerprint or ""
        return tuple(dict.fromkeys((mapping, self.window_fingerprint or mapping, STANDS)))

    def _standing(self) -> ColumnElement[bool]:
        """Return the condition that a decision stands, and that the run has nothing to do with what came of it."""
        if self.which != "history":
            return _exists(*self._decided(), self._not_left_behind())
        # What only waits to be sent is taken into the run's own outbox.
        stands = [*self._decided(), deliveries.c.state.not_in(PENDING)]
        if self.look_again:
            stands.append(or_(deliveries.c.state != "rejected", ~about_contact()))
        return _exists(*stands)

    def _not_left_behind(self) -> ColumnElement[bool]:
        """Return the condition that a delivery is none that a history lane holds and the live lane would send.

        The state first: only for the few that wait the row itself is opened, to see who owns it.
        """
        apart: list[ColumnElement[bool]] = [deliveries.c.state.not_in(("ready", "retry"))]
        if self.created_from is not None:
            apart.append(or_(staged.c.created.is_(None), staged.c.created < self.created_from))
        return or_(*apart, ~deliveries.c.dag_id.endswith(HISTORY))

    def _marked(self) -> ColumnElement[bool]:
        return _exists(*self._same(), deliveries.c.decided_version == NEVER_DECIDED)

    def _newer_in_other_lane(self) -> ColumnElement[bool]:
        live = dataclasses.replace(self.stream, dag_id=self.stream.dag)
        other = staged.alias("other")
        lane = live if self.stream.is_history else live.history()
        return (
            select(literal(1))
            .select_from(other)
            .where(
                *(other.c.dag_id == lane.dag_id, other.c.division == lane.division, other.c.entity == lane.entity),
                other.c.source_id == staged.c.source_id,
                other.c.row_version > staged.c.row_version,
                # Of what retention blanked nothing can be decided: the older copy is the best there is.
                func.length(other.c.sealed) > 0,
            )
            .exists()
        )


def is_unwanted() -> ColumnElement[bool]:
    """Return the condition that a record was put aside because nobody asks for it: for its age, or by a no."""
    return and_(deliveries.c.state == "skipped_by_rule", deliveries.c.reason_code.in_(NOT_ASKED_FOR))


def held_by_history() -> ColumnElement[bool]:
    """Return the condition that a delivery waits for the runs of a history lane, and no request can have arrived.

    The state first: only for the few that wait the row itself is opened, to see who owns it.
    """
    return and_(
        deliveries.c.state.in_(("ready", "retry")),
        deliveries.c.dag_id.endswith(HISTORY),
        deliveries.c.was_in_doubt.is_(False),
    )


def created_within(created_from: datetime | None, created_to: datetime | None) -> list[ColumnElement[bool]]:
    """Return the conditions that a staged row was created in a half-open interval."""
    where: list[ColumnElement[bool]] = []
    if created_from is not None:
        where.append(staged.c.created >= created_from)
    if created_to is not None:
        where.append(staged.c.created < created_to)
    return where


def sent_elsewhere(
    destination: Destination, job: int, company: int | None, states: Sequence[str] = (*DONE, *IN_FLIGHT)
) -> ColumnElement[bool]:
    """Return the condition that a staged row was sent for another job.

    What only waits to be sent does not count, nor what was refused unprocessed and waits for its time: the
    position may have been wrong, and was corrected since.

    :param states: what counts as sent.
    """
    conditions = [
        *_same_source(),
        deliveries.c.destination == destination,
        deliveries.c.job != job,
        deliveries.c.state.in_(states),
    ]
    if company is not None:
        conditions.append(deliveries.c.company == company)
    return _exists(*conditions)


def _same_source() -> list[ColumnElement[bool]]:
    return [
        deliveries.c.source_id == staged.c.source_id,
        deliveries.c.division == staged.c.division,
        deliveries.c.entity == staged.c.entity,
    ]


def _same_delivery(destination: Destination, job: int, company: int | None) -> list[ColumnElement[bool]]:
    same = [*_same_source(), deliveries.c.destination == destination, deliveries.c.job == job]
    return same if company is None else [*same, deliveries.c.company == company]


def _exists(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    # A constant, not the columns: SQLite leaves the index for what EXISTS selects, although nobody reads it.
    return select(literal(1)).where(*conditions).exists()

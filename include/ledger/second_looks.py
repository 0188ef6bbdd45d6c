"""Accounts that were rejected for what their main contact lacks: correcting the contact does not bring them back.

Exact's feed of accounts brings an account again when its own row changes. A contact's e-mail address is another
row, so the ledger has to have such accounts decided again from time to time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, literal, or_, select

from include.ledger.settled import unsettle
from include.ledger.states import NEVER_DECIDED
from include.ledger.tables import deliveries, staged

if TYPE_CHECKING:
    from datetime import timedelta

    from sqlalchemy import ColumnElement

    from include.ledger.database import Database
    from include.records import Destination, StreamKey

ANONYMISED = "exact.IsAnonymised.anonymised"
"""For good: another main contact would be a change of the account itself."""


class SecondLooks:
    """Finds what is due to be decided again, without a call."""

    _database: Database

    def look_again(
        self,
        stream: StreamKey,
        destination: Destination,
        job: int,
        company: int,
        *,
        fingerprint: str,
        every: timedelta,
        per_call: int,
        limit: int,
    ) -> int:
        """Have accounts decided again whose rejection depends on their main contact; return how many.

        Nothing happens until one of them was last looked at ``every`` ago. Then the look-ups it needs are filled up
        with the next oldest: a look-up costs the same for one as for ``per_call``, and who shares one today is due
        on the same day again. So it comes to one round per ``every``, not to one per record.

        What retention blanked is left alone: it can only be decided on when it was read again.

        :param fingerprint: of what decides now; whatever something else decided comes again anyway.
        :param per_call: contacts per look-up.
        :param limit: at most so many at once.
        """
        key = (stream, destination, job, company)
        if not self.look_again_due(*key, fingerprint=fingerprint, every=every):
            return 0
        where, due = _rejected(*key, fingerprint), self._due(every)
        oldest = (
            select(deliveries.c.id, due.label("due"))
            .where(*where, _kept(stream))
            .order_by(deliveries.c.decided_at, deliveries.c.id)
            .limit(limit)
        )
        with self._database.write() as connection:
            found = connection.execute(oldest).all()
            calls = -(-sum(bool(row.due) for row in found) // per_call)
            ids = [row.id for row in found[: calls * per_call]]
            # Asked again: another run may have decided meanwhile (PostgreSQL).
            update = deliveries.update().where(deliveries.c.id.in_(ids), *where)
            marked = connection.execute(update.values(decided_version=NEVER_DECIDED)).rowcount
            if marked:
                unsettle(connection, [(stream.division, stream.entity)])
            return marked

    def look_again_due(
        self,
        stream: StreamKey,
        destination: Destination,
        job: int,
        company: int,
        *,
        fingerprint: str,
        every: timedelta,
    ) -> bool:
        """Say whether `look_again` would have anything decided again."""
        where = [*_rejected(stream, destination, job, company, fingerprint), self._due(every), _kept(stream)]
        with self._database.read() as connection:
            return connection.execute(select(literal(1)).where(*where).limit(1)).first() is not None

    def _due(self, every: timedelta) -> ColumnElement[bool]:
        return deliveries.c.decided_at <= self._database.now() - every


def _rejected(
    stream: StreamKey, destination: Destination, job: int, company: int, fingerprint: str
) -> list[ColumnElement[bool]]:
    """Return the conditions that a main contact is to blame for a rejection."""
    return [
        # Its runs of history decide on what this lane has read, too.
        deliveries.c.dag_id.in_((stream.dag_id, stream.history().dag_id)),
        deliveries.c.division == stream.division,
        deliveries.c.entity == stream.entity,
        deliveries.c.company == company,
        deliveries.c.destination == destination,
        deliveries.c.job == job,
        deliveries.c.state == "rejected",
        deliveries.c.fingerprint == fingerprint,
        about_contact(),
    ]


def about_contact() -> ColumnElement[bool]:
    """Return the condition that a correction of the main contact may change the decision.

    Not so for an account without a main contact: to get one, its own row has to change.
    """
    return (deliveries.c.reason_code != ANONYMISED) & or_(
        deliveries.c.field.startswith("contact."),
        deliveries.c.reason_code == "exact.MainContact.not_found",
        # A template over several columns blames the field it fills.
        deliveries.c.reason_code.startswith("mapping."),
    )


def _kept(stream: StreamKey) -> ColumnElement[bool]:
    """Return the condition that the lane still holds the row as it was decided on."""
    same = (
        staged.c.dag_id == stream.dag_id,
        staged.c.division == deliveries.c.division,
        staged.c.entity == deliveries.c.entity,
        staged.c.source_id == deliveries.c.source_id,
        # A newer one comes anyway, and so does what was sent back to be decided.
        staged.c.row_version == deliveries.c.decided_version,
        func.length(staged.c.sealed) > 0,
    )
    return select(literal(1)).where(*same).exists()

"""What a run does not decide on although it was read: how many, so that nobody has to wonder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, func, literal, select

from include.ledger.states import DONE, IN_FLIGHT
from include.ledger.tables import deliveries, staged
from include.ledger.undecided import Question, created_within, sent_elsewhere

if TYPE_CHECKING:
    from datetime import datetime

    from include.ledger.database import Database
    from include.records import Destination, StreamKey


class LeftOut:
    """Counts of staged rows that `Staging.undecided` passes over; all of them run on indexes."""

    _database: Database

    def sent_elsewhere(
        self,
        stream: StreamKey,
        destination: Destination,
        job: int,
        company: int,
        *,
        fingerprint: str,
        window_fingerprint: str | None = None,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        stored_since: int | None = None,
    ) -> int:
        """Return how many records are not decided for this job because they were sent for another one.

        :param fingerprint: of what decides now, like ``window_fingerprint``.
        :param created_from: aware; count only records created from then on.
        :param created_to: aware, exclusive; count only records created before.
        :param stored_since: the batch up to which the lane is settled; None: count all.
        """
        # Equality first, then two ranges: whoever has one position only pays for a look at the index.
        elsewhere = [
            and_(
                deliveries.c.state.in_((*DONE, *IN_FLIGHT)),
                deliveries.c.company == company,
                deliveries.c.destination == destination,
                other,
            )
            for other in (deliveries.c.job < job, deliveries.c.job > job)
        ]
        question = Question(
            *(stream, destination, job, company, fingerprint, window_fingerprint), stored_since=stored_since
        )
        where = and_(
            *question.rows(),
            *created_within(created_from, created_to),
            ~question.decided(),
            sent_elsewhere(destination, job, company),
        )
        with self._database.read() as connection:
            if not any(connection.execute(select(literal(1)).where(other).limit(1)).first() for other in elsewhere):
                return 0
            count = select(func.count()).select_from(staged)
            return int(connection.execute(count.where(where)).scalar_one())

    def forgotten(
        self,
        stream: StreamKey,
        destination: Destination,
        job: int,
        company: int,
        *,
        fingerprint: str,
        window_fingerprint: str | None = None,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        stored_since: int | None = None,
    ) -> int:
        """Return how many records wait for a decision, but have to be read again: retention blanked them.

        :param fingerprint: of what decides now, like ``window_fingerprint``.
        :param created_from: aware; count only records created from then on.
        :param created_to: aware, exclusive; count only records created before.
        :param stored_since: the batch up to which the lane is settled; None: count all.
        """
        question = Question(
            *(stream, destination, job, company, fingerprint, window_fingerprint), stored_since=stored_since
        )
        waiting = select(staged.c.id).where(
            *question.rows(),
            *created_within(created_from, created_to),
            ~question.decided(),
            ~sent_elsewhere(destination, job, company),
        )
        # Two steps: the first runs on the indexes alone, the second opens the few rows that it names.
        count = select(func.count()).where(staged.c.id.in_(waiting), func.length(staged.c.sealed) == 0)
        with self._database.read() as connection:
            return int(connection.execute(count).scalar_one())

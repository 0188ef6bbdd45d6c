"""What the ledger knows beforehand: records that are done already, and what Exact said of its day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from include.forecast.pace import Quota
from include.ledger.limit_tables import pacer_buckets
from include.ledger.second_looks import ANONYMISED
from include.ledger.states import DONE, IN_FLIGHT, PENDING
from include.ledger.tables import deliveries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Row as SqlRow

    from include.ledger import Ledger
    from include.sync.job import Job

IDS: Final = 900
"""Per query: SQLite of some years ago takes 999 values."""
_FOR_GOOD: Final = ("personio.", "ledger.")
"""Reason codes of what was refused when it was sent: the mapping says nothing of it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a record stands at the destination of a job, before the run.

    :param outcome: ``done_already``, ``sent_elsewhere``, or ``ready`` for what waits to be sent: these are final.
        ``rejected`` and ``skipped_by_rule`` stand as long as the mapping says the same.
    :param reason_code: why it was not sent.
    :param final: whether the mapping is not even asked.
    """

    outcome: str
    reason_code: str = ""
    final: bool = True

    def says(self, outcome: str, reason_code: str) -> bool:
        """Tell whether this is what was decided before."""
        return (self.outcome, self.reason_code) == (outcome, reason_code)


class Known:
    """Questions to the ledger; nothing here writes.

    :param ledger: the open ledger.
    :param job: what would be moved where.
    :param fingerprint: of the mapping that would decide.
    """

    def __init__(self, ledger: Ledger, job: Job, fingerprint: str) -> None:
        self._database = ledger._database  # noqa: SLF001 - two plain SELECTs over the ledger's own tables
        self._job = job
        self._fingerprint = fingerprint

    def standings(self, ids: Sequence[str]) -> dict[str, Standing]:
        """Return the records of which the ledger knows something.

        :param ids: of Exact.
        """
        found: dict[str, Standing] = {}
        for row in self._deliveries(ids):
            standing = self._standing(row)
            # What was sent for this position stands above what was sent for another one.
            if standing is not None and (row.job == self._job.position or row.source_id not in found):
                found[row.source_id] = standing
        return found

    def quota(self, division: int, limit: int | None) -> Quota | None:
        """Return what is left of Exact's day, as its headers said last; None: they did not say.

        :param division: the limits are per company.
        :param limit: of a whole day, if it is known.
        """
        query = select(pacer_buckets).where(pacer_buckets.c.bucket == f"exact:{division}:day")
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None or row.remaining is None:
            return None
        ends = datetime.fromtimestamp(row.remaining_until / 1_000_000, UTC)
        return Quota(limit, max(row.remaining, 0), ends) if ends > self._database.now() else None

    def _standing(self, row: SqlRow[tuple[object, ...]]) -> Standing | None:
        if row.job != self._job.position:
            return Standing("sent_elsewhere") if row.state in (*DONE, *IN_FLIGHT) else None
        if row.state in DONE:
            return Standing("done_already")
        if row.state in PENDING:
            return Standing("ready")
        if row.fingerprint != self._fingerprint or (row.state == "rejected" and _about_contact(row)):
            return None
        return Standing(row.state, row.reason_code, final=row.reason_code.startswith(_FOR_GOOD))

    def _deliveries(self, ids: Sequence[str]) -> Iterator[SqlRow[tuple[object, ...]]]:
        names = ("source_id", "entity", "job", "state", "fingerprint", "reason_code", "field")
        stream = self._job.stream
        query = select(*(deliveries.c[name] for name in names)).where(
            deliveries.c.division == stream.division,
            deliveries.c.entity == stream.entity,
            deliveries.c.destination == self._job.destination,
            deliveries.c.company == self._job.company,
        )
        for first in range(0, len(ids), IDS):
            chunk = list(ids[first : first + IDS])
            with self._database.read() as connection:
                yield from connection.execute(query.where(deliveries.c.source_id.in_(chunk))).all()


def _about_contact(row: SqlRow[tuple[object, ...]]) -> bool:
    """Say whether a run of history decides an account again, because its main contact may have been corrected.

    The same as `include.ledger.second_looks.about_contact`, of a row at hand.
    """
    if row.entity != "Accounts" or row.reason_code == ANONYMISED:
        return False
    found: bool = row.field.startswith("contact.") or row.reason_code == "exact.MainContact.not_found"
    return found or row.reason_code.startswith("mapping.")

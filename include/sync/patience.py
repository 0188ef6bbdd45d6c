"""When a bad answer is the record's fault and when the service's, and how long to wait in either case."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from include.errors import ServiceUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from include.errors import RateLimitedError
    from include.ledger.claims import Claim

log = logging.getLogger(__name__)

PATIENCE = 3
"""Records in a row without a clear answer after which the service is left alone for a while."""

LONGEST_NAP = 120.0
"""Seconds that a load sleeps for a limit before it gives its worker slot back to Airflow."""

LONGEST_BACK_OFF = timedelta(hours=1)


def again(unanswered: int, now: datetime) -> datetime | None:
    """Return when a record without an answer is due: at once the first time, then ever later, at most in an hour.

    :param unanswered: attempts without a clear answer, this one included.
    """
    if unanswered <= 1:
        return None
    return now + min(LONGEST_BACK_OFF, timedelta(seconds=30 * 2 ** min(unanswered, 12)))


class Patience:
    """Tells trouble with the service from trouble with a few records.

    :param sleep: how to wait.
    :param limited: refusals in a row for the service's limit, before a pause.
    """

    def __init__(self, sleep: Callable[[float], None] = time.sleep, *, limited: int = 0) -> None:
        self.sleep = sleep
        self.lost = False
        """Whether some records that never get an answer met in a row: they, and what is behind them, wait."""
        self._row: dict[int, bool] = {}
        self.limits = limited
        """Refusals in a row because the service's limit was used up."""

    def answered(self) -> None:
        """Begin anew: the service has just given a clear answer."""
        self._row.clear()
        self.limits = 0

    def unclear(self, claim: Claim, what: str) -> None:
        """Note a record without a clear answer.

        Records that had none before say little about the service: everybody else has had a turn before them, so
        the load just ends there, and the run goes on.

        :param what: of the error, for the text.
        :raises ServiceUnavailableError: too many in a row; a service that is down is not helped by more.
        """
        self._row[claim.delivery_id] = self._row.get(claim.delivery_id, False) or not claim.unanswered
        if len(self._row) < PATIENCE:
            return
        self.lost = True
        if any(self._row.values()):
            raise ServiceUnavailableError(
                f"{PATIENCE} records in a row had no clear answer; the last: {what}",
                reason_code="personio.service.unavailable",
                way_out="Everything is kept. The task is retried; look at Personio's status page.",
            )

    def limited(self, error: RateLimitedError, left: float) -> None:
        """Sleep over a short limit.

        :param left: seconds until it is over.

        :raises RateLimitedError: the limit is long, or the third in a row: the attempt ends.
        """
        self.refused(error)
        if left > LONGEST_NAP:
            raise error
        log.info("%s Going on in %.0f s.", error.what, max(left, 0))
        self.sleep(max(left, 0))

    def refused(self, error: RateLimitedError) -> None:
        """Note a refusal because a limit was used up.

        :raises RateLimitedError: it is the third in a row: the attempt ends.
        """
        self.limits += 1
        if self.limits >= PATIENCE:
            raise error

"""Exact's error budget: ten errors per endpoint and hour block the key, so the ledger stops at nine.

Any call under way may come back as an error. So each holds one of nine places until its answer is counted, and
is sent only if the errors of the hour and all calls under way, itself included, are at most nine. That is exact
however many processes there are, and nothing is written for it as long as no call fails.

A process that dies gives its place back. Its answer is not known, and it counts as no error: to hold it against
the key for an hour would let a restart of Airflow stop nine healthy calls' endpoint. The tenth error, which
Exact still allows, is there for it.
"""

from __future__ import annotations

import hashlib
import time
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, delete, select

from include.errors import ErrorBudgetSpentError
from include.ledger.limit_tables import api_errors
from include.ledger.locks import exclusive
from include.ledger.places import take

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from include.ledger.database import Database
    from include.ledger.places import Place

ERRORS_PER_HOUR: Final = 9
HOUR: Final = timedelta(hours=1)
WAIT_SECONDS: Final = 120.0
"""Longer than a call may take whose end is waited for."""

_POLL_SECONDS: Final = (0.02, 1.0)

# Made once: every call to Exact asks it.
_NEWEST: Final = (
    select(api_errors.c.at)
    .where(
        api_errors.c.scope == bindparam("scope"),
        api_errors.c.endpoint == bindparam("endpoint"),
        api_errors.c.at > bindparam("after"),
    )
    .order_by(api_errors.c.at.desc())
    .limit(ERRORS_PER_HOUR)
)


class SharedErrorBudget:
    """The errors of one API key, counted over all processes.

    :param scope: whose budget it is: ``key:division``, or the key alone.
    :param wait_seconds: how long to wait for the end of calls that could use the budget up.
    """

    def __init__(self, database: Database, scope: str, *, wait_seconds: float = WAIT_SECONDS) -> None:
        self._database = database
        self._scope = scope
        self._wait = wait_seconds

    @contextmanager
    def reserved(self, endpoint: str, *, division: bool = True) -> Iterator[Callable[[int], None]]:
        """Make room for one call that may become an error; it is sent, and its answer counted, inside.

        :param endpoint: normalised, such as ``crm/Contacts``; Exact's paths are the same in any case.
        :param division: False for a URL without a division: Exact counts those per key.
        :returns: called with the status of an answer that Exact counts, 400, 401, 403 or 404.
        :raises ErrorBudgetSpentError: if the endpoint's hour is used up; ``retry_at`` says until when.
        """
        scope = self._scope if division else _key_of(self._scope)
        place = self._admitted(scope, endpoint)
        try:
            yield lambda status: self._record(scope, endpoint.lower(), status)
        finally:
            place.leave()

    def _admitted(self, scope: str, endpoint: str) -> Place:
        name = f"errors:{scope}:{endpoint.lower()}"
        place = self._try(name, scope, endpoint)
        until, pause = time.monotonic() + self._wait, _POLL_SECONDS[0]
        while place is None:
            if time.monotonic() > until:
                raise _crowded(endpoint, self._database.now())
            time.sleep(pause)
            pause = min(pause * 1.5, _POLL_SECONDS[1])
            # One after the other: two that count each other would both step back, again and again.
            with exclusive(self._database, f"errors:{hashlib.sha256(name.encode()).hexdigest()[:16]}"):
                place = self._try(name, scope, endpoint)
        return place

    def _try(self, name: str, scope: str, endpoint: str) -> Place | None:
        """Take a place, None if the calls under way could use up what is left."""
        place = take(self._database, name, ERRORS_PER_HOUR)
        if place is None:
            return None
        with ExitStack() as stack:
            stack.callback(place.leave)
            if self._fits(place, scope, endpoint):
                stack.pop_all()
                return place
        return None

    def _fits(self, place: Place, scope: str, endpoint: str) -> bool:
        """Tell whether one more error fits, whatever becomes of the calls under way.

        Whoever takes its place last sees all others: as holders, or by the errors that they recorded before
        they left. Hence the order: own place, others' places, errors.
        """
        if not self._errors(place, scope, endpoint):
            return True  # the nine places alone are the limit
        others = place.others()
        errors = self._errors(place, scope, endpoint)
        if len(errors) >= ERRORS_PER_HOUR:
            raise _spent(endpoint, errors[-1] + HOUR)
        return len(errors) + others < ERRORS_PER_HOUR

    def _errors(self, place: Place, scope: str, endpoint: str) -> list[datetime]:
        """Return when the newest nine of the hour came; once the oldest is an hour old, eight are left."""
        asked = {"scope": scope, "endpoint": endpoint.lower(), "after": self._database.now() - HOUR}
        with place.read() as connection:
            return list(connection.execute(_NEWEST, asked).scalars())

    def _record(self, scope: str, endpoint: str, status: int) -> None:
        now = self._database.now()
        old = delete(api_errors).where(
            api_errors.c.scope == scope, api_errors.c.endpoint == endpoint, api_errors.c.at <= now - HOUR
        )
        with self._database.write() as connection:
            connection.execute(old)
            connection.execute(
                api_errors.insert().values(scope=scope, endpoint=endpoint, status=status, at=now),
            )


def _key_of(scope: str) -> str:
    key, _, division = scope.rpartition(":")
    return key if key and division.isdigit() else scope


def _spent(endpoint: str, retry_at: datetime) -> ErrorBudgetSpentError:
    return ErrorBudgetSpentError(
        f"{endpoint} answered {ERRORS_PER_HOUR} errors within an hour; "
        "Exact blocks the key at ten, so nothing is sent.",
        reason_code="exact.error_budget.spent",
        way_out=f"Look up the first of these errors; calls go on at {retry_at.isoformat(timespec='seconds')}.",
        retry_at=retry_at,
    )


def _crowded(endpoint: str, now: datetime) -> ErrorBudgetSpentError:
    return ErrorBudgetSpentError(
        f"{endpoint}: so many calls are under way that, were all refused, Exact would block the key.",
        reason_code="exact.error_budget.crowded",
        way_out="The task goes on by itself once they have ended; if it repeats, run fewer tasks at a time.",
        retry_at=now + timedelta(minutes=1),
    )

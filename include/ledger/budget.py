"""Exact's error budget: ten errors per endpoint and hour block the key, so the ledger stops at nine."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from include.errors import ErrorBudgetSpentError
from include.ledger.tables import api_errors

if TYPE_CHECKING:
    from include.ledger.database import Database

ERRORS_PER_HOUR = 9
HOUR = timedelta(hours=1)


class SharedErrorBudget:
    """The errors of one API key, counted over all processes.

    :param scope: whose budget it is: one key or connection.
    """

    def __init__(self, database: Database, scope: str) -> None:
        self._database = database
        self._scope = scope

    def check(self, endpoint: str) -> None:
        """Stop a call that could be the one too many.

        :param endpoint: normalised, such as ``crm/Contacts``.
        :raises ErrorBudgetSpentError: if the endpoint's hour is used up; ``retry_at`` says until when.
        """
        query = (
            select(api_errors.c.at)
            .where(
                api_errors.c.scope == self._scope,
                api_errors.c.endpoint == endpoint.lower(),
                api_errors.c.at > self._database.now() - HOUR,
            )
            # The newest nine; when the oldest of them is an hour old, eight are left.
            .order_by(api_errors.c.at.desc())
            .limit(ERRORS_PER_HOUR)
        )
        with self._database.read() as connection:
            times = connection.execute(query).scalars().all()
        if len(times) < ERRORS_PER_HOUR:
            return
        retry_at = times[-1] + HOUR
        raise ErrorBudgetSpentError(
            f"{endpoint} answered {ERRORS_PER_HOUR} errors within an hour; "
            "Exact blocks the key at ten, so nothing is sent.",
            reason_code="exact.error_budget.spent",
            way_out=f"Look up the first of these errors; calls go on at {retry_at.isoformat(timespec='seconds')}.",
            retry_at=retry_at,
        )

    def record(self, endpoint: str, status: int) -> None:
        """Count an error that Exact counts.

        :param endpoint: normalised, such as ``crm/Contacts``; Exact's paths are the same in any case.
        :param status: 400, 401, 403 or 404.
        """
        now, endpoint = self._database.now(), endpoint.lower()
        values = {"scope": self._scope, "endpoint": endpoint, "status": status, "at": now}
        with self._database.write() as connection:
            connection.execute(
                delete(api_errors).where(
                    api_errors.c.scope == self._scope,
                    api_errors.c.endpoint == endpoint,
                    api_errors.c.at <= now - HOUR,
                )
            )
            connection.execute(api_errors.insert().values(values))

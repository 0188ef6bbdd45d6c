"""Checks of what the login may do at Exact Online: divisions, endpoints, sync feed, calls left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from include.doctor.finding import Result, check, failed, failed_by, passed, unknown, unknown_by
from include.errors import (
    ConfigurationError,
    ErrorBudgetSpentError,
    ExactPersonioError,
    PermissionDeniedError,
    RateLimitedError,
)
from include.records import ENTITIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.clients.exact import ExactClient
    from include.doctor.visit import Visit

READ: Final = ("crm/Accounts", "crm/Contacts", "project/TimeTransactions")
OPTIONAL: Final = {"project/TimeTransactions": "the DAG exact_time_transactions"}
"""Endpoints that not every installation uses, and what uses them."""
_NOBODY: Final = "00000000-0000-0000-0000-000000000000"
_LAST: Final = 2**63 - 2
_LEAST_SHARE: Final = 0.05
_UNAUTHORIZED: Final = 401


@check("exact.division", needs=("exact.connection",))
def division(visit: Visit) -> Result:
    """Check that the connection says which divisions are read."""
    if not visit.divisions:
        return failed(
            "The connection names no division; Exact would use whichever company the user looked at last.",
            "Enter the number after _Division_= in the address bar at Exact into the connection.",
        )
    return passed(f"Configured: {_listed(visit.divisions)}.")


@check("exact.division_access", needs=("exact.division", "exact.token"))
def division_access(visit: Visit) -> list[Result]:
    """Check that the login may use the divisions that the connection names."""
    try:
        usable = visit.accessible()
    except PermissionDeniedError as error:
        return [unknown_by(error)]
    mend = f"Give the user access to it at Exact, or correct the connection. The login may use: {_listed(usable)}."
    return [
        passed("The login may use it.", str(number))
        if number in usable
        else failed(f"The login may not use division {number}.", mend, str(number))
        for number in visit.divisions
    ]


@check("exact.rights", needs=("exact.division", "exact.token"), unless=("exact.division_access",))
def rights(visit: Visit) -> list[Result]:
    """Check that the app has the scopes, and the user the rights, to read what the DAGs read."""
    # A filter that fits nobody: allowed on every endpoint, answered with an empty list.
    return _try_each(visit, READ, lambda client, endpoint: client.get(endpoint, _NOBODY, select=("ID",)))


@check("exact.sync", needs=("exact.division", "exact.token"), unless=("exact.division_access",))
def sync(visit: Visit) -> list[Result]:
    """Check that the sync feeds, which the live DAGs read, answer."""
    feeds = {f"sync/CRM/{entity}": entity for entity in ENTITIES}
    return _try_each(
        visit, tuple(feeds), lambda client, name: next(client.sync_pages(feeds[name], after=_LAST, select=()), None)
    )


@check("exact.quota", needs=("exact.division_access",))
def quota(visit: Visit) -> Result:
    """Check that enough calls are left for today."""
    day, minute = visit.exact_witness.quota("day"), visit.exact_witness.quota("minute")
    if day is None:
        return unknown("Exact did not say how many calls are left.", "Ask again later.")
    this_minute = f"; of this minute {minute.remaining} of {minute.limit}" if minute else ""
    said = f"Of today's calls {day.remaining} of {day.limit} are left{this_minute}."
    if day.remaining < day.limit * _LEAST_SHARE:
        return failed(
            said,
            "The day ends at midnight UTC, and runs go on by themselves. Find what else uses this app's key, "
            "schedule the DAGs less often, or ask Exact for a larger contract.",
        )
    return passed(said)


CHECKS: Final = (division, division_access, rights, sync, quota)


def _try_each(visit: Visit, endpoints: tuple[str, ...], call: Callable[[ExactClient, str], object]) -> list[Result]:
    """Make one call for each division and endpoint; a 401 is about the login, so it ends the round."""
    results: list[Result] = []
    for number in visit.divisions:
        for endpoint in endpoints:
            subject = f"{number} {endpoint}"
            if visit.login_refused:
                results.append(unknown("Not asked: the login was refused.", "Mend that first.", subject))
                continue
            try:
                call(visit.exact_client(number), endpoint)
                results.append(passed("Readable.", subject))
            except ExactPersonioError as error:
                visit.login_refused = error.status == _UNAUTHORIZED
                results.append(_refused(error, endpoint, subject))
    return results


def _refused(error: ExactPersonioError, endpoint: str, subject: str) -> Result:
    if isinstance(error, RateLimitedError | ErrorBudgetSpentError):
        return unknown_by(error, subject)
    if endpoint in OPTIONAL and isinstance(error, PermissionDeniedError | ConfigurationError):
        return unknown(
            f"{error.what} [{error.reason_code}] Only {OPTIONAL[endpoint]} needs it.",
            f"If you use that: {error.way_out}",
            subject,
        )
    return failed_by(error, subject)


def _listed(numbers: tuple[int, ...] | frozenset[int]) -> str:
    return ", ".join(map(str, sorted(numbers))) or "none"

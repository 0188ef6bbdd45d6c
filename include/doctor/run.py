"""Runs the checks in order; one that failed keeps those that build on it from being asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from include.doctor import airflow, exact, exact_rights, ledger, mapping, personio, personio_ids
from include.doctor.finding import Check, Finding, Result, failed_by, unknown, unknown_by
from include.doctor.visit import Visit
from include.errors import ErrorBudgetSpentError, ExactPersonioError, RateLimitedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from include.doctor.finding import Status
    from include.doctor.installation import Installation

CHECKS: Final[tuple[Check, ...]] = (
    *airflow.CHECKS,
    *ledger.CHECKS,
    *mapping.CHECKS,
    *exact.CHECKS,
    *exact_rights.CHECKS,
    *personio.CHECKS,
    *personio_ids.CHECKS,
)
_NOT_NOW: Final = (RateLimitedError, ErrorBudgetSpentError)
"""These say when to ask again, not that something is broken."""


def run_doctor(installation: Installation) -> list[Finding]:
    """Examine an installation: every check once, in order, each by what the ones before it found.

    Nothing is written at either service: Exact is only read (its token may be renewed, under the lock that all
    workers share), and Personio gets one application that it must refuse.

    :param installation: from :func:`include.doctor.installation.read_installation`.
    """
    with Visit(installation) as visit:
        return list(examine(visit))


def checks_of(service: str) -> tuple[Check, ...]:
    """Return the checks of one service and those that they build on, in order.

    :param service: with which the ids of its checks begin, such as ``exact``.
    """
    known = {check.id: check for check in CHECKS}
    wanted = {name for name in known if name.startswith(f"{service}.")}
    asked = list(wanted)
    while asked:
        below = {*known[asked[0]].needs, *known[asked.pop(0)].unless} - wanted
        wanted |= below
        asked += below
    return tuple(check for check in CHECKS if check.id in wanted)


def examine(visit: Visit, checks: Sequence[Check] = CHECKS) -> Iterator[Finding]:
    """Yield what each check found, as soon as it has.

    :param visit: open.
    :param checks: with all that they build on before them, see `checks_of`.
    """
    outcome: dict[str, Status] = {}
    roots: dict[str, str] = {}
    for check in checks:
        obstacle = _obstacle(check, outcome)
        if obstacle:
            # What has to be mended is where the chain of hindered checks begins.
            root = roots[check.id] = roots.get(obstacle, obstacle)
            results = [_not_asked(root, outcome[root])]
        else:
            results = _examine(check, visit)
        outcome[check.id] = _worst(result.status for result in results)
        for result in results:
            yield Finding(check.id, result.status, result.evidence, result.mend, result.subject)


def _obstacle(check: Check, outcome: Mapping[str, Status]) -> str:
    """Return the first check that keeps this one from being asked, or an empty text."""
    needed = next((name for name in check.needs if outcome[name] != "pass"), "")
    return needed or next((name for name in check.unless if outcome[name] == "fail"), "")


def _not_asked(root: str, status: Status) -> Result:
    state = "failed" if status == "fail" else "is unknown"
    return unknown(f"Not asked: {root} {state}.", f"See {root} first.")


def _examine(check: Check, visit: Visit) -> list[Result]:
    try:
        results = check.ask(visit)
    except _NOT_NOW as error:
        return [unknown_by(error)]
    except ExactPersonioError as error:
        return [failed_by(error)]
    except Exception as error:  # noqa: BLE001 - one odd answer must not hide what all other checks found
        # Its text may hold anything.
        return [unknown(f"The check itself broke ({type(error).__name__}).", "Report it with the output of --json.")]
    return results if isinstance(results, list) else [results]


def _worst(statuses: Iterable[Status]) -> Status:
    found = set(statuses)
    return "fail" if "fail" in found else "unknown" if "unknown" in found else "pass"

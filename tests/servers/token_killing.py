"""Kills the process that renews the token, with many others waiting for it, and follows what becomes of the chain."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from include.sandbox.faults import Fault
from token_race import ready, run

if TYPE_CHECKING:
    from token_process import Told
    from token_race import Company, Judged, Runner

MOST_ERRORS: Final = 9
SOON: Final = 0.1
"""Seconds that the others get to come as far as the lock; nothing depends on whether they do."""
TRIES: Final = 10
BETWEEN: Final = 60
"""Seconds from one try of a task to the next."""


@dataclass
class After:
    """What was seen after the kill.

    :param boundary: where it happened.
    :param lost: whether Exact had moved the chain on, and the ledger did not have the new link.
    :param others: reports of those that wanted the token at the same time.
    :param tries: reports of the tries that came after, one a minute.
    :param judged: all that the sandbox has counted, from the beginning.
    """

    boundary: str
    lost: bool
    others: list[Told]
    tries: list[Told]
    judged: Judged


def boundaries(company: Company, mistake: str = "") -> list[str]:
    """Return all that a renewal crosses, as a process traces it that nobody disturbs."""
    (told,) = run([company.wanting(trace=True, reads=False, mistake=mistake)])
    assert told.code == ""
    return told.boundaries


def killed_at(company: Company, number: int, others: int, *, tries: int = TRIES, mistake: str = "") -> After:
    """Kill at a boundary, by its number."""
    victim = company.wanting(stop_at=number, mistake=mistake)
    with ready([victim, *company.crowd(others, mistake=mistake)]) as (first, *rest):
        first.go()
        boundary = str(first.heard())
        return _follow(company, first, rest, boundary, tries=tries, mistake=mistake)


def killed_in_flight(company: Company, others: int, *, served: bool, tries: int = TRIES) -> After:
    """Kill while the request is under way.

    :param served: whether Exact has moved the chain on by then; else the request gets lost on its way.
    """
    fault = company.sandbox.faults.add(Fault("delay", match="POST oauth2/token", seconds=3.0, committed=served))
    if not served:
        company.sandbox.faults.add(Fault("drop_before", match="POST oauth2/token"))
    before = company.newest()
    with ready([company.wanting(), *company.crowd(others)]) as (first, *rest):
        first.go()
        until = time.monotonic() + 60
        while not fault.hits or (served and company.newest() == before):
            assert time.monotonic() < until, "the request never came"
            time.sleep(0.005)
        return _follow(company, first, rest, "in flight", tries=tries)


def _follow(
    company: Company, victim: Runner, rest: list[Runner], boundary: str, *, tries: int, mistake: str = ""
) -> After:
    lost = company.newest() != company.stored()
    for other in rest:
        other.go()
    time.sleep(SOON)
    victim.kill()
    told = [other.told() for other in rest]
    later = []
    for _ in range(tries):
        company.pass_time(BETWEEN)
        later += run([company.wanting(mistake=mistake)])
    return After(boundary, lost, told, later, company.judged())

"""Clocks that are ten minutes off: Exact's, everybody's after a correction, one host's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import token_figures
from token_race import RACERS, Judged, run

if TYPE_CHECKING:
    from token_race import Company

TEN_MINUTES = 600
BEHIND_AND_AHEAD = pytest.mark.parametrize("off", [-TEN_MINUTES, TEN_MINUTES], ids=["behind", "ahead"])


@BEHIND_AND_AHEAD
def test_exact_with_another_clock(small_company: Company, off: int) -> None:
    """All that counts is how much time passes."""
    small_company.shift_exact(off)
    small_company.pass_time(571)
    told = run(small_company.crowd(4))
    assert [one.text for one in told if one.code] == []
    assert small_company.judged() == Judged(1, 1, {})


def corrected_forward(company: Company, count: int, mistake: str = "") -> Judged:
    """Let everybody's clock jump ahead right after a renewal, and return what that led to until the next one."""
    company.log_in()
    for seconds in (0, 60, 300):
        company.pass_time(seconds)
        told = run(company.crowd(count, off=TEN_MINUTES, mistake=mistake))
        assert [one.text for one in told if one.code] == []
    company.pass_time(241)
    told = run(company.crowd(count, off=TEN_MINUTES, mistake=mistake))
    assert [one.text for one in told if one.code] == []
    return company.judged()


def test_everybodys_clock_jumps_ahead(small_company: Company) -> None:
    """The token seems to have ended: one asks, is told that it is too early, and all others believe it."""
    judged = corrected_forward(small_company, 5)
    assert judged == Judged(2, 1, {"oauth2/token": 1})


def test_asking_again_and_again_is_noticed(small_company: Company) -> None:
    """What each process finds out for itself uses the hour's errors up."""
    with pytest.raises(AssertionError):
        assert corrected_forward(small_company, 5, "told nobody").all_errors == 1


def corrected_back(company: Company, count: int) -> Judged:
    """Let everybody's clock jump back, so that a token seems good that has ended, and return what that led to."""
    told = run(company.crowd(count, off=-TEN_MINUTES))
    waiting = [one for one in told if one.code]
    # Who may not try any more this hour says so.
    assert {one.code for one in waiting} <= {"exact.error_budget.spent"}
    assert all(0 < one.wait <= 3600 for one in waiting)
    judged = company.judged()
    company.pass_time(3600)
    told = run(company.crowd(count, off=-TEN_MINUTES))
    assert [one.text for one in told if one.code] == []
    return judged


def test_everybodys_clock_jumps_back(small_company: Company) -> None:
    """Whoever is refused renews it, once for all."""
    judged = corrected_back(small_company, 5)
    assert (judged.asked, judged.renewed) == (1, 1)
    assert 1 <= judged.errors["crm/Contacts"] <= 5


@pytest.mark.soak
def test_everybodys_clock_jumps_back_with_many(company: Company, backend: str) -> None:
    judged = corrected_back(company, RACERS)
    assert (judged.asked, judged.renewed) == (1, 1)
    # A server has a clock of its own, by which all hosts date the token.
    assert judged.all_errors <= (9 if backend == "sqlite" else 0)
    token_figures.add(
        f"clock corrected back on {backend}",
        processes=2 * RACERS,
        refreshes=2,
        errors=judged.all_errors,
        most_errors=judged.all_errors,
    )


@pytest.mark.soak
def test_everybodys_clock_jumps_ahead_with_many(company: Company, backend: str) -> None:
    judged = corrected_forward(company, RACERS)
    assert judged == (Judged(2, 1, {"oauth2/token": 1}) if backend == "sqlite" else Judged(1, 1, {}))
    token_figures.add(
        f"clock corrected ahead on {backend}", processes=4 * RACERS, refreshes=1, errors=judged.all_errors
    )


@pytest.mark.soak
@BEHIND_AND_AHEAD
def test_one_host_with_another_clock(postgres_company: Company, off: int) -> None:
    """Six hours of two hosts that renew each other's tokens: neither costs the other an error."""
    company, processes = postgres_company, 0
    for step in range(6 * 12):
        company.pass_time(300)
        here, there = company.crowd(3), company.crowd(3, off=off)
        # Now one of them alone, now both at once.
        wantings = (here, there, here + there)[(step // 12 + step) % 3]
        told = run(wantings)
        assert [one.text for one in told if one.code] == []
        processes += len(wantings)
    judged = company.judged()
    assert judged.errors == {}
    token_figures.add(f"one host {off:+} s on postgresql", processes=processes, refreshes=judged.renewed, errors=0)

"""SIGKILL of the process that renews the token, at every boundary: recovered, or one request to log in again.

What an old refresh token gives is a switch at Exact: it is refused, or it works for some minutes more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import token_figures
from token_killing import MOST_ERRORS, After, boundaries, killed_at, killed_in_flight
from token_race import RACERS, run

if TYPE_CHECKING:
    from token_race import Company

GRACE = 1200.0
LOGIN = "`exact-personio login --conn-id exact_online_default`"


def holds(after: After, company: Company, *, grace: bool) -> None:
    """Check what is promised.

    :raises AssertionError: it is not so.
    """
    everybody = after.others + after.tries
    # Whoever gives the lock back, or has just taken it, leaves the newest link in the ledger.
    assert not (after.lost and after.boundary.startswith("lock"))
    assert after.judged.all_errors <= MOST_ERRORS
    if not after.lost:
        assert [told.text for told in everybody if told.code] == []
        assert after.judged.all_errors == 0
    elif grace:
        waiting = [told for told in everybody if told.code]
        assert {told.code for told in waiting} == {"exact.token.answer_lost"}
        assert all(0 < told.wait <= 600 and LOGIN in told.text for told in waiting)
        # In the tenth minute Exact repeats it.
        assert after.tries[-1].code == ""
        assert after.judged.all_errors <= 2
    else:
        assert {told.code for told in everybody} == {"exact.refresh_token.old"}
        assert all(LOGIN in told.text for told in everybody)
        assert (after.judged.all_errors, after.judged.asked) == (1, 2)
        company.log_in()
        assert [told.code for told in run(company.crowd(3))] == [""] * 3


def number_of(company: Company, names: list[str], mistake: str = "") -> int:
    """Return where a renewal comes to the last of these boundaries, each sought after the one before."""
    crossed, number = boundaries(company, mistake), 0
    company.log_in()
    company.pass_time(601)
    company.sandbox.log.clear()
    for name in names:
        number = crossed.index(name, number + 1)
    return number


@pytest.mark.parametrize(
    ("names", "lost"),
    [
        (["lock taken"], False),
        (["request"], False),
        (["answer begun"], True),
        (["answer read", "statement INSERT INTO ledger_tokens", "commit to come"], True),
        (["answer read", "statement INSERT INTO ledger_tokens", "commit done"], False),
    ],
    ids=["before", "unsent", "unread", "uncommitted", "committed"],
)
def test_killed_renewal_is_recovered_or_asks_for_a_login(
    small_company: Company, names: list[str], lost: bool
) -> None:
    after = killed_at(small_company, number_of(small_company, names), 4, tries=1)
    assert after.lost is lost
    holds(after, small_company, grace=False)


def test_lost_answer_is_asked_for_again_where_exact_has_a_grace(small_company: Company) -> None:
    """Nobody uses the dead token or asks too early meanwhile: one error, and all know when it goes on."""
    small_company.sandbox.settings.exact.refresh_grace_seconds = GRACE
    after = killed_in_flight(small_company, 4, served=True)
    assert after.lost
    holds(after, small_company, grace=True)


@pytest.mark.parametrize(
    ("mistake", "grace", "boundary"),
    [
        ("never dead", 0.0, "answer begun"),
        ("told nobody", GRACE, "answer begun"),
        ("asked, not noted", GRACE, "answer begun"),
        ("saved for oneself", 0.0, "lock given back"),
    ],
)
def test_a_wrong_recovery_is_noticed(small_company: Company, mistake: str, grace: float, boundary: str) -> None:
    number = number_of(small_company, [boundary], mistake)
    small_company.sandbox.settings.exact.refresh_grace_seconds = grace
    after = killed_at(small_company, number, 4, tries=1, mistake=mistake)
    with pytest.raises(AssertionError):
        holds(after, small_company, grace=bool(grace))


@pytest.mark.soak
@pytest.mark.parametrize("grace", [0.0, GRACE], ids=["strict", "grace"])
def test_killed_at_every_boundary(company: Company, backend: str, grace: float) -> None:
    crossed = boundaries(company)
    seen, processes, errors = [], 1, []
    company.sandbox.settings.exact.refresh_grace_seconds = grace
    for number in range(len(crossed) + 2):
        company.log_in()
        company.pass_time(3601)
        company.sandbox.log.clear()
        company.sandbox.faults.clear()
        if number < len(crossed):
            # Before the request there is nothing to lose.
            after = killed_at(company, number, RACERS if number >= crossed.index("send") else RACERS // 5)
        else:
            after = killed_in_flight(company, RACERS, served=number == len(crossed))
        holds(after, company, grace=bool(grace))
        seen.append(after.lost)
        processes += 1 + len(after.others) + len(after.tries)
        errors.append(after.judged.all_errors)
    assert 4 <= sum(seen) < len(seen) - 4
    token_figures.add(
        f"killed on {backend}, {'grace' if grace else 'strict'}",
        processes=processes,
        kills=len(seen),
        refreshes=len(seen),
        errors=sum(errors),
        most_errors=max(errors),
    )

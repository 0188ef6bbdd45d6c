"""One expired token, many processes, one refresh: the sandbox's log is the judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import token_figures
from token_race import RACERS, Judged, run

if TYPE_CHECKING:
    from pathlib import Path

    from token_process import Told, Wanting
    from token_race import Company

ONCE = Judged(asked=1, renewed=1, errors={})


def race(company: Company, wantings: list[Wanting]) -> list[Told]:
    """Let them race; all must have what they wanted, by one request for a token and no error.

    :raises AssertionError: otherwise.
    """
    company.sandbox.log.clear()
    told = run(wantings)
    assert [one.text for one in told if one.code] == []
    assert company.judged() == ONCE
    assert company.stored() == company.newest()
    return told


def race_is_lost(company: Company, wantings: list[Wanting]) -> bool:
    """Let processes race that make a mistake; say whether the log shows it."""
    run(wantings)
    return company.judged().asked > 1


def test_fifty_processes_make_one_refresh(small_company: Company) -> None:
    race(small_company, small_company.crowd(RACERS, reads=False))


@pytest.mark.parametrize("mistake", ["no lock", "not read again"])
def test_a_wrong_lock_is_noticed(small_company: Company, mistake: str) -> None:
    """The race would tell: without lock, or without reading again, an old refresh token is used."""
    assert race_is_lost(small_company, small_company.crowd(6, reads=False, mistake=mistake))


@pytest.mark.soak
def test_fifty_readers_make_one_refresh_an_hour_long(company: Company, backend: str) -> None:
    """Six times in a row: each time the token has ended for all of them at once."""
    for _ in range(6):
        race(company, company.crowd(RACERS))
        company.pass_time(601)
    token_figures.add(f"race on {backend}", processes=6 * RACERS, refreshes=6, errors=0)


@pytest.mark.soak
def test_two_hosts_make_one_refresh(postgres_company: Company, tmp_path: Path) -> None:
    """They share the database and the key, and no file: no lock may be one of the host."""
    told = race(postgres_company, postgres_company.hosts(RACERS // 2, tmp_path))
    assert [one.locked_files for one in told if one.locked_files] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["worker-a", "worker-b"]
    token_figures.add("race of two hosts on postgresql", processes=len(told), refreshes=1, errors=0)


@pytest.mark.soak
@pytest.mark.parametrize("mistake", ["lock of the host", "no lock", "not read again"])
def test_a_wrong_lock_of_two_hosts_is_noticed(postgres_company: Company, tmp_path: Path, mistake: str) -> None:
    assert race_is_lost(postgres_company, postgres_company.hosts(5, tmp_path, reads=False, mistake=mistake))
    token_figures.add(f"mistake of two hosts: {mistake}", mistakes_caught=1)

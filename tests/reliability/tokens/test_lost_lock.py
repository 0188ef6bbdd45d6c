"""PostgreSQL forgets the lock of a process that renews the token: a restart, a fail-over, a cut connection."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text

import token_figures
from include.sandbox.faults import Fault
from token_race import ready

if TYPE_CHECKING:
    from token_race import Company

CUT = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_locks"
    " WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND pid <> pg_backend_pid()"
)


@pytest.mark.soak
def test_lock_that_is_lost_kills_no_chain(postgres_company: Company) -> None:
    """Two renew with the same link then. The second is refused, and finds the link that the first has saved."""
    company = postgres_company
    company.sandbox.faults.add(Fault("delay", match="POST oauth2/token", seconds=2.0, committed=True))
    admin = create_engine(company.url, isolation_level="AUTOCOMMIT")
    before = company.newest()
    with ready(company.crowd(10)) as (first, *rest):
        first.go()
        until = time.monotonic() + 60
        while company.newest() == before:
            assert time.monotonic() < until, "the request never came"
            time.sleep(0.01)
        company.sandbox.faults.add(Fault("delay", match="POST oauth2/token", seconds=4.0, committed=True))
        with admin.connect() as connection:
            assert connection.execute(text(CUT)).scalar_one() == 1
        for other in rest:
            other.go()
        told = [runner.told() for runner in (first, *rest)]
    admin.dispose()
    assert [one.text for one in told if one.code] == []
    judged = company.judged()
    assert (judged.asked, judged.renewed, judged.errors) == (2, 1, {"oauth2/token": 1})
    assert company.stored() == company.newest()
    token_figures.add("lock lost on postgresql", processes=10, refreshes=1, errors=1, most_errors=1)

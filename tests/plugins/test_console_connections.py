"""The page of the connections with Airflow's own users: logins, tests and limits, against the sandbox."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from airflow_home import CLIENT
from console_connections import PAGE, PERSONIO, SECRET, STORED, act, extra_of
from console_reading import HTML, audited, words
from include.ledger import open_ledger

if TYPE_CHECKING:
    import httpx

    from include.sandbox.server import RunningSandbox

pytestmark = pytest.mark.usefixtures("connect")


def test_chain_of_tokens_is_told_without_a_token(admin: httpx.Client, logged_in: None) -> None:
    with open_ledger() as ledger:
        token = ledger.vault(STORED).read()
    assert token is not None
    answer = admin.get(PAGE, headers=HTML)
    told = words(answer)
    assert "Links so far 1" in told
    assert "Without use, login until" in told
    ends = token.obtained_at + timedelta(days=30)
    assert f'datetime="{ends.isoformat(timespec="seconds")}"' in answer.text
    for secret in (token.access_token, token.refresh_token, CLIENT[1], SECRET):
        assert secret not in answer.text


def test_test_lists_what_works_and_what_to_mend(
    admin: httpx.Client, logged_in: None, sandbox: RunningSandbox
) -> None:
    told = words(act(admin, f"{STORED}/test"))
    for check in ("exact.connection", "exact.token", "exact.division_access 124133", "exact.sync", "exact.quota"):
        assert f"works {check}" in told
    assert "personio." not in told.split("Chain of tokens")[0]
    rows = [row for row in audited() if "connection.test" in row[0]][-2:]
    assert [row[0].rpartition("personio.")[2] for row in rows] == ["connection.test", "connection.test.done"]
    assert all(row[1] == "ada" and STORED in row[2] for row in rows)
    assert json.loads(rows[1][2])["fail"] == 0


@pytest.mark.errors_on_purpose("a division that the login may not use")
def test_test_says_how_to_mend(admin: httpx.Client, logged_in: None) -> None:
    from airflow.models.connection import Connection  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415
    from sqlalchemy import select  # noqa: PLC0415

    extra = extra_of(STORED) | {"divisions": "999999"}
    with create_session() as session:
        row = session.scalar(select(Connection).where(Connection.conn_id == STORED))
        assert row is not None
        row.set_extra(json.dumps(extra))
    told = words(act(admin, f"{STORED}/test"))
    assert "to be mended exact.division_access 999999 The login may not use division 999999." in told
    assert "→ Give the user access to it at Exact, or correct the connection." in told


def test_personio_is_tested_by_its_own_checks(admin: httpx.Client, personio: None, sandbox: RunningSandbox) -> None:
    told = words(act(admin, f"{PERSONIO}/test"))
    for check in ("personio.connection", "personio.login", "personio.recruiting", "personio.job 1001"):
        assert f"works {check}" in told
    assert "exact.connection" not in told
    assert not sandbox.sandbox.personio.applications


def test_a_slow_service_does_not_hold_the_page(
    admin: httpx.Client, logged_in: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found in time is shown, and no second test is begun while the first one is under way."""
    from threading import Event  # noqa: PLC0415

    from exact_console import connection_pages, examining  # noqa: PLC0415
    from include.doctor import exact  # noqa: PLC0415

    answered = Event()
    stock = exact.judge_clock
    monkeypatch.setattr(exact, "judge_clock", lambda *given: answered.wait(60) and stock(*given))
    monkeypatch.setattr(connection_pages, "examined", lambda *given: examining.examined(*given, seconds=3))
    try:
        told = words(act(admin, f"{STORED}/test"))
        assert "The service is slow" in told
        assert "works exact.host" in told or "works exact.connection" in told
        assert "exact.quota" not in told
        again = act(admin, f"{STORED}/test")
        assert again.status_code == 503
        assert "console.connection.busy" in again.text
    finally:
        answered.set()
    until = time.monotonic() + 30
    while examining._under_way and time.monotonic() < until:
        time.sleep(0.05)
    assert not examining._under_way


def test_limits_are_told_in_words(admin: httpx.Client, exact: None, personio: None) -> None:
    with open_ledger() as ledger:
        for _ in range(4):
            ledger.pacer.acquire("exact:124132:minute", limit=60, seconds=60)
        ledger.pacer.learn("exact:124132:day", remaining=7, reset_in=3600)
        ledger.pacer.block("exact:124133:minute", 600)
        for _ in range(20):
            ledger.pacer.acquire("personio:4242:recruiting", limit=20, seconds=60)
    told = words(admin.get(PAGE, headers=HTML))
    assert "Calls a minute, 124132 4 of 60 56 calls leave at once" in told
    assert "Calls of the day, 124132 0 7 " in told
    assert "Calls a minute, 124133 0 of 60 0 the service asked to wait until" in told
    assert "Calls of the day, 124133 0 Exact has not said yet" in told
    assert "Applications and documents, a minute 20 of 20 0 used up, calls wait" in told
    assert "Employees, a minute 0 of 300 300 calls leave at once" in told


def test_errors_are_told_by_endpoint(admin: httpx.Client, exact: None) -> None:
    """Those of this app alone."""
    with open_ledger() as ledger:
        for scope, endpoint, count in (
            (f"{CLIENT[0]}:124132", "crm/Contacts", 9),
            (f"{CLIENT[0]}:124133", "crm/Accounts", 2),
            ("{another-app}:124132", "crm/Accounts", 8),
        ):
            budget = ledger.error_budget(scope)
            for _ in range(count):
                with budget.reserved(endpoint) as note:
                    note(404)
    told = words(admin.get(PAGE, headers=HTML))
    assert "crm/contacts 124132 9 of 9 nothing is sent one less from" in told
    assert "crm/accounts 124133 2 of 9 calls leave at once" in told
    assert "8 of 9" not in told

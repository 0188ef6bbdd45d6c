"""The page of the connections with Airflow's own users: tests, switches and limits, against the sandbox."""

from __future__ import annotations

import json
import re
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_home import CLIENT, PERSONIO_CLIENT
from console_reading import HTML, audited, own, words
from console_rights import refuse_dags
from include.connection_fields import exact_divisions
from include.ledger import open_ledger
from include.records import StreamKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from console import Console
    from include.sandbox.server import RunningSandbox

PAGE = "/exact-console/connections/"
STORED, PERSONIO = "exact_stored", "personio_stored"
SECRET = "extra-secret-of-the-tests"
CONTACTS = "exact_contacts_to_personio_applications"


@contextmanager
def stored(conn_id: str, **fields: Any) -> Iterator[None]:
    """Keep a connection in Airflow's database for a while."""
    from airflow.models.connection import Connection  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415
    from sqlalchemy import delete  # noqa: PLC0415

    with create_session() as session:
        session.add(Connection(conn_id=conn_id, **fields))
    try:
        yield
    finally:
        with create_session() as session:
            session.execute(delete(Connection).where(Connection.conn_id == conn_id))


def extra_of(conn_id: str) -> dict[str, Any]:
    from airflow.models.connection import Connection  # noqa: PLC0415

    found: dict[str, Any] = Connection.get_connection_from_secrets(conn_id).extra_dejson
    return found


@pytest.fixture
def exact(console: Console, sandbox: RunningSandbox) -> Iterator[None]:
    extra = {
        "divisions": "124132, 124133",
        "redirect_uri": f"{console.base}/exact-console/callback",
        "refresh_token": SECRET,
    }
    fields = {"conn_type": "exact_online", "host": sandbox.url, "login": CLIENT[0], "password": CLIENT[1]}
    with stored(STORED, **fields, extra=json.dumps(extra)):
        yield


@pytest.fixture
def personio(console: Console, sandbox: RunningSandbox) -> Iterator[None]:
    extra = {"company_id": 4242, "recruiting_access_token": "sandbox-recruiting-token", "job_position_id": 1001}
    fields = {"conn_type": "personio", "host": sandbox.url}
    login = dict(zip(("login", "password"), PERSONIO_CLIENT, strict=True))
    with stored(PERSONIO, **fields, **login, extra=json.dumps(extra)):
        yield


@pytest.fixture
def logged_in(exact: None, sandbox: RunningSandbox) -> None:
    issued, now = sandbox.sandbox.exact.issue_tokens(), datetime.now(UTC)
    with open_ledger() as ledger, ledger.vault(STORED, f"{sandbox.url}|{CLIENT[0]}").locked() as chain:
        chain.replace(issued["access_token"], issued["refresh_token"], now, now + timedelta(seconds=600))


def act(client: httpx.Client, path: str, **form: Any) -> httpx.Response:
    token = re.findall(r'name="token" value="([^"]+)"', client.get(PAGE, headers=HTML).text)
    return client.post(f"{PAGE}{path}", data={"token": (token or [""])[0], **form}, headers=own(client))


def commit(division: int = 124133, dag_id: str = CONTACTS) -> None:
    stream = StreamKey(dag_id, division, "Contacts")
    with open_ledger() as ledger:
        ledger.watermarks.advance(stream, expected=None, to=5000, run_id="r1", created_from=None)


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


def test_divisions_are_asked_and_named(admin: httpx.Client, logged_in: None, sandbox: RunningSandbox) -> None:
    told = words(act(admin, f"{STORED}/divisions"))
    for number in sandbox.sandbox.exact.divisions:
        assert str(number) in told
    assert "Sandbox" in told


def test_a_switch_shows_its_effect_before_it_does_anything(admin: httpx.Client, exact: None) -> None:
    commit()
    before = extra_of(STORED)
    answer = act(admin, f"{STORED}/division", division=124132, act="off")
    told = words(answer)
    assert answer.status_code == 200
    assert "Switch division 124132 off" in told
    assert "Nothing is changed yet." in told
    assert "Scheduled runs move division 124133 from their next run on." in told
    assert "Its watermarks stay." in told
    assert extra_of(STORED) == before


def test_a_switch_keeps_everything_else_of_the_connection(admin: httpx.Client, exact: None) -> None:
    """Its secrets too, which Airflow's own answers star out."""
    before = extra_of(STORED)
    answer = act(admin, f"{STORED}/division", division=124133, act="off", before="124132,124133")
    assert answer.status_code == 303
    after = extra_of(STORED)
    assert after == before | {"divisions": "124132"}
    assert after["refresh_token"] == SECRET
    assert "switched off; its watermark stays" in words(admin.get(answer.headers["location"], headers=HTML))
    answer = act(admin, f"{STORED}/division", division=124133, act="first", before="124132")
    assert extra_of(STORED)["divisions"] == "124133, 124132"
    rows = [row for row in audited() if row[0].endswith("connection.division.done")][-2:]
    assert [json.loads(row[2])["after"] for row in rows] == ["124132", "124133,124132"]
    assert all(SECRET not in row[2] for row in audited())


def test_a_connection_that_was_changed_meanwhile_is_shown_again(admin: httpx.Client, exact: None) -> None:
    answer = act(admin, f"{STORED}/division", division=124133, act="off", before="124133,124132")
    assert answer.status_code == 200
    assert "The connection was changed meanwhile." in words(answer)
    assert extra_of(STORED)["divisions"] == "124132, 124133"


def test_what_somebody_else_writes_at_the_same_moment_is_not_lost(
    admin: httpx.Client, exact: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the connection and the change of it; a metadata database on SQLite locks no row."""
    from airflow.models.connection import Connection  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415
    from sqlalchemy import select  # noqa: PLC0415

    from exact_console.divisions import write_divisions  # noqa: PLC0415

    theirs = {**extra_of(STORED), "divisions": "124133", "theirs": "kept"}

    def write() -> None:
        with create_session() as session:
            row = session.scalar(select(Connection).where(Connection.conn_id == STORED))
            assert row
            row.set_extra(json.dumps(theirs))

    def meanwhile(fields: Any) -> tuple[int, ...]:
        other = threading.Thread(target=write)
        other.start()
        other.join()
        return exact_divisions(fields)

    monkeypatch.setattr("exact_console.divisions.exact_divisions", meanwhile)
    assert write_divisions(STORED, (124132, 124133), (124132,)) is False
    assert extra_of(STORED) == theirs


@pytest.mark.parametrize("extra", ["no JSON", "[1]"])
def test_an_extra_that_is_no_object_is_left_as_it_is(console: Console, extra: str) -> None:
    from airflow.models.connection import Connection  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415
    from sqlalchemy import Table, inspect, select, update  # noqa: PLC0415

    from exact_console.divisions import write_divisions  # noqa: PLC0415

    with stored("exact_odd", conn_type="exact_online"):
        table = inspect(Connection).local_table
        assert isinstance(table, Table)
        with create_session() as session:
            session.execute(update(table).where(table.c.conn_id == "exact_odd").values(extra=extra))
        assert write_divisions("exact_odd", (), (124132,)) is False
        with create_session() as session:
            query = select(table.c.extra).where(table.c.conn_id == "exact_odd")
            assert session.execute(query).scalar() == extra


def test_the_last_division_stays(admin: httpx.Client, exact: None) -> None:
    act(admin, f"{STORED}/division", division=124133, act="off", before="124132,124133")
    answer = act(admin, f"{STORED}/division", division=124132, act="off", before="124132")
    assert "Without one, every run fails." in words(answer)
    assert extra_of(STORED)["divisions"] == "124132"


def test_streams_of_a_division_are_named_to_who_may_read_their_dags(
    admin: httpx.Client, exact: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit()
    assert CONTACTS in admin.get(PAGE, headers=HTML).text
    refuse_dags(monkeypatch, lambda *_: True)
    assert CONTACTS not in admin.get(PAGE, headers=HTML).text


def test_environments_are_shown_and_not_switched(
    admin: httpx.Client, connect: Callable[..., None], exact: None
) -> None:
    text = admin.get(PAGE, headers=HTML).text
    assert "AIRFLOW_CONN_EXACT_ONLINE_DEFAULT" in text
    card = text.split('id="c-exact_online_default"')[1].split("</section>")[0]
    assert 'role="switch"' not in card
    told = words(act(admin, "exact_online_default/division", division=124132, act="off", before="124132"))
    assert "Without one, every run fails." in told or "cannot be changed here" in told
    told = words(act(admin, "exact_online_default/division", division=124133, act="on", before="124132"))
    assert "not kept in Airflow's database" in told


@pytest.mark.parametrize("role", ["viewer", "user"])
def test_who_may_not_edit_a_connection_sees_and_does_nothing(
    console: Console, exact: None, personio: None, role: str
) -> None:
    other = console.browser(role, name="vic")
    commit()
    text = other.get(PAGE, headers=HTML).text
    for hidden in (STORED, PERSONIO, "124132", "124133", "4242"):
        assert hidden not in text
    for path in (f"{STORED}/test", f"{STORED}/divisions", f"{STORED}/division", f"{PERSONIO}/test"):
        form = {"division": 124133, "act": "off", "before": "124132,124133"}
        assert act(other, path, **form).status_code == 403
    assert extra_of(STORED)["divisions"] == "124132, 124133"


def test_a_form_of_another_user_switches_nothing(console: Console, admin: httpx.Client, exact: None) -> None:
    eve = console.browser("admin", name="eve")
    token = re.findall(r'name="token" value="([^"]+)"', eve.get(PAGE, headers=HTML).text)[0]
    form = {"token": token, "division": 124133, "act": "off", "before": "124132,124133"}
    for path in ("division", "divisions", "test"):
        assert admin.post(f"{PAGE}{STORED}/{path}", data=form, headers=own(admin)).status_code == 403
    assert extra_of(STORED)["divisions"] == "124132, 124133"


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

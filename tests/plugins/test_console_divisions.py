"""Divisions on the page of the connections: named, and switched without touching anything else."""

from __future__ import annotations

import json
import re
import threading
from typing import TYPE_CHECKING, Any

import pytest

from console_connections import CONTACTS, PAGE, PERSONIO, SECRET, STORED, act, commit, extra_of, stored
from console_reading import HTML, audited, own, words
from console_rights import refuse_dags
from include.connection_fields import exact_divisions

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from console import Console
    from include.sandbox.server import RunningSandbox

pytestmark = pytest.mark.usefixtures("connect")


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

"""Every route of the console, as the app itself lists them: a new one without its guards fails here."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import text
from starlette.routing import Mount

from console_rights import refuse_connection, refuse_dags
from include.ledger import open_ledger
from preview_samples import RUN, keep, record, source_id

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from console import Console

HTML = {"Accept": "text/html"}
PREFIX = "/exact-console"
SAFE = {"GET", "HEAD"}
VALUES = {
    "connection_id": "exact_online_default",
    "division": "124132",
    "entity": "Contacts",
    "source_id": "00000001-0000-4000-8000-00000000abcd",
}
"""Of the parameters in paths; a new one needs a value that exists here."""
QUERY = {"run": RUN, "dag": "invented", "state": "ready", "code": "invented", "notice": "invented"}
FORM = {"division": "124133", "act": "on", "section": "contacts_to_application"}
"""What forms need beside their token."""
SHOWS_ONLY_OWN = {"/", "/callback", "/connections/", "/rejections/", "/runs/"}
"""Routes that everybody who is logged in may ask, and that show or do only what the user has a right to."""
FOR_READERS = {
    "/mapping/",
    "/reconciliation/",
    "/reconciliation/report.json",
    "/records/",
    "/records/act",
    "/records/{division}/{entity}/{source_id}",
    "/runs/one",
    "/runs/tab",
}
"""Rules, counts and ids, for who may read the DAG they are of."""

pytestmark = pytest.mark.usefixtures("connect")
FOREIGN: list[dict[str, str]] = [
    {"Origin": "https://evil.example.org", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://evil.example.org"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "null"},
    {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
    {"Origin": "http://localhost"},
    {"Origin": "OWN.evil.example.org", "Sec-Fetch-Site": "same-origin"},
    {"Origin": "https://evil.example.org", "Sec-Fetch-Site": "none"},
    {},
]


@cache
def routes() -> list[tuple[str, str]]:
    """Return method and path template of all that the app answers."""
    from exact_console.app import create_app  # noqa: PLC0415 - Airflow's settings come first

    found, others = [], []
    for route in create_app().routes:
        if isinstance(route, APIRoute):
            found += [(method, route.path) for method in sorted(route.methods)]
        else:
            others.append(route)
    # Static files hold nothing; anything else that is mounted would stand beside the guards.
    assert [(type(route), getattr(route, "path", "")) for route in others] == [(Mount, "/static")]
    assert len(found) > 5
    return found


def ask(client: httpx.Client, method: str, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
    filled = PREFIX + path.format(**VALUES)
    form = {**FORM, "token": "invented", "address": "https://localhost/?code=1"}
    data = None if method in SAFE else form
    return client.request(method, filled, params=QUERY, data=data, headers={**HTML, **(headers or {})})


def own(client: httpx.Client) -> dict[str, str]:
    return {"Origin": str(client.base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin"}


def ledger() -> dict[str, Any]:
    """Return all that the ledger holds."""
    with open_ledger() as opened, opened._database.read() as connection:
        names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
        return {name: connection.execute(text(f'SELECT * FROM "{name}"')).all() for name in names}  # noqa: S608


@pytest.fixture
def people() -> None:
    with open_ledger() as opened:
        keep(opened, [record(1)], RUN)


def test_nobody_is_let_in_anywhere_without_a_login(
    console: Console, connect: Callable[..., None], people: None
) -> None:
    before = ledger()
    for method, path in routes():
        answer = ask(console.browser(None), method, path, own(console.browser(None)))
        assert answer.status_code == 401, (method, path)
        assert source_id(1) not in answer.text
        assert "exact_online_default" not in answer.text
    assert ledger() == before


@pytest.mark.parametrize("token", ["", "invented", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEiLCJyb2xlIjoiYWRtaW4ifQ."])
def test_an_invented_session_is_none(console: Console, people: None, token: str) -> None:
    """Also one that says that it needs no signature."""
    for method, path in routes():
        client = console.browser(None)
        client.cookies.set("_token", token)
        assert ask(client, method, path, own(client)).status_code in {401, 403}, (method, path)


@pytest.mark.parametrize("role", ["viewer", "user"])
def test_who_has_no_right_sees_and_does_nothing(
    console: Console, connect: Callable[..., None], people: None, role: str
) -> None:
    before = ledger()
    for method, path in routes():
        client = console.browser(role)
        answer = ask(client, method, path, own(client))
        assert answer.status_code == 403 or path in SHOWS_ONLY_OWN | FOR_READERS, (method, path)
        assert source_id(1) not in answer.text
        assert "sanne" not in answer.text.lower()
        assert "exact_online_default" not in answer.text
    assert ledger() == before


def test_what_is_of_a_dag_is_refused_to_who_may_not_read_it(
    admin: httpx.Client, people: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Previews of other people's DAGs are as if they were not there, whatever id is guessed."""
    refuse_dags(monkeypatch, lambda *_: True)
    dag_id, _, run_id = RUN.partition("/")
    for method, path in routes():
        if path not in SHOWS_ONLY_OWN and method in SAFE:
            answer = ask(admin, method, path)
            assert answer.status_code in {403, 404} or path in {"/previews/", "/records/"}, (method, path)
            # A link back repeats what was asked, and nothing else.
            shown = answer.text.replace(quote_plus(RUN), "")
            assert dag_id not in shown, (method, path)
            assert run_id not in shown, (method, path)


@pytest.mark.parametrize("foreign", FOREIGN, ids=str)
def test_no_other_site_makes_a_user_do_something(admin: httpx.Client, foreign: dict[str, str], people: None) -> None:
    """The browser would send the cookie along."""
    shown = admin.get(f"{PREFIX}/connections/", headers=HTML).text
    token = re.findall(r'name="token" value="([^"]+)"', shown)[0]
    before = ledger()
    changing = [(method, path) for method, path in routes() if method not in SAFE]
    assert changing
    for method, path in changing:
        headers = {name: value.replace("OWN", str(admin.base_url).rstrip("/")) for name, value in foreign.items()}
        filled, form = PREFIX + path.format(**VALUES), {**FORM, "token": token, "address": "https://localhost/"}
        answer = admin.request(method, filled, data=form, headers={**HTML, **headers})
        assert answer.status_code == 403, (method, path)
    assert ledger() == before


def test_what_is_only_read_changes_nothing(admin: httpx.Client, people: None) -> None:
    """Another site may lead a browser to any address."""
    ask(admin, "GET", "/connections/")
    before = ledger()
    for method, path in routes():
        if method in SAFE:
            ask(admin, method, path, {"Sec-Fetch-Site": "cross-site"})
    assert ledger() == before


def test_no_site_may_read_answers_from_outside(admin: httpx.Client, people: None) -> None:
    """No route allows another origin, and a preflight is no way around the guards."""
    for method, path in routes():
        headers = {"Origin": "https://evil.example.org", "Access-Control-Request-Method": method}
        for answer in (ask(admin, method, path, headers), ask(admin, "OPTIONS", path, headers)):
            assert not [name for name in answer.headers if name.startswith("access-control-")], (method, path)
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
            assert answer.headers["cache-control"] == "no-store"


def test_a_connection_that_may_not_be_edited_is_refused_on_every_route_that_takes_one(
    admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A guessed name opens nothing, whoever else's it is."""
    refuse_connection(monkeypatch, "of_others")
    monkeypatch.setitem(VALUES, "connection_id", "of_others")
    token = re.findall(r'name="token" value="([^"]+)"', admin.get(f"{PREFIX}/connections/", headers=HTML).text)[0]
    taking = [(method, path) for method, path in routes() if "{connection_id}" in path]
    assert taking
    for method, path in taking:
        form = {**FORM, "token": token, "address": "https://localhost/"}
        answer = admin.request(method, PREFIX + path.format(**VALUES), data=form, headers={**HTML, **own(admin)})
        assert answer.status_code == 403, (method, path)


def test_what_stands_in_an_address_stays_text(admin: httpx.Client, people: None) -> None:
    """On every route, in every parameter that any of them reads."""
    hostile = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "' onload='x", "{{7*7}}")
    value = "".join(hostile)
    names = ["notice", "state", "code", "error", "run", "action", "record", "offset", "section"]
    names += ["stream", "before", "form", "dag", "task", "map"]
    for method, path in routes():
        for name in names if method == "GET" else []:
            answer = admin.get(PREFIX + path.format(**VALUES), params={**QUERY, name: value}, headers=HTML)
            assert not [part for part in hostile if part in answer.text], (path, name)
            assert "49" not in re.findall(r">\s*(\d+)\s*<", answer.text)
    for method, path in routes():
        if "{connection_id}" in path:
            filled = PREFIX + path.replace("{connection_id}", value.replace("/", "%2F"))
            form = {**FORM, "token": value, "address": value}
            answer = admin.request(method, filled, data=form, headers={**HTML, **own(admin)})
            assert answer.status_code in {403, 404, 409}
            assert not [part for part in hostile if part in answer.text], path


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2f..%2fapp.py", "/docs", "/openapi.json"]
)
def test_nothing_else_is_served(admin: httpx.Client, path: str) -> None:
    answer = admin.get(f"{PREFIX}{path}")
    assert answer.status_code == 404
    assert "create_app" not in answer.text

"""Wherever a service points: no client asks another host, and no token or secret gets there."""

from __future__ import annotations

import contextlib
import inspect
import json
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography.fernet import Fernet

from foreign import Foreign
from include.clients.exact import ExactClient
from include.clients.personio import PersonioClient
from include.clients.tokens import ExactTokens
from include.errors import ExactPersonioError
from include.ledger import open_ledger
from include.sandbox.faults import Fault
from include.sandbox.server import RunningSandbox
from line import DIVISION, Line
from quick import keep_connections, quick
from world import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = "00000000-0000-4000-8000-000000000001"
PERSON = {"first_name": "Vera", "last_name": "Proef", "email": "vera@example.org"}
EXACT: dict[str, Callable[[ExactClient], Any]] = {
    "pages": lambda exact: list(exact.pages("crm/Contacts")),
    "sync_pages": lambda exact: list(exact.sync_pages("Contacts", after=1, select=["FirstName"])),
    "deleted_pages": lambda exact: list(exact.deleted_pages(after=1)),
    "newest_timestamp": lambda exact: exact.newest_timestamp("Contacts"),
    "divisions": lambda exact: exact.divisions(),
    "by_ids": lambda exact: list(exact.by_ids("crm/Contacts", [KEY], ["FirstName"])),
    "get": lambda exact: exact.get("crm/Contacts", KEY),
    "count": lambda exact: exact.count("crm/Contacts"),
    "rights": lambda exact: exact.rights("crm/Contacts"),
    "me": lambda exact: exact.me(),
    "clock_skew": lambda exact: exact.clock_skew(),
    "request": lambda exact: exact.request("GET", "crm/Contacts"),
    "create": lambda exact: exact.create("crm/Accounts", {"Name": "Voorbeeld"}),
    "update": lambda exact: exact.update("crm/Accounts", KEY, {"Name": "Voorbeeld"}),
    "delete": lambda exact: exact.delete("crm/Accounts", KEY),
}
PERSONIO: dict[str, Callable[[PersonioClient], Any]] = {
    "check": lambda personio: personio.check(),
    "reserve": lambda personio: personio.reserve("employees"),
    "scopes": lambda personio: personio.scopes(),
    "clock_skew": lambda personio: personio.clock_skew(),
    "list_employees": lambda personio: list(personio.list_employees()),
    "employees_total": lambda personio: personio.employees_total(),
    "employee_attributes": lambda personio: personio.employee_attributes(),
    "find_employee": lambda personio: personio.find_employee("vera@example.org"),
    "create_employee": lambda personio: personio.create_employee(PERSON),
    "list_persons": lambda personio: list(personio.list_persons(created_after=None)),
    "create_application": lambda personio: personio.create_application({**PERSON, "job_position_id": 1001}),
    "upload_document": lambda personio: personio.upload_document("cv.pdf", b"%PDF"),
    "find_applications": lambda personio: personio.find_applications("vera@example.org"),
    "list_applications": lambda personio: list(personio.list_applications()),
    "jobs": lambda personio: personio.jobs(),
    "categories": lambda personio: personio.categories(),
    "career_positions": lambda personio: personio.career_positions(f"{personio.config.base_url}/xml?language=en"),
    "probe_recruiting": lambda personio: personio.probe_recruiting(),
}
TOKENS: dict[str, Callable[[ExactTokens], Any]] = {
    "access_token": lambda tokens: tokens.access_token(),
    "refresh_after_401": lambda tokens: tokens.refresh_after_401(tokens.access_token()),
    "keep_alive": lambda tokens: tokens.keep_alive(timedelta(0)),
    "exchange_code": lambda tokens: tokens.exchange_code("a-code", "https://localhost/callback"),
}
ASK_NOBODY = {ExactTokens: {"authorize_url"}}
LISTS = ("list_applications", "list_persons", "list_employees")
FOREIGN = {
    "another port": "http://127.0.0.1:{foreign}{path}",
    "another name": "http://localhost:{foreign}{path}",
    "no scheme": "//127.0.0.1:{foreign}{path}",
    "user info": "http://127.0.0.1:{own}@127.0.0.1:{foreign}{path}",
    "user and password": "http://start.exactonline.nl:x@127.0.0.1:{foreign}{path}",
    "backslash": "http://127.0.0.1:{own}\\@127.0.0.1:{foreign}{path}",
    "backslashes for slashes": "http:\\\\127.0.0.1:{foreign}{path}",
    "a blank before": " http://127.0.0.1:{foreign}{path}",
    "a tab within": "ht\ttp://127.0.0.1:{foreign}{path}",
    "three slashes": "http:///127.0.0.1:{foreign}{path}",
    "a fragment": "http://127.0.0.1:{foreign}#@127.0.0.1:{own}{path}",
    "a query": "http://127.0.0.1:{foreign}?@127.0.0.1:{own}{path}",
    "upper case": "HTTP://127.0.0.1:{foreign}{path}",
    "as a number": "http://2130706433:{foreign}{path}",
    "another scheme": "https://127.0.0.1:{own}{path}",
}


CLOCK = Clock()
"""Moved on before each test, so that no limit of calls is in the way."""


@pytest.fixture(scope="module")
def foreign() -> Iterator[Foreign]:
    with Foreign() as running:
        yield running


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    url, key = f"sqlite:///{tmp_path_factory.mktemp('foreign')}/ledger.db", Fernet.generate_key().decode()
    with RunningSandbox() as sandbox, open_ledger(url, key, clock=CLOCK) as ledger, quick(sandbox.url):
        sandbox.sandbox.settings.personio.limits_enabled = False
        keep_connections(ledger)
        yield Line(ledger, sandbox)


@pytest.fixture(autouse=True)
def _anew(line: Line, foreign: Foreign) -> None:
    CLOCK.sleep(7200)
    foreign.told.clear()
    line.sandbox.sandbox.faults.clear()
    line.sandbox.sandbox.log.clear()
    line.log_in()


def ask(line: Line, service: type[Any], name: str) -> BaseException | None:
    """Call a method of a client; return how it failed."""
    with contextlib.ExitStack() as open_:
        try:
            if service is PersonioClient:
                PERSONIO[name](open_.enter_context(line.personio("r")))
            elif service is ExactTokens:
                line.sandbox.sandbox.settings.exact.refresh_min_seconds = 0
                TOKENS[name](open_.enter_context(line.exact("r"))._calls._tokens)
            else:
                EXACT[name](open_.enter_context(line.exact("r")))
        except ExactPersonioError as error:
            return error
    return None


CALLS: list[tuple[type[Any], str]] = [(ExactClient, name) for name in EXACT] + [
    (PersonioClient, name) for name in PERSONIO
]
CALLS += [(ExactTokens, name) for name in TOKENS]


@pytest.mark.parametrize("service", [ExactClient, PersonioClient, ExactTokens])
def test_every_call_there_is_is_looked_at(service: type[Any]) -> None:
    """A client's new method needs its line above."""
    there = {name for name, _ in inspect.getmembers(service, inspect.isfunction) if not name.startswith("_")}
    assert there - ASK_NOBODY.get(service, set()) == {name for kind, name in CALLS if kind is service}


@pytest.mark.parametrize(("service", "name"), CALLS, ids=[f"{kind.__name__}.{name}" for kind, name in CALLS])
def test_no_redirect_is_followed(
    line: Line, foreign: Foreign, service: type[Any], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """307 would repeat a POST with its body, and in the body of a login is the secret."""
    target = f"http://127.0.0.1:{foreign.port}/moved"
    line.sandbox.sandbox.faults.add(Fault("status", times=None, status=307, headers={"Location": target}))
    with caplog.at_level(logging.DEBUG):
        error = ask(line, service, name)
    asked = line.sandbox.sandbox.log.entries()
    assert asked or name == "access_token", "the call asked nobody: this proves nothing"
    assert foreign.told == []
    assert error is not None or name in {"access_token", "scopes", "rights", "keep_alive", "check"}
    assert target not in caplog.text


def test_a_careless_client_would_have_been_caught(line: Line, foreign: Foreign) -> None:
    """The judge hears of a redirect that is followed, and of the token that goes along to the same machine."""
    target = f"http://127.0.0.1:{foreign.port}/moved"
    line.sandbox.sandbox.faults.add(Fault("status", status=307, headers={"Location": target}))
    httpx.post(f"{line.sandbox.url}/v1/auth", content="client_secret=geheim", follow_redirects=True)
    assert any("/moved" in told for told in foreign.told)
    assert any("geheim" in told for told in foreign.told)


@pytest.mark.parametrize("link", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("name", ["pages", "sync_pages", "by_ids"])
def test_no_next_page_of_exact_leads_away(line: Line, foreign: Foreign, name: str, link: str) -> None:
    """It is refused, or asked of the site that the connection names."""
    path = f"/api/v1/{DIVISION}/crm/Contacts?$skiptoken=1L"
    shown = link.format(own=urlsplit(line.sandbox.url).port, foreign=foreign.port, path=path)
    rows = [{"ID": KEY, "Timestamp": "5", "Code": 1}]
    body = json.dumps({"d": {"results": rows, "__next": shown}})
    line.sandbox.sandbox.faults.add(Fault("status", match="GET *", status=200, body=body))
    error = ask(line, ExactClient, name)
    assert foreign.told == []
    assert isinstance(error, ExactPersonioError)
    assert error.reason_code.startswith("exact.next.foreign")


@pytest.mark.parametrize("path", ["/..", "/%2e%2e/999/crm/Contacts", "/x/%2E%2e%2f%2e./999", "/..\\999", "/./../999"])
def test_no_next_page_leads_out_of_the_division(line: Line, path: str) -> None:
    """However the dots are written."""
    body = json.dumps({"d": {"results": [], "__next": f"{line.sandbox.url}/api/v1/{DIVISION}{path}"}})
    line.sandbox.sandbox.faults.add(Fault("status", match="GET *", status=200, body=body))
    error = ask(line, ExactClient, "pages")
    assert isinstance(error, ExactPersonioError)
    assert error.reason_code == "exact.next.foreign_path"
    assert [entry.kind for entry in line.sandbox.sandbox.log.entries() if "oauth" not in entry.kind] == [
        "crm/Contacts"
    ]


@pytest.mark.parametrize("link", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("name", LISTS)
def test_no_next_page_of_personio_leads_away(line: Line, foreign: Foreign, name: str, link: str) -> None:
    path = "/v2/recruiting/applications?cursor=c2"
    shown = link.format(own=urlsplit(line.sandbox.url).port, foreign=foreign.port, path=path)
    rows = [{"id": "1", "email": "vera@example.org", "attributes": {"id": {"value": 1}}}]
    links = {"next": {"href": shown}}
    body = json.dumps({"_data": rows, "_meta": {"links": links}, "links": links, "data": rows, "success": True})
    ask(line, PersonioClient, "scopes")
    line.sandbox.sandbox.faults.add(Fault("status", match="GET *", status=200, body=body))
    ask(line, PersonioClient, name)
    assert foreign.told == []


@pytest.mark.parametrize("link", FOREIGN.values(), ids=FOREIGN)
def test_the_career_page_leads_nowhere_else(line: Line, foreign: Foreign, link: str) -> None:
    """Its address may be another host's from the start; wherever it leads, no token and no secret goes along."""
    shown = link.format(own=urlsplit(line.sandbox.url).port, foreign=foreign.port, path="/xml")
    headers = {"Location": "".join(letter for letter in shown if letter.isprintable()).strip()}
    line.sandbox.sandbox.faults.add(Fault("status", match="GET *xml*", status=302, headers=headers))
    with line.personio("r") as personio:
        list(personio.list_employees())
        with contextlib.suppress(ExactPersonioError):
            personio.career_positions(f"{line.sandbox.url}/xml?language=en")
        assert foreign.told == []
        with contextlib.suppress(ExactPersonioError):
            personio.career_positions(f"http://127.0.0.1:{foreign.port}/xml")
    told = "".join(foreign.told)
    assert "/xml" in told
    assert not any(word in told for word in ("uthorization", "Bearer", "ookie", "sandbox-"))

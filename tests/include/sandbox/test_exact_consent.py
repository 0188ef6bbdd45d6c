"""Exact Online's login as a page with two buttons."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from include.sandbox.settings import EXACT_CLIENT_ID, EXACT_CLIENT_SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.sandbox.server import RunningSandbox

AUTH = "/api/oauth2/auth"
REDIRECT = "https://app.example.org/callback?tenant=1"
STATE = '"><script>alert(1)</script>'
QUERY = {"client_id": EXACT_CLIENT_ID, "redirect_uri": REDIRECT, "response_type": "code", "state": STATE}


class Page(HTMLParser):
    """What a browser would make of the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.form: dict[str, str | None] = {}
        self.fields: dict[str, str | None] = {}
        self.buttons: list[str | None] = []
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the form is made of."""
        found = dict(attrs)
        self.tags.add(tag)
        if tag == "form":
            self.form = found
        elif tag == "input":
            self.fields[str(found["name"])] = found["value"]
        elif tag == "button":
            self.buttons.append(found["value"])

    def handle_data(self, data: str) -> None:
        """Note the texts."""
        self.texts.append(data)


@pytest.fixture
def browser(sandbox: RunningSandbox) -> Iterator[httpx.Client]:
    sandbox.sandbox.settings.exact.consent = "page"
    with httpx.Client(base_url=sandbox.url) as client:
        yield client


def _decide(browser: httpx.Client, decision: str) -> dict[str, list[str]]:
    page = Page(browser.get(AUTH, params=QUERY).text)
    answer = browser.post(str(page.form["action"]), data={**page.fields, "decision": decision})
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(f"{REDIRECT}&")
    return parse_qs(urlsplit(answer.headers["location"]).query)


def test_the_page_names_app_and_user_and_escapes(browser: httpx.Client, sandbox: RunningSandbox) -> None:
    """Two buttons; what came in the address or the settings never becomes markup."""
    sandbox.sandbox.settings.exact.app_name = "Hire & <b>Go</b>"
    answer = browser.get(AUTH, params=QUERY)
    assert answer.headers["content-type"].startswith("text/html")
    page = Page(answer.text)
    assert page.buttons == ["grant", "deny"]
    assert (page.form["method"], page.fields) == ("post", QUERY)
    assert {"Hire & <b>Go</b> asks for access to Exact Online", "Sam Sandbox"} <= set(page.texts)
    assert not page.tags & {"script", "b"}


def test_grant_answers_a_code(browser: httpx.Client) -> None:
    """The code is good for tokens, and the state comes back as it was."""
    fields = _decide(browser, "grant")
    assert (set(fields), fields["state"]) == ({"tenant", "code", "state"}, [STATE])
    form = {"grant_type": "authorization_code", "code": fields["code"][0], "redirect_uri": REDIRECT}
    answer = browser.post("/api/oauth2/token", data=form, auth=(EXACT_CLIENT_ID, EXACT_CLIENT_SECRET))
    assert answer.status_code == 200


def test_deny_answers_access_denied(browser: httpx.Client) -> None:
    """No code, the error, and the state."""
    assert _decide(browser, "deny") == {"tenant": ["1"], "error": ["access_denied"], "state": [STATE]}


def test_a_form_without_decision_shows_the_page_again(browser: httpx.Client) -> None:
    """Nothing is granted by accident."""
    assert Page(browser.post(AUTH, data=QUERY).text).buttons == ["grant", "deny"]


@pytest.mark.parametrize("change", [{"client_id": "{nobody}"}, {"redirect_uri": "http://example.org/"}])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_strangers_are_refused_on_both_ways(browser: httpx.Client, method: str, change: dict[str, str]) -> None:
    """Neither page nor form serves an unknown app or an unregistered address."""
    fields = {**QUERY, **change, "decision": "grant"}
    answer = browser.get(AUTH, params=fields) if method == "GET" else browser.post(AUTH, data=fields)
    assert answer.status_code == 401


def test_the_form_is_refused_while_nobody_is_asked(browser: httpx.Client, sandbox: RunningSandbox) -> None:
    """By default the user agrees at once, and there is no form."""
    sandbox.sandbox.settings.exact.consent = "at_once"
    assert browser.post(AUTH, data={**QUERY, "decision": "grant"}).status_code == 401
    assert "code" in parse_qs(urlsplit(browser.get(AUTH, params=QUERY).headers["location"]).query)


@pytest.mark.parametrize("case", ["used", "expired", "elsewhere"])
def test_bad_codes_get_an_oauth_error(browser: httpx.Client, sandbox: RunningSandbox, case: str) -> None:
    """A used code, one that is older than code_seconds, and another redirect_uri: 400 invalid_grant."""
    sandbox.sandbox.settings.exact.code_seconds = 0 if case == "expired" else 180
    code = _decide(browser, "grant")["code"][0]
    uri = "https://app.example.org/other" if case == "elsewhere" else REDIRECT
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": uri}
    auth = (EXACT_CLIENT_ID, EXACT_CLIENT_SECRET)
    if case == "used":
        assert browser.post("/api/oauth2/token", data=form, auth=auth).status_code == 200
    answer = browser.post("/api/oauth2/token", data=form, auth=auth)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert answer.json()["error_description"]

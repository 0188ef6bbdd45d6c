from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from include.sandbox.settings import EXACT_CLIENT_ID, EXACT_CLIENT_SECRET

if TYPE_CHECKING:
    from include.sandbox.server import RunningSandbox

REDIRECT = "http://127.0.0.1:8765/callback"
APP = {"client_id": EXACT_CLIENT_ID, "client_secret": EXACT_CLIENT_SECRET}
Ask = Callable[..., httpx.Response]


@pytest.fixture
def browser(sandbox: RunningSandbox) -> Iterator[httpx.Client]:
    """Make a client without a token."""
    with httpx.Client(base_url=sandbox.url) as client:
        yield client


@pytest.fixture
def ask(browser: httpx.Client) -> Ask:
    """Ask the token endpoint."""

    def call(**fields: str) -> httpx.Response:
        return browser.post("/api/oauth2/token", data={**APP, **fields})

    return call


def _code(browser: httpx.Client, uri: str = REDIRECT) -> str:
    query = {"client_id": EXACT_CLIENT_ID, "redirect_uri": uri, "response_type": "code", "state": "s 1"}
    answer = browser.get("/api/oauth2/auth", params=query)
    assert answer.status_code == 302
    target = urlsplit(answer.headers["location"])
    assert answer.headers["location"].startswith(uri)
    fields = parse_qs(target.query)
    assert fields["state"] == ["s 1"]
    return fields["code"][0]


def _login(browser: httpx.Client, ask: Ask) -> dict[str, str]:
    answer = ask(grant_type="authorization_code", code=_code(browser), redirect_uri=REDIRECT)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def _renew(ask: Ask, token: str) -> httpx.Response:
    return ask(grant_type="refresh_token", refresh_token=token)


def test_login_answers_text_lifetimes(browser: httpx.Client, ask: Ask) -> None:
    """expires_in is the text 600, token_type lower-case bearer, and the tokens hold ! . - _."""
    grant = _login(browser, ask)
    assert (grant["expires_in"], grant["token_type"]) == ("600", "bearer")
    assert all(mark in grant["refresh_token"] for mark in "!.-_")
    headers = {"Authorization": f"Bearer {grant['access_token']}", "Accept": "application/json"}
    assert browser.get("/api/v1/current/Me", headers=headers).status_code == 200


def test_code_works_once_for_three_minutes(browser: httpx.Client, ask: Ask, sandbox: RunningSandbox) -> None:
    """A used, an old and a redirected-elsewhere code are 400."""
    code = _code(browser)
    assert ask(grant_type="authorization_code", code=code, redirect_uri=REDIRECT).status_code == 200
    assert ask(grant_type="authorization_code", code=code, redirect_uri=REDIRECT).status_code == 400
    code = _code(browser)
    sandbox.sandbox.clock.advance(timedelta(minutes=3))
    assert ask(grant_type="authorization_code", code=code, redirect_uri=REDIRECT).status_code == 400
    code = _code(browser)
    other = "https://example.org/other"
    assert ask(grant_type="authorization_code", code=code, redirect_uri=other).status_code == 400


@pytest.mark.parametrize(
    ("client_id", "uri"), [("{nobody}", REDIRECT), (EXACT_CLIENT_ID, "http://example.org/cb"), (EXACT_CLIENT_ID, "")]
)
def test_authorize_refuses_strangers(browser: httpx.Client, client_id: str, uri: str) -> None:
    """An unknown app, or a redirect URI that is neither https nor on this machine, is 401."""
    query = {"client_id": client_id, "redirect_uri": uri, "response_type": "code"}
    assert browser.get("/api/oauth2/auth", params=query).status_code == 401


def test_registered_uris_are_the_only_ones(browser: httpx.Client, sandbox: RunningSandbox) -> None:
    """Once URIs are registered, others are 401."""
    sandbox.sandbox.settings.exact.redirect_uris = ["https://example.org/cb"]
    _code(browser, "https://example.org/cb")
    query = {"client_id": EXACT_CLIENT_ID, "redirect_uri": REDIRECT, "response_type": "code"}
    assert browser.get("/api/oauth2/auth", params=query).status_code == 401


def test_refresh_is_too_early_before_570_seconds(browser: httpx.Client, ask: Ask, sandbox: RunningSandbox) -> None:
    """At 569 s: 400 with the known body and Reason, and the token is not burnt; at 570 s it works."""
    grant = _login(browser, ask)
    sandbox.sandbox.clock.advance(timedelta(seconds=569))
    early = _renew(ask, grant["refresh_token"])
    text = "Rate limit exceeded: access_token not expired"
    assert early.status_code == 400
    assert early.json() == {"error": "access_denied", "error_description": text}
    assert early.headers["Reason"] == f"TooEarlyToRefreshTokens: {text}"
    sandbox.sandbox.clock.advance(timedelta(seconds=1))
    assert _renew(ask, grant["refresh_token"]).status_code == 200


def test_refresh_token_rotates(browser: httpx.Client, ask: Ask, sandbox: RunningSandbox) -> None:
    """The old token is 401 at once, unless a grace is set; the new one works."""
    first = _login(browser, ask)["refresh_token"]
    sandbox.sandbox.clock.advance(timedelta(seconds=600))
    second = _renew(ask, first).json()["refresh_token"]
    old = _renew(ask, first)
    assert old.status_code == 401
    assert old.json() == {"error": "unauthorized_client", "error_description": "Old refresh token used."}
    sandbox.sandbox.clock.advance(timedelta(seconds=600))
    sandbox.sandbox.settings.exact.refresh_grace_seconds = 900
    assert _renew(ask, first).status_code == 200
    assert second != first


def test_refresh_token_ends_after_thirty_days(browser: httpx.Client, ask: Ask, sandbox: RunningSandbox) -> None:
    """The refusal tells both moments in American form."""
    token = _login(browser, ask)["refresh_token"]
    sandbox.sandbox.clock.advance(timedelta(days=30, seconds=1))
    answer = _renew(ask, token)
    assert answer.status_code == 400
    assert answer.json() == {
        "error": "invalid_request",
        "error_description": (
            "The refresh token expired at 7/25/2026 2:14:12 PM and it is now 7/25/2026 2:14:13 PM."
        ),
    }


def test_new_login_ends_the_old_chain(browser: httpx.Client, ask: Ask, sandbox: RunningSandbox) -> None:
    """One chain per user and app: after a second login the first chain is refused, as is a made-up token."""
    token = _login(browser, ask)["refresh_token"]
    _login(browser, ask)
    sandbox.sandbox.clock.advance(timedelta(seconds=600))
    for bad in (token, "made-up"):
        answer = _renew(ask, bad)
        assert answer.status_code == 400
        text = "Token is not allowed, because of invalid or empty chainId"
        assert answer.json() == {"error": "invalid_grant", "error_description": text}


def test_basic_authentication_works_too(browser: httpx.Client) -> None:
    """Client id and secret may come in a Basic header instead of the body."""
    fields = {"grant_type": "authorization_code", "code": _code(browser), "redirect_uri": REDIRECT}
    auth = (EXACT_CLIENT_ID, EXACT_CLIENT_SECRET)
    assert browser.post("/api/oauth2/token", data=fields, auth=auth).status_code == 200


def test_token_endpoint_wants_a_form(browser: httpx.Client, ask: Ask) -> None:
    """JSON bodies, other grants, wrong secrets and GET are refused."""
    assert browser.post("/api/oauth2/token", json=APP).status_code == 400
    assert ask(grant_type="client_credentials").status_code == 400
    assert ask(grant_type="refresh_token", client_secret="wrong").status_code == 400
    assert browser.get("/api/oauth2/token").status_code == 405


def test_expired_token_says_so(http: httpx.Client, sandbox: RunningSandbox) -> None:
    """After 600 s the API answers 401 with an empty body and an encoded message in WWW-Authenticate."""
    sandbox.sandbox.clock.advance(timedelta(seconds=600))
    answer = http.get("/api/v1/current/Me")
    assert (answer.status_code, answer.content) == (401, b"")
    assert "access%20token%20expired" in answer.headers["WWW-Authenticate"]
    assert answer.headers["Reason"] == "Authentication Required"


def test_expiring_and_revoking_by_hand(browser: httpx.Client, ask: Ask, sandbox: RunningSandbox) -> None:
    """Expired tokens may be renewed at once; revoked ones need a new login."""
    exact = sandbox.sandbox.exact
    grant = exact.issue_tokens()
    exact.expire_tokens()
    renewed = _renew(ask, grant["refresh_token"])
    assert renewed.status_code == 200
    exact.revoke_tokens()
    assert _renew(ask, renewed.json()["refresh_token"]).status_code == 400

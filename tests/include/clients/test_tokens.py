from __future__ import annotations

import dataclasses
import json
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from include.errors import (
    CredentialsError,
    ProtocolError,
    RateLimitedError,
    ServiceUnavailableError,
)
from token_answers import EARLY, EXPIRED, NO_CHAIN, OLD, T0, Clock, fresh

if TYPE_CHECKING:
    from include.clients.tokens import ExactTokens
    from tests.include.clients.conftest import Service, Vault


@pytest.mark.parametrize("seconds", [0, 300, 569])
def test_no_refresh_before_570_seconds(tokens: ExactTokens, service: Service, clock: Clock, seconds: float) -> None:
    clock.at(seconds)
    assert tokens.access_token() == "access-one"
    assert service.requests == []


def test_slow_answer_delays_the_next_refresh(
    tokens: ExactTokens, service: Service, vault: Vault, clock: Clock
) -> None:
    """An answer that took 35 seconds was issued nobody knows when: the rule counts from its arrival."""
    assert vault.current is not None
    vault.current = dataclasses.replace(vault.current, obtained_at=T0 + timedelta(seconds=35))
    clock.at(599)
    assert tokens.access_token() == "access-one"
    assert service.requests == []


def test_refresh_at_570_seconds_is_saved_before_use(
    tokens: ExactTokens, service: Service, vault: Vault, clock: Clock
) -> None:
    """The form holds exactly the four fields; the string "600" is a number of seconds."""
    clock.at(570)
    service.answers = [fresh()]
    assert tokens.access_token() == "access-two"
    assert vault.current is not None
    assert (vault.current.refresh_token, vault.current.generation) == ("refresh-two!", 2)
    assert vault.current.expires_at == T0 + timedelta(seconds=1170)
    assert parse_qs(service.requests[0].content.decode()) == {
        "grant_type": ["refresh_token"],
        "refresh_token": ["refresh-one"],
        "client_id": ["{12345678-abcd}"],
        "client_secret": ["s!ecret"],
    }
    assert "authorization" not in service.requests[0].headers


def test_whoever_waited_for_the_lock_reads_again(
    tokens: ExactTokens, service: Service, vault: Vault, clock: Clock
) -> None:
    """Another process refreshed while we waited: no second refresh."""
    clock.at(580)
    assert vault.current is not None
    newer = dataclasses.replace(
        vault.current, access_token="theirs", obtained_at=clock.now, expires_at=clock.now + timedelta(600)
    )

    def other_process() -> None:
        vault.current = newer

    vault.on_lock = other_process
    assert tokens.access_token() == "theirs"
    assert tokens.refresh_after_401("access-one") == "theirs"
    assert service.requests == []


def test_too_early_goes_on_with_the_current_token(tokens: ExactTokens, service: Service, clock: Clock) -> None:
    """Exact's "not expired" is no failure, and it is not asked again at once: each refusal counts as an error."""
    clock.at(575)
    service.answers = [httpx.Response(400, json=EARLY)]
    assert [tokens.access_token(), tokens.access_token()] == ["access-one", "access-one"]
    assert len(service.requests) == 1


def test_refused_token_that_cannot_be_renewed_yet(tokens: ExactTokens, service: Service, clock: Clock) -> None:
    """A 401 soon after a refresh: one try, then the time when Exact allows another."""
    clock.at(100)
    service.answers = [httpx.Response(400, json=EARLY)]
    for _ in range(2):
        with pytest.raises(RateLimitedError) as caught:
            tokens.refresh_after_401("access-one")
        assert caught.value.retry_at == T0 + timedelta(seconds=570)
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (httpx.Response(401, json=OLD), "exact.refresh_token.old"),
        (httpx.Response(400, json=EXPIRED), "exact.refresh_token.expired"),
        (httpx.Response(400, json=NO_CHAIN), "exact.refresh_token.chain"),
        (httpx.Response(400, json={"error": "invalid_client"}), "exact.client.refused"),
    ],
    ids=["old", "expired", "chain", "client"],
)
def test_dead_chain_names_the_command_and_is_not_asked_again(
    tokens: ExactTokens, service: Service, clock: Clock, answer: httpx.Response, code: str
) -> None:
    clock.at(700)
    service.answers = [answer]
    for _ in range(2):
        with pytest.raises(CredentialsError, match="exact-personio login --conn-id exact_two") as caught:
            tokens.access_token()
        assert caught.value.reason_code == code
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [httpx.Response(200), httpx.Response(500, text="Failed to execute"), httpx.ReadTimeout("slow")],
    ids=["empty", "500", "timeout"],
)
def test_no_clear_answer_may_be_tried_again(
    tokens: ExactTokens, service: Service, vault: Vault, clock: Clock, answer: httpx.Response | Exception
) -> None:
    """The old link is kept: it is all there is to try."""
    clock.at(700)
    service.answers = [answer, fresh()]
    with pytest.raises(ServiceUnavailableError):
        tokens.access_token()
    assert vault.current is not None
    assert vault.current.refresh_token == "refresh-one"
    assert tokens.access_token() == "access-two"


def test_token_call_waits_long_enough(tokens: ExactTokens, service: Service, clock: Clock) -> None:
    """Answers took 35 seconds; hanging up earlier loses the chain."""
    clock.at(700)
    service.answers = [fresh()]
    tokens.access_token()
    assert service.requests[0].extensions["timeout"]["read"] >= 60


def test_empty_vault_starts_from_the_connection(tokens: ExactTokens, service: Service, vault: Vault) -> None:
    vault.current = None
    service.answers = [fresh()]
    assert tokens.access_token() == "access-two"
    assert parse_qs(service.requests[0].content.decode())["refresh_token"] == ["first!.-_"]


def test_login_by_browser(tokens: ExactTokens, service: Service, vault: Vault) -> None:
    url = urlsplit(tokens.authorize_url("https://x.example.org/back", "state-1"))
    assert url.path == "/api/oauth2/auth"
    assert parse_qs(url.query) == {
        "response_type": ["code"],
        "client_id": ["{12345678-abcd}"],
        "redirect_uri": ["https://x.example.org/back"],
        "state": ["state-1"],
    }
    service.answers = [fresh("login")]
    stored = tokens.exchange_code("code-1", "https://x.example.org/back")
    assert vault.current is stored
    form = parse_qs(service.requests[0].content.decode())
    assert (form["grant_type"], form["code"]) == (["authorization_code"], ["code-1"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"access_token": None},
        {"access_token": 7},
        {"access_token": ""},
        {"refresh_token": None},
        {"refresh_token": {"value": "refresh-two!"}},
        {"expires_in": "soon"},
        {"expires_in": "0"},
        {"expires_in": -600},
        {"expires_in": 10**30},
        {"expires_in": 1e400},
        {"expires_in": None},
    ],
    ids=str,
)
def test_answer_that_holds_no_token_is_not_kept_as_one(
    tokens: ExactTokens, service: Service, vault: Vault, clock: Clock, wrong: dict[str, object]
) -> None:
    clock.at(570)
    before = vault.current
    assert before is not None
    answer = json.dumps({**json.loads(fresh().content), **wrong})
    service.answers = [httpx.Response(200, content=answer, headers={"Content-Type": "application/json"})]
    with pytest.raises(ProtocolError) as caught:
        tokens.access_token()
    assert caught.value.reason_code == "exact.token.malformed"
    assert "refresh-" not in str(caught.value)
    kept = vault.current
    assert kept is not None
    assert (kept.access_token, kept.refresh_token, kept.generation) == (
        before.access_token,
        before.refresh_token,
        before.generation,
    )

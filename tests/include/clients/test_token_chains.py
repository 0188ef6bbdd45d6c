"""Chains of tokens that die, begin anew, are kept alive; and what is counted and shown meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import httpx
import pytest

from include.clients.tokens import ExactTokens
from include.errors import (
    CredentialsError,
    ErrorBudgetSpentError,
    ExactPersonioError,
    RateLimitedError,
)
from include.transport import build_http
from token_answers import EARLY, OLD, T0, Clock, fresh

if TYPE_CHECKING:
    from tests.include.clients.conftest import Service, State, Vault


def another(tokens: ExactTokens, vault: Vault, clock: Clock, *, bootstrap: str | None = "first!.-_") -> ExactTokens:
    """Return what another process would use."""
    return ExactTokens(
        http=tokens._oauth.session._http,
        client_id="{12345678-abcd}",
        client_secret="s!ecret",
        vault=vault,
        bootstrap_refresh_token=bootstrap,
        now=clock,
    )


def test_dead_chain_is_known_to_every_process_until_a_login(
    tokens: ExactTokens, service: Service, vault: Vault, clock: Clock
) -> None:
    """Ten refused tokens an hour block the key: only the first process asks. A login begins anew."""
    clock.at(700)
    service.answers = [httpx.Response(401, json=OLD)]
    with pytest.raises(CredentialsError):
        tokens.access_token()
    for _ in range(20):
        with pytest.raises(CredentialsError) as caught:
            another(tokens, vault, clock).access_token()
        assert caught.value.reason_code == "exact.refresh_token.old"
    assert len(service.requests) == 1
    service.answers = [fresh("login")]
    another(tokens, vault, clock).exchange_code("code", "https://x.example.org/back")
    assert tokens.access_token() == "access-login"


def test_dead_chain_begins_anew_with_another_bootstrap_token(
    tokens: ExactTokens, service: Service, vault: Vault, clock: Clock
) -> None:
    """Somebody entered a new one in the connection; the one of the dead chain is not tried again."""
    clock.at(700)
    service.answers = [httpx.Response(401, json=OLD), fresh("new")]
    with pytest.raises(CredentialsError):
        tokens.access_token()
    assert another(tokens, vault, clock, bootstrap="second").access_token() == "access-new"
    assert parse_qs(service.requests[1].content.decode())["refresh_token"] == ["second"]


def test_wrong_secret_does_not_kill_the_chain(
    tokens: ExactTokens, service: Service, vault: Vault, clock: Clock
) -> None:
    clock.at(700)
    service.answers = [httpx.Response(400, json={"error": "invalid_client"}), fresh()]
    with pytest.raises(CredentialsError):
        tokens.access_token()
    assert another(tokens, vault, clock).access_token() == "access-two"


def test_young_bootstrap_token_waits(tokens: ExactTokens, service: Service, vault: Vault) -> None:
    """Whoever got it did so less than 570 seconds ago: that is no missing login."""
    vault.current = None
    service.answers = [httpx.Response(400, json=EARLY)]
    with pytest.raises(RateLimitedError) as caught:
        tokens.access_token()
    assert caught.value.retry_at == T0 + timedelta(seconds=570)


def test_refusals_are_counted_and_stop_before_the_tenth(
    service: Service, vault: Vault, clock: Clock, state: State
) -> None:
    """A wrong secret, process after process: the budget ends it, not Exact."""
    clock.at(700)
    with build_http(base_url="https://start.exactonline.nl", transport=httpx.MockTransport(service)) as http:
        for number in range(12):
            service.answers = [httpx.Response(400, json={"error": "invalid_client"})]
            asked = ExactTokens(http=http, client_id="a", client_secret="b", vault=vault, budget=state, now=clock)
            with pytest.raises(CredentialsError if number < 9 else ErrorBudgetSpentError):
                asked.access_token()
    assert len(service.requests) == 9


@pytest.mark.parametrize("days", [0.5, 1, 29])
def test_idle_chain_is_kept_alive(
    tokens: ExactTokens, service: Service, vault: Vault, clock: Clock, days: float
) -> None:
    renewed = days >= 1
    clock.now = T0 + timedelta(days=days)
    service.answers = [fresh()]
    assert tokens.keep_alive(timedelta(days=1)) is renewed
    assert vault.current is not None
    assert vault.current.generation == (2 if renewed else 1)
    assert len(service.requests) == int(renewed)


@pytest.mark.parametrize(
    "case",
    [
        ({"error": "invalid_grant"}, 20, "exact.code.used"),
        ({"error": "invalid_grant"}, 181, "exact.code.expired"),
        ({"error": "invalid_grant", "error_description": "redirect_uri differs"}, 20, "exact.redirect_uri.refused"),
        ({"error": "invalid_client"}, 20, "exact.client.refused"),
    ],
    ids=["used", "old", "redirect", "client"],
)
def test_refused_code_has_a_sentence(
    tokens: ExactTokens, service: Service, vault: Vault, clock: Clock, case: tuple[dict[str, str], int, str]
) -> None:
    """The chain that was there stays as it was."""
    before, (body, waited, code) = vault.current, case
    clock.at(waited)
    service.answers = [httpx.Response(400, json=body)]
    with pytest.raises(ExactPersonioError) as caught:
        tokens.exchange_code("c", "https://x.example.org/back", asked_at=T0)
    assert caught.value.reason_code == code
    assert vault.current is before


def test_every_token_is_masked_before_it_is_used(service: Service, vault: Vault, clock: Clock) -> None:
    masked: list[str] = []
    clock.at(700)
    service.answers = [fresh()]
    with build_http(base_url="https://start.exactonline.nl", transport=httpx.MockTransport(service)) as http:
        tokens = ExactTokens(http=http, client_id="a", client_secret="b", vault=vault, mask=masked.append, now=clock)
        assert tokens.access_token() in masked
    assert "refresh-two!" in masked


def test_secrets_do_not_show_in_a_repr(vault: Vault) -> None:
    assert "refresh-one" not in repr(vault.current)
    assert "access-one" not in repr(vault.current)

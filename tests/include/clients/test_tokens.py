from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from include.clients.tokens import ExactTokens
from include.errors import (
    CredentialsError,
    ErrorBudgetSpentError,
    ExactPersonioError,
    RateLimitedError,
    ServiceUnavailableError,
)
from include.transport import build_http

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.include.clients.conftest import Service, State, Vault

T0 = datetime(2026, 6, 25, 14, 0, tzinfo=UTC)
OLD = {"error": "unauthorized_client", "error_description": "Old refresh token used."}
EXPIRED = {
    "error": "invalid_request",
    "error_description": "The refresh token expired at 10/11/2022 9:18:20 PM and it is now 10/28/2022 4:15:50 PM.",
}
NO_CHAIN = {
    "error": "invalid_grant",
    "error_description": "Token is not allowed, because of invalid or empty chainId",
}
EARLY = {"error": "access_denied", "error_description": "Rate limit exceeded: access_token not expired"}


class Clock:
    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> datetime:
        return self.now

    def at(self, seconds: float) -> None:
        self.now = T0 + timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(service: Service, vault: Vault, clock: Clock) -> Iterator[ExactTokens]:
    with build_http(base_url="https://start.exactonline.nl", transport=httpx.MockTransport(service)) as http:
        yield ExactTokens(
            http=http,
            client_id="{12345678-abcd}",
            client_secret="s!ecret",
            vault=vault,
            bootstrap_refresh_token="first!.-_",
            conn_id="exact_two",
            now=clock,
        )


def fresh(name: str = "two") -> httpx.Response:
    return httpx.Response(
        200,
        json={
            "access_token": f"access-{name}",
            "token_type": "bearer",
            "expires_in": "600",
            "refresh_token": f"refresh-{name}!",
        },
    )


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

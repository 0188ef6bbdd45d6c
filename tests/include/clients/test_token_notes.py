"""What one process learns of a renewal and all others know: that it is too early, that an answer was lost."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from include.clients.tokens import ExactTokens
from include.errors import CredentialsError, RateLimitedError, ServiceUnavailableError
from token_answers import EARLY, OLD, T0, Clock, fresh

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.clients.ports import StoredToken
    from tests.include.clients.conftest import Service, Vault

REFUSED = httpx.Response(400, json=EARLY)


@pytest.fixture
def another(tokens: ExactTokens, vault: Vault, clock: Clock) -> Callable[[], ExactTokens]:
    """Return a function that makes what another process would use."""

    def make() -> ExactTokens:
        session = tokens._oauth.session
        return ExactTokens(
            http=session._http, client_id="a", client_secret="b", vault=vault, conn_id="exact_two", now=clock
        )

    return make


def link(vault: Vault) -> StoredToken:
    assert vault.current is not None
    return vault.current


def test_too_early_is_asked_once_by_all_processes(
    another: Callable[[], ExactTokens], service: Service, vault: Vault, clock: Clock
) -> None:
    """The clock was put forward: the token is good until Exact refuses it, and nobody else asks."""
    clock.at(900)
    service.answers = [REFUSED]
    assert [another().access_token() for _ in range(12)] == ["access-one"] * 12
    clock.at(900 + 569)
    assert another().access_token() == "access-one"
    assert len(service.requests) == 1
    assert link(vault).asked_at is None
    service.answers = [fresh()]
    assert another().refresh_after_401("access-one") == "access-two"
    assert (link(vault).asked_at, link(vault).early_at) == (None, None)


def test_too_early_is_asked_again_when_it_cannot_be_any_more(
    another: Callable[[], ExactTokens], service: Service, clock: Clock
) -> None:
    clock.at(900)
    service.answers = [REFUSED, fresh()]
    another().access_token()
    clock.at(900 + 570)
    assert another().access_token() == "access-two"


def test_young_token_that_is_refused_is_asked_for_once(
    another: Callable[[], ExactTokens], service: Service, clock: Clock
) -> None:
    """Every process gets the time at which there may be another one, and one of them has asked."""
    clock.at(100)
    service.answers = [REFUSED]
    for _ in range(12):
        with pytest.raises(RateLimitedError) as caught:
            another().refresh_after_401("access-one")
        assert (caught.value.reason_code, caught.value.retry_at) == (
            "exact.token.too_early",
            T0 + timedelta(seconds=570),
        )
    # Somebody else may have more luck with it: not every refusal is about the token.
    assert another().access_token() == "access-one"
    assert len(service.requests) == 1


def test_renewal_is_noted_before_it_is_sent(
    tokens: ExactTokens, service: Service, vault: Vault, clock: Clock
) -> None:
    """A process that is killed meanwhile leaves it behind."""
    clock.at(700)
    noted = []

    def answer(_request: httpx.Request) -> httpx.Response:
        noted.append(link(vault).asked_at)
        return fresh()

    service.answers = [answer]
    tokens.access_token()
    assert noted == [clock.now]
    assert link(vault).asked_at is None


def lost(tokens: ExactTokens, service: Service, clock: Clock) -> None:
    """Let an answer get lost after Exact has moved the chain on, at 700 seconds."""
    clock.at(700)
    service.answers = [httpx.ReadTimeout("slow")]
    with pytest.raises(ServiceUnavailableError, match="login"):
        tokens.access_token()


def test_lost_answer_is_waited_for_by_all(
    tokens: ExactTokens, another: Callable[[], ExactTokens], service: Service, clock: Clock
) -> None:
    """Exact still knows the old token and finds it too young: it has made a new one, and repeats it after 570 s."""
    lost(tokens, service, clock)
    clock.at(760)
    service.answers = [REFUSED]
    for use in (ExactTokens.access_token, lambda tokens: tokens.refresh_after_401("access-one")) * 6:
        with pytest.raises(RateLimitedError, match="exact-personio login --conn-id exact_two") as caught:
            use(another())
        assert caught.value.reason_code == "exact.token.answer_lost"
        assert caught.value.retry_at == T0 + timedelta(seconds=700 + 570)
    assert len(service.requests) == 2
    clock.at(700 + 570)
    service.answers = [fresh()]
    assert another().access_token() == "access-two"


def test_lost_answer_that_comes_later_still(
    tokens: ExactTokens, another: Callable[[], ExactTokens], service: Service, clock: Clock
) -> None:
    """Exact took a while to answer, so it counts from later: every thirty seconds one process asks."""
    lost(tokens, service, clock)
    for seconds in (760, 1270, 1300):
        clock.at(seconds)
        service.answers = [REFUSED]
        for _ in range(3):
            with pytest.raises(RateLimitedError):
                another().access_token()
    clock.at(1330)
    service.answers = [fresh()]
    assert another().access_token() == "access-two"
    assert len(service.requests) == 5


def test_lost_answer_where_the_old_token_is_refused(
    tokens: ExactTokens, another: Callable[[], ExactTokens], service: Service, clock: Clock
) -> None:
    lost(tokens, service, clock)
    service.answers = [httpx.Response(401, json=OLD)]
    for _ in range(3):
        with pytest.raises(CredentialsError, match="whose answer was lost"):
            another().access_token()
    assert len(service.requests) == 2


@pytest.mark.parametrize(
    "answer",
    [httpx.ConnectError("away"), httpx.Response(429), httpx.Response(400, json={"error": "invalid_client"})],
    ids=["never sent", "limited", "wrong secret"],
)
def test_renewal_that_was_refused_is_not_a_lost_one(
    tokens: ExactTokens, service: Service, vault: Vault, clock: Clock, answer: httpx.Response | Exception
) -> None:
    """Exact has not moved the chain on: nothing is left behind."""
    clock.at(700)
    service.answers = [answer]
    with pytest.raises((RateLimitedError, ServiceUnavailableError, CredentialsError)):
        tokens.access_token()
    assert link(vault).asked_at is None


def test_dead_and_young_at_once_is_lost(another: Callable[[], ExactTokens], service: Service, clock: Clock) -> None:
    """Its time is over, Exact refuses it and yet gives no other: somebody else has the link in its place."""
    clock.at(700)
    service.answers = [REFUSED]
    used = another().access_token()
    with pytest.raises(RateLimitedError):
        another().refresh_after_401(used)
    for _ in range(5):
        with pytest.raises(RateLimitedError) as caught:
            another().access_token()
        assert caught.value.retry_at == T0 + timedelta(seconds=700 + 570)
    assert len(service.requests) == 1


def test_refusal_after_somebody_else_has_renewed(
    tokens: ExactTokens, service: Service, vault: Vault, clock: Clock
) -> None:
    """The lock was lost under way, and another process was quicker: its link is used, and not declared dead."""
    clock.at(700)
    newer = dataclasses.replace(link(vault), access_token="theirs", refresh_token="next", generation=2)
    before = vault.current

    def answer(_request: httpx.Request) -> httpx.Response:
        vault.current = newer
        return httpx.Response(401, json=OLD)

    service.answers = [answer]
    assert tokens.access_token() == "theirs"
    assert vault.current == newer != before

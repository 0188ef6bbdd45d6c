"""No answer that counts at the service goes uncounted here, and no write is begun again by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from include.clients.tokens import ExactTokens
from include.errors import ExactPersonioError, RetryLaterError, ServiceUnavailableError
from include.transport import build_http

if TYPE_CHECKING:
    from include.clients.exact import ExactClient
    from include.clients.personio import PersonioClient
    from tests.include.clients.conftest import Service, State, Vault

PAGE = "<html><h2>Bad Request - Invalid URL</h2></html>"


def test_400_with_a_gateways_page_counts(exact: ExactClient, service: Service, state: State) -> None:
    """However often the task is tried: nine reach Exact, the tenth would block the key."""
    service.answers = [httpx.Response(400, text=PAGE) for _ in range(20)]
    for _ in range(4):
        with pytest.raises(ExactPersonioError):
            exact.get("crm/Accounts", "00000000-0000-0000-0000-000000000001", select=("ID",))
    assert len(service.requests) == 9
    assert state.errors == [("crm/Accounts", 400)] * 9


@pytest.mark.parametrize("answer", [httpx.Response(502), httpx.ReadTimeout("no answer")])
def test_renewal_without_an_answer_counts(vault: Vault, service: Service, state: State, answer: Any) -> None:
    """Exact may have moved the chain on, and refuses each further try, which a gateway can hide for as long."""
    service.answers = [answer] * 20
    with build_http(base_url="https://start.exactonline.nl", transport=httpx.MockTransport(service)) as http:
        for _ in range(12):
            tokens = ExactTokens(http=http, client_id="{1}", client_secret="s", vault=vault, budget=state)
            with pytest.raises(RetryLaterError):
                tokens.access_token()
    assert len(service.requests) == 9


def test_division_less_calls_have_the_budget_of_the_key(exact: ExactClient, service: Service, state: State) -> None:
    me = httpx.Response(200, json={"d": {"results": [{"CurrentDivision": 1}]}})
    service.answers = [me, httpx.Response(200, json={"d": []})]
    exact.me()
    exact.get("crm/Accounts", "00000000-0000-0000-0000-000000000001", select=("ID",))
    assert state.reservations == [("current/Me", False), ("crm/Accounts", True)]


def test_hold_comes_before_each_sending_and_after_each_wait(
    exact: ExactClient, service: Service, state: State
) -> None:
    """The minute's slot, the room for an error and the token are there, and nothing has left yet."""
    seen: list[tuple[int, int, int]] = []

    def hold() -> None:
        seen.append((len(service.requests), len(state.slept), len(state.reservations)))

    state.waits = [30.0]
    later = {"X-RateLimit-Minutely-Reset": "5"}
    service.answers = [httpx.Response(429, headers=later), httpx.Response(201, json={"d": {"ID": "1"}})]
    assert exact.create("crm/Accounts", {"Name": "Acme"}, hold=hold) == {"ID": "1"}
    assert seen == [(0, 1, 1), (1, 2, 2)]


@pytest.mark.parametrize("unlisted", [False, True])
def test_what_hold_raises_stops_the_sending(exact: ExactClient, service: Service, *, unlisted: bool) -> None:
    def hold() -> None:
        raise RetryLaterError("taken over", reason_code="ledger.write.under_way")

    with pytest.raises(RetryLaterError, match="taken over"):
        exact.request("POST", "crm/Accounts", json={"Name": "Acme"}, unlisted=unlisted, hold=hold)
    assert service.requests == []


def test_write_is_begun_once_whatever_its_lease_covers(
    personio: PersonioClient, service: Service, state: State
) -> None:
    service.answers = [httpx.ConnectTimeout("no way")]
    with pytest.raises(ServiceUnavailableError):
        personio.create_application({"email": "ada@example.org"})
    assert len(service.requests) == 1
    assert state.slept == []

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from include.errors import RateLimitedError

if TYPE_CHECKING:
    from include.clients.exact import ExactClient
    from tests.include.clients.conftest import Service, State

RESET = 1782396060000  # 2026-06-25T14:01:00Z


def page(*rows: dict[str, Any], following: str | None = None) -> httpx.Response:
    data: dict[str, Any] = {"results": list(rows)}
    if following:
        data["__next"] = following
    return httpx.Response(200, json={"d": data})


@pytest.mark.parametrize("reset", [RESET, RESET // 1000, 20], ids=["ms", "s", "remaining"])
def test_minutely_429_waits_by_the_servers_clock(
    exact: ExactClient, service: Service, state: State, reset: int
) -> None:
    """Only the Minutely headers come on a minutely 429; milliseconds and seconds both mean 20 seconds."""
    headers = {
        "Date": "Thu, 25 Jun 2026 14:00:40 GMT",
        "X-RateLimit-Minutely-Limit": "60",
        "X-RateLimit-Minutely-Remaining": "0",
        "X-RateLimit-Minutely-Reset": str(reset),
    }
    service.answers = [httpx.Response(429, headers=headers), page()]
    list(exact.pages("crm/Contacts"))
    assert state.slept == [20.0]
    assert state.blocked == [("exact:124132:minute", 20.0)]
    assert state.learned == [("exact:124132:minute", 0, 20.0)]
    assert state.errors == []


def test_day_429_names_the_time(exact: ExactClient, service: Service, state: State) -> None:
    """The day's limit is not slept out: the header's "0" is a number."""
    headers = {
        "Date": "Thu, 25 Jun 2026 14:00:00 GMT",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "1782432000000",
    }
    service.answers = [httpx.Response(429, headers=headers)]
    with pytest.raises(RateLimitedError) as caught:
        list(exact.pages("crm/Contacts"))
    assert caught.value.retry_at is not None
    assert state.blocked == [("exact:124132:day", 36_000.0)]
    assert state.slept == []


def test_429_without_headers(exact: ExactClient, service: Service, state: State) -> None:
    """The first waits for the next minute, the second is taken for the block for errors."""
    service.answers = [httpx.Response(429, headers={"Date": "Thu, 25 Jun 2026 14:00:40 GMT"})] * 2
    with pytest.raises(RateLimitedError) as caught:
        list(exact.pages("crm/Contacts"))
    assert state.slept == [21.0]
    assert caught.value.reason_code == "exact.limit.unexplained"


def test_own_pacing_gives_up_beyond_the_longest_wait(exact: ExactClient, service: Service, state: State) -> None:
    state.waits = [60.0, 61.0]
    with pytest.raises(RateLimitedError):
        list(exact.pages("crm/Contacts"))
    assert state.slept == [60.0]
    assert service.requests == []


def test_a_slot_that_was_over_before_the_token_came_is_taken_again(
    exact: ExactClient, service: Service, state: State
) -> None:
    service.answers = [page({"CurrentDivision": 124132})]
    state.over = ["exact:124132:minute"]
    assert exact.me()["CurrentDivision"] == 124132
    assert [bucket for bucket, _, _ in state.acquired] == ["exact:124132:minute"] * 2
    assert len(service.requests) == 1


def test_me_is_not_counted_for_the_day(exact: ExactClient, service: Service, state: State) -> None:
    service.answers = [page({"CurrentDivision": 124132})]
    assert exact.me()["CurrentDivision"] == 124132
    assert [bucket for bucket, _, _ in state.acquired] == ["exact:124132:minute"]

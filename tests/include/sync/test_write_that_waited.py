"""A write that waited for the limits for minutes: of two live processes with one key, one sends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import httpx
import pytest
from cryptography.fernet import Fernet

from include.clients.exact import ExactClient, ExactConfig
from include.clients.tokens import ExactTokens
from include.errors import ProtocolError, RetryLaterError
from include.ledger import open_ledger
from include.sync.exact_action import ExactAction, created
from include.sync.exact_request import ExactRequest, requested_write
from include.transport import build_http

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from include.ledger import Ledger
    from include.sync.single_write import Written

SITE, ZONE = "https://start.exactonline.nl", ZoneInfo("Europe/Amsterdam")
KEY = "dag/run/task/-1"
BODY = {"Name": "Acme"}


class Clock:
    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.at


class Exact:
    """Keeps what is posted; loses its answers as long as told to."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.filters: list[str] = []
        self.me: dict[str, Any] = {"CurrentDivision": 124132}
        self.headers: dict[str, str] = {}
        self.loses = False
        self.under_way: Callable[[], object] = lambda: None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            self.under_way()
            self.rows.append({"ID": f"id-{len(self.rows) + 1}", **BODY})
            if self.loses:
                raise httpx.ReadTimeout("no answer")
            return httpx.Response(201, json={"d": self.rows[-1]}, headers=self.headers)
        if request.url.path.endswith("/current/Me"):
            return httpx.Response(200, json={"d": {"results": [self.me]}}, headers=self.headers)
        self.filters += parse_qs(urlsplit(str(request.url)).query)["$filter"]
        return httpx.Response(200, json={"d": {"results": self.rows}}, headers=self.headers)


class SlowPacer:
    """The first slot is free only after a while."""

    def __init__(self) -> None:
        self.wait = 0.0

    def acquire(self, bucket: str, *, limit: int, seconds: float) -> float:  # noqa: ARG002 - a port
        wait, self.wait = self.wait, 0.0
        return wait

    def use(self, bucket: str) -> bool:  # noqa: ARG002 - a port
        return True

    def learn(self, bucket: str, *, remaining: int, reset_in: float) -> None:
        """Nothing to learn."""

    def block(self, bucket: str, seconds: float) -> None:
        """Nobody is blocked."""


class Process:
    """A ledger of its own, as each process has, and a client."""

    def __init__(self, ledger: Ledger, http: httpx.Client) -> None:
        self.ledger, self.pacer = ledger, SlowPacer()
        self.meanwhile: Callable[[], object] = lambda: None
        tokens = ExactTokens(http=http, client_id="app", client_secret="s", vault=ledger.vault("exact"))
        config = ExactConfig(base_url=SITE, division=124132, zone=ZONE, max_wait_seconds=600)
        self.client = ExactClient(
            config,
            http,
            tokens,
            pacer=self.pacer,
            budget=ledger.error_budget("app:124132"),
            meter=ledger.meter("run"),
            sleep=lambda _seconds: self.meanwhile(),  # type: ignore[arg-type]
        )

    def act(self) -> Written:
        action = ExactAction(action="create", endpoint="crm/Accounts", zone=ZONE, body=BODY)
        return created(self.client, self.ledger, KEY, action)

    def ask(self) -> Written:
        request = ExactRequest(method="POST", endpoint="crm/Accounts", zone=ZONE, body=BODY)
        return requested_write(self.client, self.ledger, KEY, request)


@pytest.fixture
def exact() -> Exact:
    # What Exact itself always sends.
    exact = Exact()
    exact.headers = {"Date": datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")}
    return exact


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pair(tmp_path: Path, clock: Clock, exact: Exact) -> Iterator[tuple[Process, Process]]:
    url, key = f"sqlite:///{tmp_path}/ledger.db", Fernet.generate_key().decode()
    with (
        open_ledger(url, key, clock=clock) as one,
        open_ledger(url, key, clock=clock) as two,
        build_http(base_url=SITE, transport=httpx.MockTransport(exact)) as http,
    ):
        with one.vault("exact").locked() as chain:
            chain.replace("access", "refresh", clock.at, clock.at + timedelta(hours=1))
        yield Process(one, http), Process(two, http)


@pytest.mark.parametrize("way", [Process.act, Process.ask])
def test_whoever_waited_longer_than_its_lease_does_not_send(
    pair: tuple[Process, Process], exact: Exact, clock: Clock, way: Callable[[Process], Written]
) -> None:
    """Five minutes for a slot; meanwhile another process took over, found nothing, and sent."""
    first, second = pair
    others: list[Written] = []

    def meanwhile() -> None:
        clock.at += timedelta(minutes=5)
        others.append(way(second))

    first.pacer.wait, first.meanwhile = 300.0, meanwhile
    with pytest.raises(RetryLaterError) as late:
        way(first)
    assert late.value.reason_code == "ledger.write.under_way"
    assert [written.remote_id for written in others] == ["id-1"]
    assert len(exact.rows) == 1
    assert way(first).remote_id == "id-1"
    assert len(exact.rows) == 1


@pytest.mark.parametrize("way", [Process.act, Process.ask])
def test_lease_begins_anew_when_the_request_leaves(
    pair: tuple[Process, Process], exact: Exact, clock: Clock, way: Callable[[Process], Written]
) -> None:
    """Nobody took over while it waited: it is sent, and left alone until its answer is there."""
    first, second = pair
    told: list[str] = []

    def meanwhile() -> None:
        clock.at += timedelta(minutes=5)

    def under_way() -> None:
        clock.at += timedelta(seconds=90)
        with pytest.raises(RetryLaterError) as early:
            way(second)
        told.append(early.value.reason_code)

    first.pacer.wait, first.meanwhile, exact.under_way = 300.0, meanwhile, under_way
    assert way(first).remote_id == "id-1"
    assert told == ["ledger.write.under_way"]
    assert len(exact.rows) == 1


def test_nothing_is_sent_again_as_long_as_nobody_tells_the_time(pair: tuple[Process, Process], exact: Exact) -> None:
    """Without the service's time its rows cannot be searched by age: the write stays in doubt, unsent."""
    exact.headers, exact.loses = {}, True
    with pytest.raises(RetryLaterError):
        pair[0].act()
    exact.loses = False
    for process in pair:
        with pytest.raises(ProtocolError) as unknown:
            process.act()
        assert unknown.value.reason_code == "exact.Date.missing"
    assert len(exact.rows) == 1
    assert exact.filters == []


def test_clock_that_is_behind_is_searched_by_its_own_time_without_a_date_header(
    pair: tuple[Process, Process], exact: Exact, clock: Clock
) -> None:
    """Exact is an hour behind: its row of our attempt was created an hour and more before our attempt."""
    exact.headers, exact.loses = {}, True
    there = clock.at.astimezone(ZONE) - timedelta(hours=1)
    offset = there.utcoffset() or timedelta(0)
    exact.me |= {"ServerTime": f"{there:%Y-%m-%dT%H:%M:%S}", "ServerUtcOffset": int(offset.total_seconds())}
    with pytest.raises(RetryLaterError):
        pair[0].act()
    exact.loses = False
    assert pair[1].act().remote_id == "id-1"
    (asked,) = exact.filters
    since = datetime.fromisoformat(asked.partition("'")[2].rstrip("'")).replace(tzinfo=ZONE)
    assert since < there - timedelta(minutes=2)
    assert since > there - timedelta(minutes=3)

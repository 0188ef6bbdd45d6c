"""State for clients without a ledger, and services that answer from a list."""

from __future__ import annotations

import dataclasses
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from include.clients.exact import ExactClient, ExactConfig
from include.clients.personio import PersonioClient, PersonioConfig
from include.clients.ports import StoredToken
from include.clients.tokens import ExactTokens
from include.errors import ErrorBudgetSpentError
from include.sandbox.server import RunningSandbox
from include.sandbox.settings import SandboxSettings
from include.transport import build_http
from token_answers import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from include.sandbox.state import Sandbox

EXACT = "https://start.exactonline.nl"
PERSONIO = "https://api.personio.de"
DIVISION = 124132
T0 = datetime(2026, 6, 25, 14, 0, tzinfo=UTC)


class State:
    """Pacer, budget and meter in one; everything that was asked of them is kept."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.over: list[str] = []
        self.acquired: list[tuple[str, int, float]] = []
        self.learned: list[tuple[str, int, float]] = []
        self.blocked: list[tuple[str, float]] = []
        self.reservations: list[tuple[str, bool]] = []
        self.errors: list[tuple[str, int]] = []
        self.calls: Counter[tuple[str, str, int]] = Counter()
        self.slept: list[float] = []
        self.most_errors = 9

    def acquire(self, bucket: str, *, limit: int, seconds: float) -> float:
        self.acquired.append((bucket, limit, seconds))
        return self.waits.pop(0) if self.waits else 0.0

    def use(self, bucket: str) -> bool:
        over = bucket in self.over
        self.over = [other for other in self.over if other != bucket]
        return not over

    def learn(self, bucket: str, *, remaining: int, reset_in: float) -> None:
        self.learned.append((bucket, remaining, reset_in))

    def block(self, bucket: str, seconds: float) -> None:
        self.blocked.append((bucket, seconds))

    @contextmanager
    def reserved(self, endpoint: str, *, division: bool = True) -> Iterator[Callable[[int], None]]:
        if sum(1 for name, _ in self.errors if name == endpoint) >= self.most_errors:
            raise ErrorBudgetSpentError("spent", reason_code="exact.error_budget.spent")
        self.reservations.append((endpoint, division))
        yield lambda status: self.errors.append((endpoint, status))

    def count(self, service: str, endpoint: str, status: int) -> None:
        self.calls[service, endpoint, status] += 1


class Vault:
    """A vault in memory that knows whether its lock is held."""

    def __init__(self, token: StoredToken | None = None) -> None:
        self.current = token
        self.is_locked = False
        self.on_lock: Callable[[], None] | None = None

    def now(self) -> datetime:
        return datetime.now(UTC)

    def read(self) -> StoredToken | None:
        return self.current

    @contextmanager
    def locked(self) -> Iterator[Vault]:
        assert not self.is_locked
        self.is_locked = True
        if self.on_lock:
            self.on_lock()
        try:
            yield self
        finally:
            self.is_locked = False

    def replace(
        self, access_token: str, refresh_token: str, obtained_at: datetime, expires_at: datetime
    ) -> StoredToken:
        assert self.is_locked
        generation = self.current.generation + 1 if self.current else 1
        self.current = StoredToken(access_token, refresh_token, obtained_at, expires_at, generation)
        return self.current

    def note(self, *, asked_at: datetime | None, early_at: datetime | None) -> None:
        assert self.is_locked
        if self.current is not None:
            self.current = dataclasses.replace(self.current, asked_at=asked_at, early_at=early_at)


class Service:
    """Answers requests in order from a list of responses, functions or exceptions, and keeps the requests."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            answer = answer(request)
        assert isinstance(answer, httpx.Response)
        return answer

    def urls(self) -> list[str]:
        return [str(request.url) for request in self.requests]


def token(obtained: datetime = T0, *, name: str = "one") -> StoredToken:
    return StoredToken(f"access-{name}", f"refresh-{name}", obtained, obtained + timedelta(seconds=600), 1)


@pytest.fixture
def state() -> State:
    return State()


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def exact(state: State, service: Service) -> Iterator[ExactClient]:
    with build_http(base_url=EXACT, transport=httpx.MockTransport(service)) as http:
        vault = Vault(token(datetime.now(UTC)))
        tokens = ExactTokens(http=http, client_id="{id}", client_secret="secret", vault=vault)
        config = ExactConfig(base_url=EXACT, division=DIVISION, zone=ZoneInfo("Europe/Amsterdam"))
        yield ExactClient(config, http, tokens, pacer=state, budget=state, meter=state, sleep=state.slept.append)


@pytest.fixture
def personio(state: State, service: Service) -> Iterator[PersonioClient]:
    with build_http(base_url=PERSONIO, transport=httpx.MockTransport(service)) as http:
        config = PersonioConfig(
            company_id=4242, recruiting_token="recruiting", client_id="client", client_secret="secret"
        )
        yield PersonioClient(config, http, pacer=state, meter=state, sleep=state.slept.append)


@pytest.fixture
def vault() -> Vault:
    """Return a vault with a token obtained at 14:00:00 UTC, valid for 600 seconds."""
    return Vault(token())


@pytest.fixture
def running() -> Iterator[RunningSandbox]:
    # Long enough that no test runs into the next window by chance.
    with RunningSandbox(SandboxSettings(limit_seconds=600.0)) as server:
        yield server


@pytest.fixture
def sandbox(running: RunningSandbox) -> Sandbox:
    return running.sandbox


@pytest.fixture
def http(running: RunningSandbox) -> Iterator[httpx.Client]:
    with build_http(base_url=running.url) as client:
        yield client


@pytest.fixture
def client(running: RunningSandbox, http: httpx.Client, state: State, vault: Vault) -> ExactClient:
    issued = running.sandbox.exact.issue_tokens()
    vault.current = None
    settings = running.sandbox.settings.exact
    tokens = ExactTokens(
        http=http,
        client_id=settings.client_id,
        client_secret=settings.client_secret,
        vault=vault,
        bootstrap_refresh_token=issued["refresh_token"],
    )
    # The token just issued would make the first refresh too early.
    running.sandbox.exact.expire_tokens()
    config = ExactConfig(base_url=running.url, division=DIVISION, zone=ZoneInfo("Europe/Amsterdam"))
    return ExactClient(config, http, tokens, pacer=state, budget=state, meter=state, sleep=state.slept.append)


@pytest.fixture
def hiring(running: RunningSandbox, http: httpx.Client, state: State) -> PersonioClient:
    config = PersonioConfig(
        base_url=running.url,
        company_id=4242,
        recruiting_token="sandbox-recruiting-token",
        client_id="sandbox-papi-client",
        client_secret="sandbox-papi-secret",
    )
    return PersonioClient(config, http, pacer=state, meter=state, sleep=state.slept.append)


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

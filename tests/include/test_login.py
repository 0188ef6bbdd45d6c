from __future__ import annotations

import json
import socket
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import Request, urlopen

import httpx
import pytest

from include.connection_fields import exact_app
from include.errors import ConfigurationError, ExactPersonioError
from include.ledger import open_ledger
from include.login import LoginReport, login, read_connection
from include.sandbox.server import RunningSandbox
from include.sandbox.settings import EXACT_CLIENT_ID, EXACT_CLIENT_SECRET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ELSEWHERE = "https://airflow.example.org/exact-console/callback"


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSandbox]:
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
    with RunningSandbox() as running:
        yield running


@pytest.fixture
def connect(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Define the connection; fields may be replaced."""

    def define(redirect_uri: str = ELSEWHERE, **changes: Any) -> None:
        fields: dict[str, Any] = {
            "conn_type": "exact_online",
            "host": sandbox.url,
            "login": EXACT_CLIENT_ID,
            "password": EXACT_CLIENT_SECRET,
            "extra": {"redirect_uri": redirect_uri, "divisions": "124132, 999999"},
        }
        monkeypatch.setenv("AIRFLOW_CONN_EXACT_TWO", json.dumps(fields | changes))

    return define


class Person:
    """Reads what is echoed and does in a browser what it says."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.came = threading.Event()

    def echo(self, text: str) -> None:
        self.said.append(text)
        if "http" in text:
            self.came.set()

    @property
    def url(self) -> str:
        assert self.came.wait(10)
        return next(text.strip() for text in self.said if text.strip().startswith("http"))

    def paste(self, question: str) -> str:
        """Grant the access and return where the browser ended."""
        del question
        return str(httpx.get(self.url).headers["location"])

    def log_in(self, **options: Any) -> LoginReport:
        return login("exact_two", open_browser=False, echo=self.echo, ask=self.paste, **options)


def refused(person: Person, **options: Any) -> ExactPersonioError:
    with pytest.raises(ExactPersonioError) as caught:
        person.log_in(**options)
    with open_ledger() as ledger:
        assert ledger.vault("exact_two").read() is None
    return caught.value


def test_pasted_address_logs_in_and_names_user_and_divisions(
    sandbox: RunningSandbox, connect: Callable[..., None]
) -> None:
    connect()
    report = Person().log_in()
    assert report.user
    assert {number for number, _ in report.divisions} == set(sandbox.sandbox.exact.divisions)
    assert report.missing == (999999,)
    text = "\n".join(report.lines())
    assert report.user in text
    assert "But not, although the connection names them: 999999." in text
    with open_ledger() as ledger:
        app = exact_app(sandbox.url, EXACT_CLIENT_ID)
        assert [chain.connection_id for chain in ledger.chains(app)] == ["exact_two"]
        stored = ledger.vault("exact_two", app).read()
    assert stored is not None
    assert sandbox.sandbox.exact.tokens.judge(stored.access_token) == "good"


def test_listener_takes_only_the_awaited_answer(connect: Callable[..., None], free_port: int) -> None:
    """A favicon, another path, a foreign state, a POST and a browser that says nothing change nothing."""
    connect(f"http://127.0.0.1:{free_port}/callback")
    person, seen = Person(), []

    def browse() -> None:
        location = str(httpx.get(person.url).headers["location"])
        base = f"http://127.0.0.1:{free_port}"
        with socket.create_connection(("127.0.0.1", free_port)):  # opened ahead, as Chromium does
            for path in ("/favicon.ico", "/other?code=x", "/callback", "/callback?code=x&state=wrong"):
                answer = httpx.get(base + path)
                seen.append(answer.status_code)
                assert answer.headers["cache-control"] == "no-store"
            seen.append(httpx.post(f"{base}/callback", content=b"x").status_code)
            last = httpx.get(location)
        seen.append(last.status_code)
        assert "You can close this window" in last.text

    browser = threading.Thread(target=browse)
    browser.start()
    report = person.log_in()
    browser.join()
    assert report.generation == 1
    assert seen == [404, 404, 400, 400, 501, 200]


def test_paste_is_possible_with_a_loopback_uri(connect: Callable[..., None], free_port: int) -> None:
    connect(f"http://localhost:{free_port}/callback")
    assert Person().log_in(paste=True).generation == 1


def test_browser_that_never_comes_back(connect: Callable[..., None], free_port: int) -> None:
    connect(f"http://127.0.0.1:{free_port}/")
    assert refused(Person(), patience=0.1).reason_code == "exact.login.timeout"
    with socket.socket() as probe:  # the port is free again
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", free_port))


def test_port_in_use(connect: Callable[..., None]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        connect(f"http://127.0.0.1:{other.getsockname()[1]}/callback")
        error = refused(Person())
    assert error.reason_code == "exact.login.port_in_use"
    assert "--paste" in error.way_out


def changed(address: str, **fields: str | None) -> str:
    """Return the address with other values in its query."""
    parts = urlsplit(address)
    query: dict[str, str | None] = {name: values[0] for name, values in parse_qs(parts.query).items()}
    kept = {name: value for name, value in {**query, **fields}.items() if value is not None}
    return parts._replace(query=urlencode(kept)).geturl()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"state": "another"}, "exact.login.foreign_state"),
        ({"state": None}, "exact.login.foreign_state"),
        ({"code": None, "error": "access_denied"}, "exact.login.denied"),
        ({"code": None, "error": "access_denied", "state": None}, "exact.login.denied"),
        ({"code": None, "error": "server_error"}, "exact.login.no_code"),
        ({"code": None}, "exact.login.no_code"),
        ({"code": "invented"}, "exact.code.used"),
    ],
    ids=["wrong-state", "no-state", "denied", "denied-bare", "error", "no-code", "wrong-code"],
)
def test_answer_that_does_not_log_in(connect: Callable[..., None], changes: dict[str, str | None], code: str) -> None:
    """Each is one sentence that names the command, and nothing is stored."""
    connect()
    person = Person()
    honest = person.paste
    person.paste = lambda question: changed(honest(question), **changes)  # type: ignore[method-assign]
    error = refused(person)
    assert error.reason_code == code
    assert "exact-personio login --conn-id exact_two" in error.way_out


@pytest.mark.parametrize("text", ["", "nonsense", "https://", "http://[x", "\u00e9"])
def test_pasted_nonsense_is_a_sentence(connect: Callable[..., None], text: str) -> None:
    connect()
    person = Person()
    person.paste = lambda question: text  # type: ignore[method-assign]  # noqa: ARG005
    assert refused(person).reason_code == "exact.login.foreign_state"


def test_used_and_old_code(
    sandbox: RunningSandbox, connect: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    connect()

    def used(question: str) -> str:
        address = Person.paste(person, question)
        code = parse_qs(urlsplit(address).query)["code"][0]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": ELSEWHERE}
        form |= {"client_id": EXACT_CLIENT_ID, "client_secret": EXACT_CLIENT_SECRET}
        assert httpx.post(f"{sandbox.url}/api/oauth2/token", data=form).status_code == 200
        return address

    person = Person()
    person.paste = used  # type: ignore[method-assign]
    assert refused(person).reason_code == "exact.code.used"

    def late(question: str) -> str:
        address = Person.paste(other, question)
        sandbox.sandbox.clock.advance(timedelta(seconds=181))
        monkeypatch.setattr("include.clients.token_errors._CODE_LIFE", timedelta(0))
        return address

    other = Person()
    other.paste = late  # type: ignore[method-assign]
    assert refused(other).reason_code == "exact.code.expired"


def test_unknown_redirect_uri_or_client_is_said_before_a_browser_opens(
    sandbox: RunningSandbox, connect: Callable[..., None]
) -> None:
    connect("https://other.example.org/")
    sandbox.sandbox.settings.exact.redirect_uris = [ELSEWHERE]
    person = Person()
    error = refused(person)
    assert (error.reason_code, error.status, person.said) == ("exact.redirect_uri.refused", 401, [])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"login": ""}, "exact.connection.incomplete"),
        ({"password": None}, "exact.connection.incomplete"),
        ({"extra": {}}, "exact.connection.incomplete"),
        ({"host": "", "extra": {"region": "xx", "redirect_uri": ELSEWHERE}}, "exact.region.unknown"),
        ({"host": "ftp://x"}, "exact.host.malformed"),
        ({"extra": "{not json"}, "exact.connection.malformed"),
        ({"extra": {"divisions": "all", "redirect_uri": ELSEWHERE}}, "exact.divisions.malformed"),
    ],
    ids=["client", "secret", "redirect", "region", "host", "extra", "divisions"],
)
def test_incomplete_connection(connect: Callable[..., None], changes: dict[str, Any], code: str) -> None:
    connect(**changes)
    error = refused(Person())
    assert (error.reason_code, EXACT_CLIENT_SECRET in str(error)) == (code, False)


def test_wrong_secret(connect: Callable[..., None]) -> None:
    connect(password="wrong")
    assert refused(Person()).reason_code == "exact.client.refused"


def test_ledger_that_cannot_be_reached(connect: Callable[..., None]) -> None:
    connect()
    with pytest.raises(ConfigurationError) as caught:
        Person().log_in(ledger_url="sqlite:////proc/nowhere/ledger.db")
    assert caught.value.reason_code.startswith("ledger.")


def test_connection_from_airflow_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A URI is read by Airflow, whose quoting rules it has; one that is nowhere is a sentence."""
    extra = urlencode({"redirect_uri": ELSEWHERE, "region": "be", "divisions": "1, 2"})
    monkeypatch.setenv("AIRFLOW_CONN_BY_URI", f"exact-online://%7Bid%7D:s%2Fecret@/?{extra}")
    app = read_connection("by_uri")
    assert (app.client_id, app.client_secret, app.redirect_uri) == ("{id}", "s/ecret", ELSEWHERE)
    assert (app.host, app.divisions) == ("https://start.exactonline.be", (1, 2))
    assert "s/ecret" not in repr(app)
    with pytest.raises(ConfigurationError, match="no connection nowhere_at_all"):
        read_connection("nowhere_at_all")


def test_interrupted_listener_gives_its_port_back(
    connect: Callable[..., None], free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the browser is away."""
    connect(f"http://127.0.0.1:{free_port}/")

    def interrupted(*_: Any) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("include.login.listener.Listener.wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Person().log_in()
    with pytest.raises(OSError, match="refused"):
        urlopen(Request(f"http://127.0.0.1:{free_port}/"), timeout=2)

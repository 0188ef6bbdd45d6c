from __future__ import annotations

import gc
import logging
import traceback
import weakref
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from include.errors import (
    ConfigurationError,
    ExactPersonioError,
    OutcomeUnknownError,
    ProtocolError,
    ServiceUnavailableError,
)
from include.transport import Reply, action_for, build_http, redact_url, retried, send

if TYPE_CHECKING:
    from include.bodies import BodyKind


def call(answer: httpx.Response | Exception, *, write: bool, url: str = "/x") -> Reply:
    def handler(_request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    with build_http(base_url="https://a.example.com", transport=httpx.MockTransport(handler)) as http:
        return send(http, "POST", url, service="exact", endpoint="x", write=write, headers={})


@pytest.mark.parametrize(
    ("status", "kind", "read", "write"),
    [
        (200, "json", "done", "done"),
        (200, "empty", "unavailable", "unknown"),
        (200, "html", "unavailable", "unknown"),
        (200, "other", "unavailable", "unknown"),
        (201, "empty", "unavailable", "done"),
        (201, "html", "unavailable", "unknown"),
        (204, "empty", "unavailable", "done"),
        (302, "html", "moved", "moved"),
        (400, "json", "refused", "refused"),
        (400, "empty", "refused", "refused"),
        (400, "html", "unavailable", "unknown"),
        (401, "empty", "refused", "refused"),
        (401, "html", "refused", "refused"),
        (408, "empty", "unavailable", "unknown"),
        (422, "json", "refused", "refused"),
        (429, "empty", "limited", "limited"),
        (500, "json", "unavailable", "unknown"),
        (503, "html", "unavailable", "unknown"),
        (999, "json", "unavailable", "unknown"),
    ],
)
def test_table(status: int, kind: BodyKind, read: str, write: str) -> None:
    assert action_for(status, kind, write=False) == read
    assert action_for(status, kind, write=True) == write


@pytest.mark.parametrize(
    ("failure", "read", "write"),
    [
        (httpx.ConnectError("x"), ServiceUnavailableError, ServiceUnavailableError),
        (httpx.ConnectTimeout("x"), ServiceUnavailableError, ServiceUnavailableError),
        (httpx.PoolTimeout("x"), ServiceUnavailableError, ServiceUnavailableError),
        (httpx.ReadTimeout("x"), ServiceUnavailableError, OutcomeUnknownError),
        (httpx.WriteTimeout("x"), ServiceUnavailableError, OutcomeUnknownError),
        (httpx.ReadError("x"), ServiceUnavailableError, OutcomeUnknownError),
        (httpx.RemoteProtocolError("x"), ServiceUnavailableError, OutcomeUnknownError),
        (httpx.UnsupportedProtocol("x"), ConfigurationError, ConfigurationError),
    ],
    ids=lambda value: value.__class__.__name__ if isinstance(value, Exception) else None,
)
def test_network_errors(failure: Exception, read: type[Exception], write: type[Exception]) -> None:
    """A write is in doubt as soon as it may have left."""
    with pytest.raises(read):
        call(failure, write=False)
    with pytest.raises(write):
        call(failure, write=True)


def test_redirects_are_not_followed() -> None:
    with pytest.raises(ProtocolError):
        call(httpx.Response(302, headers={"Location": "https://evil.example.com/"}), write=False)


@pytest.mark.parametrize(
    "answer", [httpx.Response(500, text="salary 3000"), httpx.ReadTimeout("https://x/?email=ada@example.org")]
)
def test_error_texts_hold_neither_body_nor_address(answer: Any) -> None:
    """Also not in the traceback that Airflow prints."""
    with pytest.raises(ExactPersonioError) as caught:
        call(answer, write=True, url="/x?email=ada@example.org")
    shown = "".join(traceback.format_exception(caught.value))
    assert "salary" not in shown
    assert "ada@" not in str(caught.value)
    assert caught.value.way_out


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example.com/x?candidate.email=ada%40example.org", "https://a.example.com/x?candidate.email=***"),
        ("https://user:pass@a.example.com:8443/x", "https://a.example.com:8443/x"),
        ("/x?$filter=Email%20eq%20'a@b'&$select=ID,Email&$top=1", "/x?$filter=***&$select=ID,Email&$top=1"),
        ("https://a.example.com/x#access_token=1", "https://a.example.com/x"),
    ],
    ids=["query", "userinfo", "odata", "fragment"],
)  # fmt: skip
def test_redacted_urls(url: str, expected: str) -> None:
    assert redact_url(url) == expected


def test_httpx_log_lines_are_redacted(caplog: pytest.LogCaptureFixture) -> None:
    """The library itself logs each URL at INFO."""
    # Its own level, too: Airflow's logging set-up, in other tests of this process, raises it.
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, logger="httpx"):
        call(httpx.Response(200, json={}), write=False, url="/x?email=ada@example.org")
    lines = [record.getMessage() for record in caplog.records if record.name == "httpx"]
    assert lines
    assert "email=***" in lines[0]
    assert "ada" not in caplog.text


def test_traces_with_response_headers_are_dropped(caplog: pytest.LogCaptureFixture) -> None:
    build_http(base_url="https://a.example.com").close()
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("httpcore.http11").debug("receive_response_headers.complete Bearer papi-1")
    assert "papi-1" not in caplog.text


@pytest.mark.parametrize("url", ["", "start.exactonline.nl", "ftp://a.example.com", "https://"])
def test_base_url_is_checked(url: str) -> None:
    with pytest.raises(ConfigurationError):
        build_http(base_url=url)


def test_retries_end() -> None:
    """Three calls, two pauses, then the error itself."""
    slept: list[float] = []
    calls: list[int] = []

    def failing() -> None:
        calls.append(1)
        raise ServiceUnavailableError("x", reason_code="x.x.x")

    with pytest.raises(ServiceUnavailableError):
        retried(failing, sleep=slept.append)
    assert (len(calls), len(slept)) == (3, 2)


def test_what_was_returned_is_kept_by_nobody() -> None:
    """A page of the feed is megabytes; it goes when its reader lets go, not when the collector comes by."""

    class Answer:
        pass

    gc.disable()
    try:
        answer = retried(Answer, sleep=lambda _: None)
        held = weakref.ref(answer)
        del answer
        assert held() is None
    finally:
        gc.enable()


def test_doubt_is_never_retried() -> None:
    calls: list[int] = []

    def failing() -> None:
        calls.append(1)
        raise OutcomeUnknownError("x", reason_code="x.x.x")

    with pytest.raises(OutcomeUnknownError):
        retried(failing, sleep=lambda _: None)
    assert len(calls) == 1

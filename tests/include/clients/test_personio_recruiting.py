"""The recruiting token is tried without creating anything; jobs, categories and the public feed are read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from include.errors import (
    ConfigurationError,
    CredentialsError,
    ExactPersonioError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitedError,
    ServiceUnavailableError,
)

if TYPE_CHECKING:
    from include.clients.personio import PersonioClient
    from tests.include.clients.conftest import Service, State

FEED = "https://example.jobs.personio.de/xml?language=en"


def shape_b(reason: str) -> dict[str, Any]:
    return {"errors": [{"field": "files", "errors": [{"reason": reason, "context": {}}]}]}


@pytest.mark.parametrize(
    "reason",
    [
        "errors.job-position.not-published",
        "errors.file-validation.file-not-exists",
        "errors.attribute-validation.invalid-email-format",
        "errors.something.new",
    ],
)
def test_refused_record_proves_the_token(personio: PersonioClient, service: Service, reason: str) -> None:
    """What is sent can never become an application: no such job, no such file, no such address."""
    service.answers = [httpx.Response(400, json=shape_b(reason))]
    personio.probe_recruiting()
    (request,) = service.requests
    sent = json.loads(request.content)
    assert sent["job_position_id"] == 2_147_483_647
    assert sent["email"].endswith("@example.invalid")
    assert len(sent["files"]) == 1
    assert request.headers["x-company-id"] == "4242"


@pytest.mark.parametrize(
    ("answer", "error", "code"),
    [
        (httpx.Response(401), CredentialsError, "personio.login.refused"),
        (httpx.Response(403), PermissionDeniedError, "personio.access.forbidden"),
        (
            httpx.Response(403, json=shape_b("feature.recruiting.disabled")),
            PermissionDeniedError,
            "personio.feature.recruiting.disabled",
        ),
        (httpx.Response(404), ConfigurationError, "personio.endpoint.unknown"),
        (httpx.Response(429), RateLimitedError, "personio.limit.recruiting"),
        (
            httpx.Response(400, json={"error": {"reason": "Invalid request body supplied"}}),
            ServiceUnavailableError,
            "personio.probe.unproven",
        ),
        (httpx.Response(400, json={}), ServiceUnavailableError, "personio.probe.unproven"),
        (httpx.Response(500), ServiceUnavailableError, "personio.probe.unproven"),
        (httpx.Response(400, html="<html>"), ServiceUnavailableError, "personio.probe.unproven"),
        (httpx.ReadTimeout("x"), ServiceUnavailableError, "personio.probe.unproven"),
        (httpx.Response(201), ProtocolError, "personio.probe.created"),
        (httpx.Response(200, json={}), ProtocolError, "personio.probe.created"),
    ],
)
def test_probe(
    personio: PersonioClient, service: Service, answer: Any, error: type[ExactPersonioError], code: str
) -> None:
    """A refusal of the form comes before the login is looked at, so it proves nothing. Nothing is sent twice."""
    service.answers = [answer]
    with pytest.raises(error) as caught:
        personio.probe_recruiting()
    assert caught.value.reason_code == code
    assert len(service.requests) == 1


def v2(*rows: dict[str, Any], cursor: str = "") -> httpx.Response:
    links = {"next": {"href": f"https://api.personio.de/v2/recruiting/jobs?cursor={cursor}"}} if cursor else {}
    return httpx.Response(200, json={"_data": list(rows), "_meta": {"links": links}})


V2_TOKEN = httpx.Response(200, json={"access_token": "papi-2", "scope": "personio:persons:read"})


def test_jobs(personio: PersonioClient, service: Service) -> None:
    """Also when the last page links on."""
    one = {"id": "1001", "name": "Köchin", "department": {"id": "3"}}
    service.answers = [V2_TOKEN, v2(one, {"id": 1002}, cursor="c1"), v2(cursor="c1")]
    assert personio.jobs() == [{"id": "1001", "name": "Köchin"}, {"id": "1002", "name": ""}]


def test_categories(personio: PersonioClient, service: Service) -> None:
    row = {"id": "1", "name": "General", "stages": [{"id": "7", "name": "Interview"}]}
    service.answers = [V2_TOKEN, v2(row)]
    assert personio.categories() == [row]


def test_jobs_without_the_scope(personio: PersonioClient, service: Service) -> None:
    service.answers = [V2_TOKEN, httpx.Response(403)]
    with pytest.raises(PermissionDeniedError) as caught:
        personio.jobs()
    assert caught.value.reason_code == "personio.scope.missing"


def feed(inner: str, root: str = "workzag-jobs") -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>{inner}</{root}>'.encode()


POSITION = "<position><id> 1001 </id><name>Köchin &amp; Koch</name><department><id>5</id></department></position>"


def test_career_positions(personio: PersonioClient, service: Service, state: State) -> None:
    """Only the positions' own ids; no header of the API leaves for the public site."""
    service.answers = [httpx.Response(200, content=feed(f"{POSITION}<position><id>1002</id></position>"))]
    assert personio.career_positions(FEED) == {1001, 1002}
    (request,) = service.requests
    assert str(request.url) == FEED
    assert "authorization" not in request.headers
    assert state.calls["personio", "xml", 200] == 1


def test_feed_of_no_job(personio: PersonioClient, service: Service) -> None:
    service.answers = [httpx.Response(200, content=feed(""))]
    assert personio.career_positions(FEED) == frozenset()


@pytest.mark.parametrize("url", ["https://example.jobs.personio.de", "https://example.jobs.personio.de/"])
def test_career_page_itself_is_enough(personio: PersonioClient, service: Service, url: str) -> None:
    service.answers = [httpx.Response(200, content=feed(POSITION))]
    assert personio.career_positions(url) == {1001}
    assert service.urls() == ["https://example.jobs.personio.de/xml"]


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "1111"><!ENTITY b "&a;&a;">]>'
    b"<x><position><id>&b;</id></position></x>"
)
FILE = b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x><position><id>1</id></position></x>'


@pytest.mark.parametrize(
    "content",
    [
        BOMB,
        FILE,
        BOMB.decode().replace('<?xml version="1.0"?>', '<?xml version="1.0" encoding="UTF-16"?>').encode("utf-16"),
        b"<html><body>Not found</body></html>",
        b'{"error": 1}',
        b"",
        b"<x><position><id>1</id>",
        feed("<position><id>abc</id></position>"),
        feed("<position><id></id></position>"),
    ],
    ids=["bomb", "file", "utf-16", "html", "json", "empty", "cut", "no-number", "no-id"],
)
def test_feeds_that_are_none(personio: PersonioClient, service: Service, content: bytes) -> None:
    service.answers = [httpx.Response(200, content=content)]
    with pytest.raises(ServiceUnavailableError) as caught:
        personio.career_positions(FEED)
    assert caught.value.reason_code == "personio.career.unavailable"


@pytest.mark.parametrize("answer", [httpx.Response(503), httpx.ConnectError("x"), httpx.Response(500, html="<p>")])
def test_feed_that_does_not_come(personio: PersonioClient, service: Service, answer: Any) -> None:
    service.answers = [answer]
    with pytest.raises(ServiceUnavailableError):
        personio.career_positions(FEED)


def moved(location: str) -> httpx.Response:
    return httpx.Response(302, headers={"Location": location})


def test_redirects_within_the_site_are_followed(personio: PersonioClient, service: Service) -> None:
    service.answers = [moved("/xml?language=de"), httpx.Response(200, content=feed(POSITION))]
    assert personio.career_positions(FEED) == {1001}


@pytest.mark.parametrize(
    "answers",
    [[moved("https://evil.example.com/xml")], [moved("http://example.jobs.personio.de/xml")], [moved("/xml")] * 9],
    ids=["host", "scheme", "circle"],
)
def test_redirects_elsewhere_are_not(
    personio: PersonioClient, service: Service, answers: list[httpx.Response]
) -> None:
    service.answers = answers
    with pytest.raises(ConfigurationError):
        personio.career_positions(FEED)
    assert {request.url.host for request in service.requests} == {"example.jobs.personio.de"}


@pytest.mark.parametrize(
    "url", ["", "example.jobs.personio.de/xml", "file:///etc/passwd", "https://", "https://a:b@x.org/xml"]
)
def test_addresses_that_are_none(personio: PersonioClient, service: Service, url: str) -> None:
    with pytest.raises(ConfigurationError):
        personio.career_positions(url)
    assert service.requests == []

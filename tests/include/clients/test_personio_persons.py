"""Persons and other lists of v2: read to their end, and no further."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from include.clients.personio import PersonioClient, PersonioConfig
from include.errors import ConfigurationError, CredentialsError, PermissionDeniedError, ProtocolError
from include.transport import build_http

if TYPE_CHECKING:
    from tests.include.clients.conftest import Service, State

HOST = "https://api.personio.de"
SINCE = datetime(2026, 6, 25, 16, 14, 12, 900_000, tzinfo=timezone(timedelta(hours=2)))


def login(scope: Any = "personio:persons:read personio:recruiting:read") -> httpx.Response:
    body = {"access_token": "papi-2", "expires_in": 86400, "token_type": "Bearer", "scope": scope}
    return httpx.Response(200, json=body)


def page(*rows: dict[str, Any], cursor: str = "", host: str = HOST) -> httpx.Response:
    links = {"next": {"href": f"{host}/v2/persons?cursor={cursor}"}} if cursor else {}
    return httpx.Response(200, json={"_data": list(rows), "_meta": {"links": links}})


def person(number: Any, email: str = "") -> dict[str, Any]:
    return {"id": number, "email": email or f"p{number}@example.org", "created_at": "2026-06-25T14:14:13Z"}


def test_pages_are_followed_by_cursor_alone(personio: PersonioClient, service: Service) -> None:
    """The cursor holds filter and limit; the moment is asked in UTC, cut to the second."""
    service.answers = [login(), page(person("1"), person("2"), cursor="c1"), page(person("2"), person("3"))]
    found = list(personio.list_persons(created_after=SINCE))
    assert [row["id"] for row in found] == ["1", "2", "3"]
    first, second = service.requests[1:]
    assert dict(first.url.params) == {"limit": "50", "created_at.gt": "2026-06-25T14:14:12Z"}
    assert dict(second.url.params) == {"cursor": "c1"}


@pytest.mark.parametrize(
    "answers",
    [
        [page(person("1"), cursor="c1"), page(person("2"), cursor="c1")],
        [page(person("1"), cursor="c1"), page(cursor="c2")],
        [page(person("1"), cursor="c1"), page(person("2"))],
        [page(person("1"), cursor="c1"), page(person("2"), cursor="c2"), page(person("2"), cursor="c1")],
    ],
    ids=["repeated-cursor", "empty-page", "no-link", "circle"],
)
def test_every_end_ends(personio: PersonioClient, service: Service, answers: list[httpx.Response]) -> None:
    service.answers = [login(), *answers]
    found = [row["id"] for row in personio.list_persons(created_after=None)]
    assert found in (["1"], ["1", "2"])
    assert service.answers == []


@pytest.mark.parametrize(
    "host",
    ["https://evil.example.com", "http://api.personio.de", "https://api.personio.de:8443", "//evil.example.com",
     "https://api.personio.de@evil.example.com", "https://api.personio.de:x"],
)  # fmt: skip
def test_foreign_links_are_refused(personio: PersonioClient, service: Service, host: str) -> None:
    service.answers = [login(), page(person("1"), cursor="c1", host=host)]
    with pytest.raises(ProtocolError) as caught:
        list(personio.list_persons(created_after=None))
    assert caught.value.reason_code == "personio.next.foreign_host"
    assert len(service.requests) == 2


@pytest.mark.parametrize("host", ["https://api.personio.de:443", "https://API.personio.de", ""])
def test_own_links_in_any_spelling(personio: PersonioClient, service: Service, host: str) -> None:
    service.answers = [login(), page(person("1"), cursor="c1", host=host), page(person("2"))]
    assert len(list(personio.list_persons(created_after=None))) == 2


@pytest.mark.parametrize("meta", [None, [], "x", {"links": None}, {"links": {"next": "x"}}, {"links": {"next": {}}}])
def test_meta_in_any_form(personio: PersonioClient, service: Service, meta: Any) -> None:
    service.answers = [login(), httpx.Response(200, json={"_data": [person("1")], "_meta": meta})]
    assert len(list(personio.list_persons(created_after=None))) == 1


def test_ids_in_other_forms_are_one_person(personio: PersonioClient, service: Service) -> None:
    service.answers = [login(), page(person("1"), person(1), person(1.0), person(2))]
    assert [row["id"] for row in personio.list_persons(created_after=None)] == ["1", "2"]


@pytest.mark.parametrize("number", [None, "", float("inf"), {}])
def test_person_without_an_id(personio: PersonioClient, service: Service, number: Any) -> None:
    body = f'{{"_data":[{{"id":{"Infinity" if isinstance(number, float) else "null"}}}]}}'
    service.answers = [login(), httpx.Response(200, content=body.encode())]
    with pytest.raises(ProtocolError):
        list(personio.list_persons(created_after=None))


def test_many_addresses_go_fifty_at_a_time(personio: PersonioClient, service: Service) -> None:
    """Each address once, in any case; other people, which an ignored filter would bring, are left out."""
    emails = [f"p{n}@example.org" for n in range(51)]
    service.answers = [
        login(),
        page(person("1", "P1@example.org"), person("99", "x@example.org")),
        page(person("50")),
    ]
    found = list(personio.list_persons(created_after=None, emails=[*emails, "P0@Example.org"]))
    assert [row["id"] for row in found] == ["1", "50"]
    asked = [request.url.params["email"].split(",") for request in service.requests[1:]]
    assert [len(chunk) for chunk in asked] == [50, 1]


def test_long_addresses_make_shorter_urls(personio: PersonioClient, service: Service) -> None:
    emails = [f"{'ü' * 60}{n}@{'x' * 180}.org" for n in range(50)]
    service.answers = [login(), *[page()] * 50]
    list(personio.list_persons(created_after=None, emails=emails))
    assert max(map(len, service.urls())) < 6000
    assert sum(len(r.url.params["email"].split(",")) for r in service.requests[1:]) == 50


@pytest.mark.parametrize("email", ["a,b@example.org", "", " ", "a b@example.org", "a\n@example.org", None, 5])
def test_addresses_that_cannot_stand_in_a_list(personio: PersonioClient, service: Service, email: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        list(personio.list_persons(created_after=None, emails=["p@example.org", email]))
    assert "example" not in str(caught.value)
    assert service.requests == []


def test_moment_needs_a_zone(personio: PersonioClient, service: Service) -> None:
    with pytest.raises(ConfigurationError):
        personio.list_persons(created_after=SINCE.replace(tzinfo=None))
    assert service.requests == []


@pytest.mark.parametrize(
    ("scope", "status", "error"),
    [
        ("personio:recruiting:read", 401, PermissionDeniedError),
        ("personio:persons:read", 401, CredentialsError),
        (None, 401, CredentialsError),
        ("personio:persons:read", 403, PermissionDeniedError),
        ("personio:persons:read", 400, ConfigurationError),
    ],
)
def test_refusals_are_told_apart_by_the_scopes(
    personio: PersonioClient, service: Service, scope: Any, status: int, error: type[Exception]
) -> None:
    """A missing right is a 401 on persons, also with a fresh token."""
    answer = httpx.Response(status)
    if status == 400:
        answer = httpx.Response(status, json={"errors": []})
    service.answers = [login(scope), answer, login(scope), answer]
    with pytest.raises(error):
        list(personio.list_persons(created_after=None))


@pytest.mark.parametrize(
    ("scope", "expected"),
    [("a b", frozenset("ab")), (["a", 5], frozenset("a")), (None, frozenset()), (5, frozenset())],
)
def test_scopes(personio: PersonioClient, service: Service, scope: Any, expected: frozenset[str]) -> None:
    service.answers = [login(scope)]
    assert personio.scopes() == expected
    assert personio.scopes() == expected
    assert len(service.requests) == 1


def test_no_login_has_no_scopes(personio: PersonioClient, service: Service, state: State) -> None:
    service.answers = [httpx.Response(400, json={"error": "invalid_client"})]
    assert personio.scopes() is None
    with build_http(base_url=HOST, transport=httpx.MockTransport(service)) as http:
        config = PersonioConfig(company_id=1, recruiting_token="x")
        nobody = PersonioClient(config, http, pacer=state, meter=state, sleep=state.slept.append)
        assert nobody.scopes() is None
        with pytest.raises(ConfigurationError):
            nobody.clock_skew()
    assert len(service.requests) == 1


@pytest.mark.parametrize("expires", ["86400", '"600"', "null", '"soon"', "-1", "NaN", "1e999", "[]"])
def test_lifetime_in_any_form(personio: PersonioClient, service: Service, expires: str) -> None:
    text = f'{{"access_token":"t","scope":"a","expires_in":{expires}}}'
    service.answers = [httpx.Response(200, content=text.encode())]
    assert personio.scopes() == frozenset("a")


def test_clock_skew(personio: PersonioClient, service: Service) -> None:
    """The last answer tells; only without any, a login is made."""
    ahead = timedelta(minutes=-7)
    told = {"Date": format_datetime(datetime.now(UTC) + ahead, usegmt=True)}
    body = {"success": True, "data": {"token": "papi-1"}}
    service.answers = [httpx.Response(200, json=body, headers=told)]
    assert abs(personio.clock_skew() - ahead) < timedelta(seconds=30)
    personio.clock_skew()
    assert len(service.requests) == 1

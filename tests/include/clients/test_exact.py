from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
import pytest

from include.errors import (
    ConfigurationError,
    CredentialsError,
    ErrorBudgetSpentError,
    OutcomeUnknownError,
    PermissionDeniedError,
    ProtocolError,
    RecordRejectedError,
    ServiceUnavailableError,
)

if TYPE_CHECKING:
    from include.clients.exact import ExactClient
    from tests.include.clients.conftest import Service, State

SYNC = "https://start.exactonline.nl/api/v1/124132/sync/CRM/Contacts"
GUID = "790fc424-dc9f-405d-ab09-22d4ee00f653"

CONTACT = {"Account": GUID, "LastName": "Example"}


def page(*rows: dict[str, Any], following: str | None = None) -> httpx.Response:
    data: dict[str, Any] = {"results": list(rows)}
    if following:
        data["__next"] = following
    return httpx.Response(200, json={"d": data})


def numbered(first: int, last: int) -> list[dict[str, Any]]:
    return [{"ID": str(UUID(int=n)), "Timestamp": str(n)} for n in range(first, last + 1)]


def feed(versions: list[int]) -> Any:
    """Answer like the sync feed: ascending Timestamps in pages of 1,000."""

    def answer(request: httpx.Request) -> httpx.Response:
        match = re.search(r"Timestamp gt (\d+)L", request.url.params["$filter"])
        assert match
        rest = [v for v in versions if v > int(match[1])]
        rows = [{"Timestamp": str(v)} for v in rest[:1000]]
        return page(*rows, following=f"{SYNC}?$skiptoken={rest[999]}L" if len(rest) > 1000 else None)

    return answer


def test_reads_past_sixty_rows(exact: ExactClient, service: Service) -> None:
    """Pages are followed until Exact sends no link, whatever their length."""
    url = "https://start.exactonline.nl/api/v1/124132/crm/Contacts?$skiptoken=guid'a'"
    service.answers = [page(*numbered(1, 60), following=url), page(*numbered(61, 61))]
    rows = [row["Timestamp"] for p in exact.pages("crm/Contacts") for row in p.rows]
    assert rows == [str(n) for n in range(1, 62)]


def test_next_is_stored_without_host_and_resumes(exact: ExactClient, service: Service) -> None:
    """What a page gives as ``next`` reads on from there in another process."""
    link = f"{SYNC}?$filter=Timestamp%20gt%201L&$select=Timestamp,ID&$skiptoken=1000L"
    service.answers = [page(*numbered(1, 2), following=link)]
    first = next(exact.sync_pages("Contacts", after=1, select=["ID"]))
    assert first.next is not None
    assert first.next.startswith("/api/v1/124132/sync/CRM/Contacts?")
    service.answers = [page(*numbered(1001, 1002))]
    (second,) = exact.sync_pages("Contacts", after=1, select=["ID"], resume=first.next, first=2)
    assert (second.number, second.next) == (2, None)
    assert service.urls()[1] == link


def test_sync_asks_for_what_it_needs(exact: ExactClient, service: Service) -> None:
    """A sync call names its columns, filters by the number and accepts JSON."""
    service.answers = [page()]
    list(exact.sync_pages("Contacts", after=17, select=["Email"]))
    request = service.requests[0]
    assert str(request.url) == f"{SYNC}?$filter=Timestamp%20gt%2017L&$select=Timestamp,ID,Email"
    assert request.headers["accept"] == "application/json"


def test_select_star_is_refused_before_sending(exact: ExactClient, service: Service) -> None:
    with pytest.raises(ConfigurationError):
        list(exact.sync_pages("Contacts", after=1, select=["*"]))
    assert service.requests == []


@pytest.mark.parametrize(
    ("link", "code"),
    [
        ("https://evil.example.com/api/v1/124132/sync/CRM/Contacts?$skiptoken=1L", "exact.next.foreign_host"),
        ("http://start.exactonline.nl/api/v1/124132/sync/CRM/Contacts", "exact.next.foreign_host"),
        ("https://start.exactonline.nl:8443/api/v1/124132/x", "exact.next.foreign_host"),
        ("//evil.example.com/api/v1/124132/x", "exact.next.foreign_host"),
        ("https://start.exactonline.nl/api/v1/999/sync/CRM/Contacts", "exact.next.foreign_path"),
    ],
    ids=["host", "scheme", "port", "no-scheme", "division"],
)
def test_foreign_links_are_not_followed(exact: ExactClient, service: Service, link: str, code: str) -> None:
    """The bearer token never leaves for another host or division."""
    service.answers = [page(*numbered(1, 1), following=link)]
    with pytest.raises(ProtocolError) as caught:
        list(exact.sync_pages("Contacts", after=1, select=["ID"]))
    assert caught.value.reason_code == code
    assert len(service.requests) == 1


def test_page_loop_ends(exact: ExactClient, service: Service) -> None:
    """A link that was followed before ends the run with an error, also under another spelling."""
    service.answers = [
        page(*numbered(1, 1), following=f"{SYNC}?$select=ID&$skiptoken=1L"),
        page(*numbered(1, 1), following=f"{SYNC}?$top=5&$skiptoken=1L"),
    ]
    with pytest.raises(ProtocolError, match="circle"):
        list(exact.sync_pages("Contacts", after=1, select=["ID"]))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ([{"ID": "a"}], [{"ID": "a"}]),
        ([], []),
        ({"results": [{"ID": "a"}]}, [{"ID": "a"}]),
        ({"ID": "a", "__metadata": {}, "BankAccounts": {"__deferred": {"uri": "x"}}}, [{"ID": "a"}]),
    ],
    ids=["bare", "bare-empty", "results", "object"],
)
def test_three_shapes_of_d(exact: ExactClient, service: Service, data: Any, expected: Any) -> None:
    service.answers = [httpx.Response(200, json={"d": data})]
    assert [row for p in exact.pages("crm/Contacts") for row in p.rows] == expected


def test_error_on_a_later_page_is_no_last_page(exact: ExactClient, service: Service) -> None:
    service.answers = [page(*numbered(1, 1), following=f"{SYNC}?$skiptoken=1L"), *[httpx.Response(502)] * 3]
    with pytest.raises(ServiceUnavailableError):
        list(exact.sync_pages("Contacts", after=1, select=["ID"]))


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, content=b""),
        httpx.Response(200, html="<html>Object moved</html>"),
        httpx.Response(200, content=b'{"d":{"results":[{"ID":'),
        httpx.Response(503),
    ],
    ids=["empty", "html", "cut", "503"],
)
def test_reads_are_repeated_while_unavailable(
    exact: ExactClient, service: Service, state: State, answer: httpx.Response
) -> None:
    """Each repetition takes its own slot."""
    service.answers = [answer, page(*numbered(1, 1))]
    assert len(list(exact.sync_pages("Contacts", after=1, select=["ID"]))) == 1
    assert [bucket for bucket, _, _ in state.acquired].count("exact:124132:minute") == 2


@pytest.mark.parametrize(
    "versions",
    [
        [],
        [500],
        list(range(2, 1002)),
        list(range(2, 1003)),
        [*range(10, 2010), 10**12],
        list(range(10, 10_000_000, 997)),
        [*range(100, 4100), *range(10**15, 10**15 + 3500)],
    ],
    ids=["empty", "one", "1000", "1001", "lonely-high", "even", "two-heaps"],
)
def test_newest_timestamp(exact: ExactClient, service: Service, versions: list[int]) -> None:
    """The highest row version is found as a number, in calls that grow with the logarithm."""
    service.answers = [feed(versions)] * 100
    assert exact.newest_timestamp("Contacts") == max(versions, default=1)
    assert len(service.requests) <= 90


def test_newest_timestamp_is_cheap_on_a_hundred_thousand_rows(exact: ExactClient, service: Service) -> None:
    """Reading 100,000 rows takes 100 calls; finding their end takes a fifth of it at most."""
    service.answers = [feed(list(range(5, 300_005, 3)))] * 100
    assert exact.newest_timestamp("Contacts") == 300_002
    assert len(service.requests) <= 20


def test_by_ids_asks_sixty_at_a_time(exact: ExactClient, service: Service) -> None:
    """61 ids make two calls; repeated and upper-case ids make none; no URL is too long."""
    ids = [str(UUID(int=n)) for n in range(1, 62)]
    service.answers = [page({"ID": ids[0]}), page({"ID": ids[60]})]
    rows = list(exact.by_ids("crm/Contacts", [*ids, ids[0].upper()], ["Email"]))
    assert [row["ID"] for row in rows] == [ids[0], ids[60]]
    assert [url.count("guid") for url in service.urls()] == [60, 1]
    assert max(map(len, service.urls())) < 6000


def test_by_ids_makes_smaller_calls_for_long_selects(exact: ExactClient, service: Service) -> None:
    service.answers = [page()] * 10
    ids = [str(UUID(int=n)) for n in range(1, 61)]
    list(exact.by_ids("crm/Accounts", ids, [f"AddressColumnNumber{n}" for n in range(160)]))
    assert max(map(len, service.urls())) < 6000
    assert sum(url.count("guid") for url in service.urls()) == 60


def test_count_sends_no_accept_header(exact: ExactClient, service: Service) -> None:
    service.answers = [httpx.Response(200, text="1234")]
    assert exact.count("crm/Contacts") == 1234
    assert "accept" not in service.requests[0].headers


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, ConfigurationError), (403, PermissionDeniedError), (404, ConfigurationError)],
)
def test_refused_reads_are_recorded_and_not_repeated(
    exact: ExactClient, service: Service, state: State, status: int, error: type[Exception]
) -> None:
    service.answers = [httpx.Response(status, json={"error": {"message": {"value": "secret text"}}})]
    with pytest.raises(error) as caught:
        list(exact.pages("crm/Contacts"))
    assert state.errors == [("crm/Contacts", status)]
    assert "secret text" not in str(caught.value)


def test_budget_stops_before_sending(exact: ExactClient, service: Service, state: State) -> None:
    state.errors = [("crm/Contacts", 400)] * 9
    with pytest.raises(ErrorBudgetSpentError):
        list(exact.pages("crm/Contacts"))
    assert service.requests == []


def test_401_refreshes_once(exact: ExactClient, service: Service, state: State) -> None:
    """One refresh, then the new token is used; a second 401 is the end."""
    answer = {"access_token": "new", "expires_in": "600", "refresh_token": "r2", "token_type": "bearer"}
    service.answers = [
        httpx.Response(401),
        httpx.Response(200, json=answer),
        httpx.Response(401),
    ]
    with pytest.raises(CredentialsError, match="exact-personio login"):
        list(exact.pages("crm/Contacts"))
    assert service.requests[2].headers["authorization"] == "Bearer new"
    assert state.errors == [("crm/Contacts", 401)] * 2


def test_create_returns_the_representation(exact: ExactClient, service: Service) -> None:
    service.answers = [httpx.Response(201, json={"d": {"ID": GUID}})]
    hours = {"Item": GUID, "Quantity": 0, "Project": GUID}
    assert exact.create("project/TimeTransactions", hours) == {"ID": GUID}
    assert service.requests[0].headers["prefer"] == "return=representation"
    assert b'"Quantity":0,' in service.requests[0].content


def test_update_and_delete(exact: ExactClient, service: Service) -> None:
    service.answers = [httpx.Response(204), httpx.Response(204), httpx.Response(404)]
    exact.update("crm/Contacts", GUID, {"FirstName": "Ada"})
    assert exact.delete("crm/Contacts", GUID)
    assert not exact.delete("crm/Contacts", GUID)
    assert service.urls()[0].endswith(f"crm/Contacts(guid'{GUID}')")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500, json={"error": {"message": {"value": "x"}}}),
        httpx.Response(201),
        httpx.ReadTimeout("read"),
    ],
    ids=["500", "no-row", "timeout"],
)
def test_writes_without_a_clear_answer_are_not_repeated(exact: ExactClient, service: Service, answer: Any) -> None:
    service.answers = [answer]
    with pytest.raises(OutcomeUnknownError):
        exact.create("crm/Contacts", CONTACT)
    assert len(service.requests) == 1


def test_refused_write_is_the_records_fault(exact: ExactClient, service: Service) -> None:
    service.answers = [httpx.Response(400, json={})]
    with pytest.raises(RecordRejectedError):
        exact.create("crm/Contacts", CONTACT)


def test_headers_do_not_leak_into_the_next_request(exact: ExactClient, service: Service) -> None:
    service.answers = [httpx.Response(201, json={"d": {"ID": GUID}}), page()]
    exact.create("crm/Contacts", CONTACT)
    list(exact.pages("crm/Contacts"))
    assert "prefer" not in service.requests[1].headers
    assert "content-type" not in service.requests[1].headers


def test_bad_guid_never_reaches_exact(exact: ExactClient, service: Service) -> None:
    with pytest.raises(ConfigurationError):
        exact.get("crm/Contacts", "') or true")
    assert service.requests == []

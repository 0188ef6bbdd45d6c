from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from include.sandbox.faults import Fault
from include.sandbox.traffic import classify, without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.sandbox.server import RunningSandbox

    Api = Callable[..., httpx.Response]
    Rows = list[dict[str, Any]]


@pytest.mark.parametrize(("action", "stored"), [("drop_before", 0), ("drop_after", 1)])
def test_dropped_connections_give_no_answer(api: Api, sandbox: RunningSandbox, action: str, stored: int) -> None:
    """The client sees a cut connection; after the work the row is there, before it it is not."""
    sandbox.sandbox.faults.add(Fault.from_json({"action": action, "match": "POST crm/Accounts"}))
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        api("crm/Accounts", method="POST", json={"Name": "A"})
    assert len(sandbox.sandbox.exact.contents()["124132"]["Accounts"]) == stored
    assert sandbox.sandbox.log.entries()[-1].status == 0
    assert api("crm/Accounts", method="POST", json={"Name": "A"}).status_code == 201


def test_status_can_strike_late_and_often(api: Api, sandbox: RunningSandbox) -> None:
    """A fault spares the first requests, strikes a number of times, and brings its headers."""
    data = {"action": "status", "match": "GET crm/*", "status": 502, "after": 1, "times": 2, "headers": {"X-A": "b"}}
    sandbox.sandbox.faults.add(Fault.from_json(data))
    answers = [api("crm/Accounts") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 502, 502, 200]
    assert answers[1].headers["X-A"] == "b"


def test_bodies_can_be_spoiled(api: Api, sandbox: RunningSandbox, people: Rows) -> None:
    """HTML, nothing, half of the JSON, a page that links to itself and a row twice."""
    for action in ("html", "empty", "cut_json", "repeat_page", "duplicate_rows"):
        sandbox.sandbox.faults.add(Fault.from_json({"action": action, "status": 200, "times": 1}))
        answer = api("crm/Contacts", "$select=ID")
        sandbox.sandbox.faults.clear()
        assert answer.status_code == 200
        if action == "html":
            assert answer.text.startswith("<!DOCTYPE html>")
        elif action == "empty":
            assert answer.content == b""
        elif action == "cut_json":
            with pytest.raises(ValueError, match="line 1"):
                answer.json()
        elif action == "repeat_page":
            assert httpx.URL(answer.json()["d"]["__next"]) == answer.url
        else:
            assert len(answer.json()["d"]["results"]) == 61


@pytest.mark.parametrize(("committed", "stored"), [(False, 0), (True, 1)])
def test_service_that_hangs_never_answers(
    http: httpx.Client, api: Api, sandbox: RunningSandbox, committed: bool, stored: int
) -> None:
    """The client has to give up; the work was done, or was not."""
    sandbox.sandbox.faults.add(Fault("hang", match="POST crm/Accounts", committed=committed))
    http.timeout = httpx.Timeout(30.0, read=0.2)
    with pytest.raises(httpx.ReadTimeout):
        api("crm/Accounts", method="POST", json={"Name": "A"})
    http.timeout = httpx.Timeout(30.0)
    assert len(sandbox.sandbox.exact.contents()["124132"]["Accounts"]) == stored
    assert [(entry.status, entry.faults) for entry in sandbox.sandbox.log.entries()] == [(0, ("hang",))]


def test_late_work_is_done_for_a_client_that_is_gone(http: httpx.Client, api: Api, sandbox: RunningSandbox) -> None:
    """The request had arrived whole before the client hung up."""
    sandbox.sandbox.faults.add(Fault("delay", match="POST crm/Accounts", seconds=0.3))
    http.timeout = httpx.Timeout(30.0, read=0.1)
    with pytest.raises(httpx.ReadTimeout):
        api("crm/Accounts", method="POST", json={"Name": "A"})
    until = time.monotonic() + 20
    while not sandbox.sandbox.log.entries() and time.monotonic() < until:
        time.sleep(0.01)
    assert [entry.status for entry in sandbox.sandbox.log.entries()] == [201]
    assert len(sandbox.sandbox.exact.contents()["124132"]["Accounts"]) == 1


def test_pages_can_be_distorted(api: Api, sandbox: RunningSandbox, people: Rows) -> None:
    """All rows twice, the order turned round, and the answer in a list."""
    plain = ids(api("crm/Contacts", "$select=ID").json())
    for action, expected in (("double_page", plain * 2), ("reverse_rows", plain[::-1])):
        sandbox.sandbox.faults.add(Fault.from_json({"action": action}))
        assert ids(api("crm/Contacts", "$select=ID").json()) == expected
    sandbox.sandbox.faults.add(Fault("wrong_type"))
    [answer] = api("crm/Contacts", "$select=ID").json()
    assert ids(answer) == plain


def ids(answer: dict[str, Any]) -> list[str]:
    return [row["ID"] for row in answer["d"]["results"]]


def test_delay_and_tokens(api: Api, sandbox: RunningSandbox) -> None:
    """A delay takes its time; expired tokens are 401 from that request on."""
    sandbox.sandbox.faults.add(Fault("delay", seconds=0.2))
    started = time.perf_counter()
    assert api("crm/Accounts").status_code == 200
    assert time.perf_counter() - started >= 0.2
    sandbox.sandbox.faults.add(Fault("expire_tokens"))
    assert api("crm/Accounts").status_code == 401
    assert api("crm/Accounts").status_code == 401


@pytest.mark.parametrize(
    "data", [{}, {"action": "nonsense"}, {"action": "delay", "times": "many"}, {"action": "html", "x": 1}]
)
def test_unknown_faults_are_refused(data: dict[str, Any]) -> None:
    """A typing error is told, not ignored."""
    with pytest.raises(ValueError, match="fault"):
        Fault.from_json(data)


def test_traffic_is_logged_without_secrets(http: httpx.Client, api: Api, sandbox: RunningSandbox) -> None:
    """Entries tell service, endpoint and division; keys are cut off and credentials blanked."""
    api("CRM/contacts(guid'00000000-0000-4000-8000-00000000dead')")
    api("crm/Contacts/$count", "$filter=HID gt 1")
    entries = sandbox.sandbox.log.entries()
    assert [(entry.kind, entry.status, entry.division) for entry in entries] == [
        ("crm/Contacts", 404, 124132),
        ("crm/Contacts/$count", 200, 124132),
    ]
    assert sandbox.sandbox.log.summary()[0]["calls"] == 1
    assert without_secrets("a=1&refresh_token=x") == "a=1&refresh_token=***"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/oauth2/token", ("exact", "oauth2/token", None)),
        ("/api/v1/Current/me", ("exact", "current/Me", None)),
        ("/api/v1/5/SYNC/crm/accounts", ("exact", "sync/CRM/Accounts", 5)),
        ("/v1/recruiting/applications", ("personio", "v1/recruiting/applications", None)),
        ("/v2/persons/123/employments", ("personio", "v2/persons/{id}/employments", None)),
    ],
)
def test_endpoints_are_named_alike(path: str, expected: tuple[str, str, int | None]) -> None:
    """The same endpoint has one name, whatever its case, key or division."""
    assert classify(path) == expected

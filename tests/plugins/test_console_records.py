"""The list of records with Airflow's own users: what is found, who sees whom, and what a search leaves."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

import pytest

from console_records import (
    CONTACTS,
    EMPLOYEES,
    HTML,
    LIST,
    ROOT,
    RUN,
    B,
    bring,
    bring_all,
    guid,
    ids,
    log_rows,
    page_of,
    post,
    read,
    said,
    search,
    send,
)
from console_rights import refuse_dags

if TYPE_CHECKING:
    import httpx


def test_an_empty_ledger_says_what_to_do_first(admin: httpx.Client) -> None:
    assert "Unpause a DAG" in said(read(admin))


def test_lists_the_newest_first_with_names_for_who_may_see_them(admin: httpx.Client, viewer: httpx.Client) -> None:
    bring(1)
    bring(2, "rejected")
    send(1, remote_id="77")
    shown = read(admin)
    assert ids(shown) == [1, 2]
    assert "Sanne de Vries" in said(shown)
    assert "exact.Email.missing" in said(shown)
    masked = read(viewer)
    assert ids(masked) == [1, 2]
    assert "•••" in masked.text
    assert "Sanne" not in masked.text
    assert "sanne1" not in masked.text


def test_every_record_is_on_one_page(admin: httpx.Client) -> None:
    bring_all(range(1, 121), "rejected")
    answer = read(admin)
    seen = ids(answer)
    while following := re.search(r'rel="next" href="([^"]+)"', answer.text):
        answer = admin.get(html.unescape(following[1]), headers=HTML)
        seen += ids(answer)
    assert seen == list(range(120, 0, -1))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"state": "rejected"}, [2]),
        ({"state": "invented"}, [3, 1, 2]),
        ({"reason": "exact.Email.missing"}, [2]),
        ({"reason": "exact.Other.bad"}, []),
        ({"stream": f"{CONTACTS}|124132|Contacts|application"}, [1, 2]),
        ({"stream": "|124132|Contacts|employee"}, [3]),
        ({"run": RUN}, [3, 2, 1]),
        ({"since": "2020-01-01", "until": "2020-12-31"}, []),
        ({"since": "2020-01-01"}, [3, 1, 2]),
        ({"id": guid(2)}, [2]),
        ({"id": "00000003"}, [3]),
        ({"id": "77"}, [1]),
        ({"before": "12345678901234567890-1"}, [3, 1, 2]),
        ({"since": "2020-99-99", "before": "x", "names": "x"}, [3, 1, 2]),
    ],
)
def test_narrowed(admin: httpx.Client, query: dict[str, str], found: list[int]) -> None:
    bring(1)
    bring(2, "rejected")
    send(1, remote_id="77")
    bring(3, stream=B)
    answer = read(admin, **query)
    assert answer.status_code == 200
    assert sorted(ids(answer)) == sorted(found)


@pytest.mark.parametrize("text", ["sanne1@example.org", " Véries SANNE"])
def test_a_search_by_what_a_person_is_called_leaves_no_trace_of_it(admin: httpx.Client, text: str) -> None:
    bring(1, last="Veries")
    bring(2, last="Jansen")
    before = len(log_rows())
    answer = search(admin, text)
    assert answer.status_code == 303
    address = answer.headers["location"]
    assert re.fullmatch(rf"{LIST}\?(email=[0-9a-f]{{64}}|names=[0-9a-f.]+)", address)
    found = admin.get(address, headers=HTML)
    assert ids(found) == [1]
    assert text.strip() not in said(found).split("Record ", maxsplit=1)[0]
    events = [event for event, _ in log_rows()[before:]]
    assert events == ["people.list", "people.search", "people.list"]
    assert not any(word in str(log_rows()[before:]).lower() for word in ("sanne", "veries", "véries", "example.org"))


@pytest.mark.parametrize(("text", "path"), [(guid(1), "id="), ("00000001", "id="), ("77", "id=77"), ("", "")])
def test_a_search_by_id_is_for_everybody_who_reads(viewer: httpx.Client, text: str, path: str) -> None:
    bring(1)
    send(1, remote_id="77")
    answer = search(viewer, text)
    assert answer.status_code == 303
    assert path in answer.headers["location"]
    assert ids(viewer.get(answer.headers["location"], headers=HTML)) == [1]


def test_who_may_not_see_people_cannot_ask_for_them(admin: httpx.Client, viewer: httpx.Client) -> None:
    """Neither by the form nor by an address that somebody else was led to: a search would tell who is here."""
    bring(1)
    for text in ("sanne1@example.org", "sanne", "nobody@example.org", "nobody"):
        assert search(viewer, text).status_code == 403
    led = search(admin, "sanne").headers["location"]
    assert viewer.get(led, headers=HTML).status_code == 403
    acting = led.replace("/records/?", "/records/act?act=replay&")
    assert console_user(viewer, acting) == 403


def console_user(client: httpx.Client, path: str) -> int:
    return client.get(path, headers=HTML).status_code


@pytest.mark.parametrize("text", ["0612345678", guid(9), "Sanne1"])
def test_what_is_no_id_of_a_record_is_not_in_the_address(admin: httpx.Client, text: str) -> None:
    bring(1)
    led = search(admin, text).headers["location"]
    assert text not in led
    assert "No record fits." in said(admin.get(led, headers=HTML))


def test_a_search_needs_the_pages_own_form(admin: httpx.Client) -> None:
    assert post(admin, "/records/search", {"token": "invented", "text": "sanne"}).status_code == 403


def test_reading_of_many_people_is_on_record_without_them(admin: httpx.Client, viewer: httpx.Client) -> None:
    before = len(log_rows())
    read(admin)
    bring(1)
    bring(2)
    read(viewer)
    assert log_rows()[before:] == []
    read(admin)
    assert log_rows()[before:] == [("people.list", {"records": 2})]


def test_what_is_of_other_dags_is_as_if_it_were_not_there(
    admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(1)
    bring(1, stream=B)
    bring(2, stream=B)
    refuse_dags(monkeypatch, lambda _, dag: dag == EMPLOYEES)
    assert ids(read(admin)) == [1]
    assert EMPLOYEES not in read(admin).text
    assert EMPLOYEES not in read(admin, page_of(1)).text
    assert read(admin, page_of(2)).status_code == 404
    assert read(admin, LIST, id=guid(2)).status_code == 200
    assert ids(read(admin, LIST, id=guid(2))) == []
    assert read(admin, LIST, run=f"{EMPLOYEES}/r").status_code == 404
    assert read(admin, f"{ROOT}/records/act", act="replay", id=guid(2)).status_code == 404
    assert read(admin, f"{ROOT}/records/erase", id=guid(2)).status_code == 404


def test_a_page_of_many_asks_the_ledger_few_times(admin: httpx.Client) -> None:
    """Whatever stands on it: no question per record."""
    from sqlalchemy import event  # noqa: PLC0415
    from sqlalchemy.engine import Engine  # noqa: PLC0415

    bring_all(range(1, 60))
    statements: list[str] = []

    def remember(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "ledger_" in statement:
            statements.append(statement)

    event.listen(Engine, "before_cursor_execute", remember)
    try:
        assert len(ids(read(admin))) == 50
    finally:
        event.remove(Engine, "before_cursor_execute", remember)
    asked = [statement for statement in statements if "ledger_deliveries" in statement]
    assert len(asked) == 3

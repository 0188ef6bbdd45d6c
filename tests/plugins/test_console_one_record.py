"""The page of one record: its whole story, for who may see the person, and what may be done with it."""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING

import pytest

from console_records import (
    CONTACTS,
    HTML,
    LIST,
    SCRIPT,
    bring,
    guid,
    log_rows,
    page_of,
    read,
    said,
    send,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx


def test_a_record_tells_its_whole_story(
    admin: httpx.Client, connect: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = {"conn_type": "personio", "extra": {"company_id": 4242, "company_url": "acme.personio.example"}}
    monkeypatch.setenv("AIRFLOW_CONN_PERSONIO_DEFAULT", json.dumps(connection))
    bring(1)
    send(1, remote_id="77", status=201, result={"warnings": ["the phone was cut"]})
    answer = read(admin, page_of(1))
    text = said(answer)
    for shown in (
        "Sanne de Vries",
        guid(1),
        "first_name FirstName Sanne Sanne from FirstName (built-in) as in Exact",
        "last_name MiddleName de LastName Vries de Vries template over MiddleName, LastName (built-in) combined",
        "phone Phone 020 123 45 67 +31 20 123 45 67 from Phone (file) changed",
        "job_position_id \u2013 1001 constant (param) set by the rule",
        "Personio warned: the phone was cut",
        "ready → sending",
        "sending → created",
        "HTTP 201",
    ):
        assert shown in text
    hrefs = [html.unescape(href) for href in re.findall(r'href="([^"]+)"', answer.text)]
    assert f"/dags/{CONTACTS}/runs/manual__2026-03-01T12%3A00%3A00%2B00%3A00" in hrefs
    assert "https://acme.personio.example/recruiting/positions/1001" in hrefs
    assert any(href.endswith("/docs/MenuPortal.aspx?_Division_=124132") for href in hrefs)
    assert answer.headers["cache-control"] == "no-store"


def test_reading_of_a_person_is_on_record_and_masked_without_the_right(
    admin: httpx.Client, viewer: httpx.Client
) -> None:
    bring(1)
    before = len(log_rows())
    masked = read(viewer, page_of(1))
    assert masked.status_code == 200
    assert log_rows()[before:] == []
    for word in ("Sanne", "sanne1", "Vries", "020 123", "+31"):
        assert word not in masked.text
    assert guid(1) in masked.text
    read(admin, page_of(1))
    assert log_rows()[before:] == [("record.read", {"division": 124132, "entity": "Contacts", "record": guid(1)})]


@pytest.mark.parametrize("path", [page_of(9), f"{LIST}124132/{SCRIPT}/x", f"{LIST}1/Contacts/%2e%2e"])
def test_unknown_records_are_a_sentence(admin: httpx.Client, path: str) -> None:
    answer = admin.get(path, headers=HTML, follow_redirects=True)
    assert answer.status_code == 404
    assert SCRIPT not in answer.text


def test_buttons_say_which_state_does_not_allow_them(admin: httpx.Client) -> None:
    bring(1)
    send(1)
    shown = read(admin, page_of(1))
    assert said(shown).count("Not in the states of this record.") == 3
    assert "act=erase" in shown.text


def test_hostile_texts_stay_texts(admin: httpx.Client) -> None:
    bring(1, last=SCRIPT)
    send(1, remote_id='"><img src=x onerror=1>', result={"warnings": [SCRIPT], "matches": [{"id": SCRIPT}]})
    for path in (LIST, page_of(1)):
        answer = read(admin, path)
        assert "<script>document" not in answer.text
        assert "<img" not in answer.text

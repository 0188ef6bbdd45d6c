"""Notices after an act: on the page that they are for, for whoever did it; and addresses that nobody would write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from console_records import HTML, LIST, ROOT, bring, fields, guid, post, read, said
from console_rights import refuse_dags
from include.ledger import open_ledger
from include.ledger.tables import deliveries, events

if TYPE_CHECKING:
    import httpx

    from console import Console

SECRET = "secret_dag/dismissals_2026"


def test_a_notice_is_for_its_page_and_for_whoever_acted(console: Console, admin: httpx.Client) -> None:
    bring(1, "rejected")
    form = fields(read(admin, f"{ROOT}/records/act", act="replay", state="rejected"), "/records/act")
    address = post(admin, "/records/act", form).headers["location"]
    assert "data-trigger" in admin.get(address, headers=HTML).text
    other = console.browser("admin", "bea").get(address, headers=HTML)
    assert other.status_code == 200
    assert "data-trigger" not in other.text
    elsewhere = admin.get(address.replace("/records/?", "/connections/?"), headers=HTML)
    assert elsewhere.status_code == 200
    assert "note done" not in elsewhere.text


def test_runs_of_dags_that_may_not_be_read_have_no_name(admin: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(1)
    with open_ledger() as ledger, ledger._database.write() as connection:
        for table in (deliveries, events):
            connection.execute(update(table).values(run_id=SECRET))
    page = f"{LIST}124132/Contacts/{guid(1)}"
    assert SECRET.partition("/")[2] not in read(admin, page).text, "a DAG that nothing is known of is not theirs"
    refuse_dags(monkeypatch, lambda _, dag: dag == "secret_dag")
    for shown in (read(admin), read(admin, page)):
        assert "another run" in said(shown)
        assert "secret_dag" not in shown.text
        assert "dismissals" not in shown.text


def test_runs_that_are_no_dags_keep_their_name(admin: httpx.Client) -> None:
    bring(1)
    form = fields(read(admin, f"{ROOT}/records/act", act="skip", state="ready"), "/records/act")
    post(admin, "/records/act", form)
    assert "console/skip" in said(read(admin))
    assert "console/skip" in said(read(admin, f"{LIST}124132/Contacts/{guid(1)}"))


@pytest.mark.parametrize(
    "path", [f"{10**30}/Contacts/{guid(1)}", f"-{10**30}/Contacts/{guid(1)}", "124132/Contacts/%00", "124132/%00/x"]
)
def test_records_that_cannot_be_are_not_there(admin: httpx.Client, path: str) -> None:
    bring(1)
    assert read(admin, LIST + path).status_code == 404


@pytest.mark.parametrize(
    "query",
    [{"until": "9999-12-31"}, {"since": "9999-12-31"}, {"run": "a\0"}, {"reason": "a\0"}, {"stream": "|\u0661||"}],
    ids=str,
)
def test_filters_that_cannot_be(admin: httpx.Client, query: dict[str, str]) -> None:
    bring(1)
    assert read(admin, **query).status_code == 200
    assert read(admin, f"{ROOT}/records/act", act="replay", **query).status_code == 422

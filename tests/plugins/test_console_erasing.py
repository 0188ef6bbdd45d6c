"""Erasing people: those that were shown, as thoroughly as the command, by who may do both."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from console_records import (
    EMPLOYEES,
    ROOT,
    B,
    bring,
    erasing,
    fields,
    guid,
    log_rows,
    page_of,
    post,
    read,
    said,
    send,
)
from console_rights import refuse_dags
from include.ledger import open_ledger

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from console import Console

pytestmark = pytest.mark.usefixtures("no_waiting")


@pytest.fixture
def exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "exports" / "dag" / "run"
    folder.mkdir(parents=True)
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    return folder


def with_content() -> set[str]:
    with open_ledger() as ledger:
        return {piece.source_id for piece in ledger.holdings.pieces() if piece.content}


def test_erasing_a_person_shows_what_is_held_and_what_is_left(admin: httpx.Client) -> None:
    bring(1)
    send(1, remote_id="77")
    bring(2)
    shown = read(admin, f"{ROOT}/records/erase", id=guid(1))
    assert "1 deliveries" in said(shown)
    assert f"Contacts {guid(1)}, division 124132" in said(shown)
    form = fields(shown, "/records/erase")
    again = post(admin, "/records/erase", form | {"count": "99"})
    assert again.status_code == 409
    before = len(log_rows())
    done = post(admin, "/records/erase", form)
    assert done.status_code == 200
    assert "Left to do by the company" in said(done)
    assert "id 77" in said(done)
    assert [event for event, _ in log_rows()[before:]] == ["erase", "erase.done"]
    with open_ledger() as ledger:
        assert {piece.source_id for piece in ledger.holdings.pieces() if piece.content} == {guid(2)}
        [known] = ledger.erasures.known()
    assert known.asked_by == "ada"
    assert "Sanne" not in read(admin, page_of(1)).text


def test_erasing_many_needs_the_number_typed(admin: httpx.Client) -> None:
    for number in (1, 2):
        bring(number, "rejected")
    bring(3)
    query = {"state": "rejected"}
    shown = read(admin, f"{ROOT}/records/erase", **query)
    form = fields(shown, "/records/erase")
    assert form["count"] == "2"
    for typed in ("", "3", "two"):
        assert post(admin, "/records/erase", form | {"typed": typed}).status_code == 409
    done = post(admin, "/records/erase", form | {"typed": "2"})
    assert done.status_code == 200
    with open_ledger() as ledger:
        assert {piece.source_id for piece in ledger.holdings.pieces() if piece.content} == {guid(3)}
    assert read(admin, f"{ROOT}/records/erase").status_code == 422


def test_erasing_needs_both_rights(console: Console, admin: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(1)
    bring(1, stream=B)
    form = fields(read(admin, f"{ROOT}/records/erase", id=guid(1)), "/records/erase")
    user = console.browser("user", "uwe")
    assert "Needs the right to edit the connections to Personio" in said(read(user, page_of(1)))
    assert read(user, f"{ROOT}/records/erase", id=guid(1)).status_code == 403
    own = fields(read(user), "/records/search")["token"]
    assert post(user, "/records/erase", form | {"token": own}).status_code == 403
    # Another DAG holds something of the person.
    refuse_dags(monkeypatch, lambda method, dag: method == "POST" and dag == EMPLOYEES)
    assert post(admin, "/records/erase", form).status_code == 403
    with open_ledger() as ledger:
        assert ledger.erasures.known() == []


def test_erasing_many_is_refused_where_a_dag_that_may_not_be_triggered_holds_one_of_them(
    admin: httpx.Client, exports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(1)
    bring(2)
    form = erasing(admin, state="ready")
    bring(1, stream=B)
    refuse_dags(monkeypatch, lambda _, dag: dag == EMPLOYEES)
    assert read(admin, f"{ROOT}/records/erase", state="ready").status_code == 403
    assert post(admin, "/records/erase", form).status_code == 403
    assert with_content() == {guid(1), guid(2)}
    with open_ledger() as ledger:
        assert ledger.erasures.known() == []


def test_erasing_many_is_as_thorough_as_erasing_one(admin: httpx.Client, exports: Path) -> None:
    """Rows of exports go, and the addresses are kept out under whatever id they come again."""
    file = exports / "contacts.jsonl"
    file.write_text("".join(json.dumps({"ID": guid(n), "LastName": "Vries"}) + "\n" for n in (1, 2, 3)))
    bring(1, "rejected")
    bring(2, "rejected")
    bring(3)
    form = erasing(admin, state="rejected")
    assert form["count"] == "2"
    done = post(admin, "/records/erase", form)
    assert done.status_code == 200
    assert [json.loads(line)["ID"] for line in file.read_text().splitlines()] == [guid(3)]
    assert with_content() == {guid(3)}
    bring(4, email="sanne1@example.org")
    with open_ledger() as ledger:
        [erasure] = ledger.erasures.known()
        assert ledger.erasures.standing([], ["sanne1@example.org"])
        assert not ledger.erasures.standing([], ["sanne3@example.org"])
    assert erasure.asked_by == "ada"


def test_erasing_more_than_are_held_in_memory_is_refused(
    admin: httpx.Client, exports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from exact_console import record_erasing  # noqa: PLC0415 - Airflow's settings come first

    monkeypatch.setattr(record_erasing, "MOST", 2)
    bring(1)
    bring(2)
    form = erasing(admin, state="ready")
    bring(3)
    assert "more than 2 records" in said(read(admin, f"{ROOT}/records/erase", state="ready"))
    assert post(admin, "/records/erase", form | {"count": "3", "typed": "3"}).status_code == 409
    assert with_content() == {guid(1), guid(2), guid(3)}


def test_as_many_others_are_not_erased(admin: httpx.Client, exports: Path) -> None:
    bring(1)
    form = erasing(admin, state="ready")
    send(1)
    bring(2)
    again = post(admin, "/records/erase", form)
    assert again.status_code == 409
    assert guid(2) in again.text
    assert with_content() == {guid(1), guid(2)}
    for forged in ({"shown": ""}, {"shown": form["shown"], "meant": f"id={guid(2)}", "count": "2"}):
        assert post(admin, "/records/erase", form | forged).status_code == 409
    assert with_content() == {guid(1), guid(2)}

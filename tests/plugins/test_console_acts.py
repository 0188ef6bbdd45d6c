"""Acts on many records: on those that were shown, on no others, and as far as the page says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from console_records import (
    CONTACTS,
    EMPLOYEES,
    ROOT,
    RUN,
    B,
    bring,
    fields,
    guid,
    post,
    read,
    said,
    send,
    states,
)
from console_rights import refuse_dags
from include.ledger import open_ledger, run_outbox
from include.ledger.narrowing import Narrowing

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


@pytest.fixture
def admin(console: Console) -> httpx.Client:
    return console.browser("admin")


def erasing(client: httpx.Client, **query: str) -> dict[str, str]:
    form = fields(read(client, f"{ROOT}/records/erase", **query), "/records/erase")
    return {**form, "typed": form["count"]}


def with_content() -> set[str]:
    with open_ledger() as ledger:
        return {piece.source_id for piece in ledger.holdings.pieces() if piece.content}


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


@pytest.mark.parametrize("what", ["replay", "remap", "skip"])
def test_as_many_others_are_not_acted_on(admin: httpx.Client, console: Console, what: str) -> None:
    bring(1, "rejected")
    form = fields(read(admin, f"{ROOT}/records/act", act=what, state="rejected"), "/records/act")
    with open_ledger() as ledger:
        ledger.deliveries.set_aside(meant(guid(1)), run_id="console/skip")
    bring(2, "rejected")
    again = post(admin, "/records/act", form)
    assert again.status_code == 409
    assert "nothing was done" in said(again)
    assert states() == {guid(1): "skipped_by_rule", guid(2): "rejected"}
    with open_ledger() as ledger:
        assert not ledger.deliveries.history(guid(2))[-1].run_id.startswith("console/")
    # Nor by somebody else's question, nor by the one for another act.
    new = fields(again, "/records/act")
    bea = console.browser("admin", "bea")
    own = fields(read(bea), "/records/search")["token"]
    assert post(bea, "/records/act", new | {"token": own}).status_code == 409
    other = "remap" if what == "skip" else "skip"
    assert post(admin, "/records/act", new | {"act": other}).status_code == 409
    assert post(admin, "/records/act", new).status_code == 303


def meant(source_id: str) -> Narrowing:
    return Narrowing(id=source_id)


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"state": "rejectd"},
        {"since": "2026-13-40"},
        {"id": "no_such_id"},
        {"run": "x" * 600},
        {"reason": "a\x00b"},
        {"stream": f"{CONTACTS}|one||"},
        {"reason": "exact.Email.missing", "state": "all"},
    ],
    ids=str,
)
def test_a_filter_that_is_not_understood_is_not_a_wider_one(admin: httpx.Client, query: dict[str, str]) -> None:
    bring(1, "rejected")
    asked = {"state": "rejected"}
    for path, form in (
        ("/records/act", fields(read(admin, f"{ROOT}/records/act", act="skip", **asked), "/records/act")),
        ("/records/erase", erasing(admin, **asked)),
    ):
        assert read(admin, ROOT + path, act="skip", **query).status_code == 422
        assert post(admin, path, form | {"meant": urlencode(query)}).status_code == 422
        assert post(admin, path, form | {"meant": f"{form['meant']}&x={'x' * 4000}"}).status_code == 422
    assert states() == {guid(1): "rejected"}


def test_the_list_offers_acts_on_many_once_it_is_narrowed(admin: httpx.Client) -> None:
    bring(1, "rejected")
    assert "/records/act?" not in read(admin).text
    assert "narrow the list first" in said(read(admin))
    assert "/records/act?" in read(admin, state="rejected").text


def test_what_lies_in_the_outbox_of_another_dags_run_is_not_put_aside(
    admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3):
        bring(number)
    with open_ledger() as ledger, ledger._database.write() as connection:
        run_outbox.put(ledger._database, connection, f"{EMPLOYEES}/run1", {1: None})
        run_outbox.put(ledger._database, connection, RUN, {2: None})
    refuse_dags(monkeypatch, lambda method, dag: method == "POST" and dag == EMPLOYEES)
    form = fields(read(admin, f"{ROOT}/records/act", act="skip", state="ready"), "/records/act")
    assert form["count"] == "2"
    assert post(admin, "/records/act", form).status_code == 303
    assert states() == {guid(1): "ready", guid(2): "skipped_by_rule", guid(3): "skipped_by_rule"}
    with open_ledger() as ledger:
        assert ledger.deliveries.selected(f"{EMPLOYEES}/run1") == {"ready": 1}
        assert ledger.deliveries.selected(RUN) == {}

"""Replay, remap and skip: on the records that were shown, on no others, and as far as the page says."""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from console_records import (
    CONTACTS,
    EMPLOYEES,
    HTML,
    ROOT,
    RUN,
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
    states,
)
from console_rights import refuse_dags
from exact_console import record_acts
from include.ledger import open_ledger, run_outbox
from include.ledger.narrowing import Narrowing

if TYPE_CHECKING:
    import httpx

    from console import Console


def act(client: httpx.Client, what: str, **query: str) -> tuple[httpx.Response, dict[str, str]]:
    # All of this division, where a test says nothing else: an act without a filter is refused.
    shown = read(client, f"{ROOT}/records/act", act=what, **(query or {"stream": "|124132||"}))
    return shown, fields(shown, "/records/act") if shown.status_code == 200 else {}


def test_more_than_one_act_may_take_is_not_counted_and_not_done(
    admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_acts, "MOST", 1)
    for number in (1, 2, 3):
        bring(number)
    shown = read(admin, f"{ROOT}/records/act", act="skip", stream="|124132||")
    assert "at least 2" in shown.text
    assert "more than 1" in shown.text
    assert 'action="/exact-console/records/act"' not in shown.text
    assert "<form" not in shown.text.partition("<main")[2].partition("</main>")[0]


@pytest.mark.parametrize(
    ("what", "count", "kinds"),
    [("replay", 1, {2}), ("remap", 2, {1, 2}), ("skip", 2, {1, 2})],
)
def test_acts_on_all_that_fits_after_the_number_was_shown(
    admin: httpx.Client, what: str, count: int, kinds: set[int]
) -> None:
    bring(3)
    send(3)
    bring(1)
    bring(2, "rejected")
    before = len(log_rows())
    _, form = act(admin, what)
    assert form["count"] == str(count)
    assert states() == {guid(1): "ready", guid(2): "rejected", guid(3): "created"}
    answer = post(admin, "/records/act", form)
    assert answer.status_code == 303
    with open_ledger() as ledger:
        touched = {n for n in (1, 2, 3) if ledger.deliveries.history(guid(n))[-1].run_id == f"console/{what}"}
    assert touched == kinds
    events = log_rows()[before:]
    assert [(event, about["count"]) for event, about in events] == [(what, count), (f"{what}.done", count)]
    told = admin.get(answer.headers["location"], headers=HTML)
    assert f"{count} record" in said(told)
    if what == "skip":
        assert states() == {guid(1): "skipped_by_rule", guid(2): "skipped_by_rule", guid(3): "created"}
        assert "data-trigger" not in told.text
    else:
        conf = html.unescape(re.findall(r'data-conf="([^"]+)"', told.text)[0])
        assert json.loads(conf) == {"replay_only": True, "division": 124132, "job_position_id": 1001}
        assert f'data-trigger="/api/v2/dags/{CONTACTS}/dagRuns"' in told.text
        assert f"airflow dags trigger {CONTACTS}" in said(told)


def test_one_record_alone(admin: httpx.Client) -> None:
    bring(1, "rejected")
    bring(2, "rejected")
    links = re.findall(rf'href="({ROOT}/records/act[^"]+)"', read(admin, page_of(1)).text)
    skip = next(html.unescape(link) for link in links if "act=skip" in link)
    form = fields(admin.get(skip, headers=HTML), "/records/act")
    assert form["count"] == "1"
    assert post(admin, "/records/act", form).status_code == 303
    assert states() == {guid(1): "skipped_by_rule", guid(2): "rejected"}


def test_another_number_is_asked_again(admin: httpx.Client) -> None:
    bring(1, "rejected")
    _, form = act(admin, "skip", state="rejected")
    bring(2, "rejected")
    again = post(admin, "/records/act", form)
    assert again.status_code == 409
    assert "nothing was done" in said(again)
    assert set(states().values()) == {"rejected"}
    assert post(admin, "/records/act", fields(again, "/records/act")).status_code == 303
    assert set(states().values()) == {"skipped_by_rule"}


def test_who_may_not_trigger_sees_why_and_does_nothing(
    admin: httpx.Client, viewer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(1, "rejected")
    _, form = act(admin, "skip")
    shown = read(viewer, page_of(1))
    assert "Needs the right to trigger the DAG" in said(shown)
    assert "/records/act?" not in shown.text + read(viewer).text
    assert act(viewer, "skip")[0].status_code == 403
    # A form of the viewer's own, and the admin's.
    own = fields(read(viewer), "/records/search")["token"]
    for token in (own, form["token"]):
        assert post(viewer, "/records/act", form | {"token": token}).status_code in {403, 409}
    assert states() == {guid(1): "rejected"}
    # Of several DAGs, only those that may be triggered.
    bring(2, "rejected", stream=B)
    refuse_dags(monkeypatch, lambda method, dag: method == "POST" and dag == CONTACTS)
    partly, form = act(admin, "skip")
    assert form["count"] == "1"
    assert f"may not trigger them: {CONTACTS}" in said(partly)
    assert post(admin, "/records/act", form).status_code == 303
    assert states() == {guid(1): "rejected"}


@pytest.mark.parametrize("form", [{"token": "invented"}, {"act": "erase"}, {"act": ""}])
def test_invented_forms_do_nothing(admin: httpx.Client, form: dict[str, str]) -> None:
    bring(1, "rejected")
    _, good = act(admin, "skip")
    assert post(admin, "/records/act", good | form).status_code in {403, 404}
    assert states() == {guid(1): "rejected"}


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

"""The pages of records with Airflow's own users: what is found, who sees whom, and what is done to which records."""

from __future__ import annotations

import html
import json
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
    SCRIPT,
    B,
    bring,
    bring_all,
    fields,
    guid,
    ids,
    log_rows,
    post,
    read,
    said,
    search,
    send,
    states,
)
from console_rights import refuse_dags
from exact_console import record_acts
from include.ledger import open_ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from console import Console

pytestmark = pytest.mark.usefixtures("no_waiting")


@pytest.fixture
def admin(console: Console) -> httpx.Client:
    return console.browser("admin")


@pytest.fixture
def viewer(console: Console) -> httpx.Client:
    return console.browser("viewer", "vic")


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


def page_of(number: int) -> str:
    return f"{LIST}124132/Contacts/{guid(number)}"


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


@pytest.mark.parametrize("path", [page_of(9), f"{LIST}124132/{SCRIPT}/x", f"{LIST}1/Contacts/%2e%2e"])
def test_unknown_records_are_a_sentence(admin: httpx.Client, path: str) -> None:
    answer = admin.get(path, headers=HTML, follow_redirects=True)
    assert answer.status_code == 404
    assert SCRIPT not in answer.text


def test_hostile_texts_stay_texts(admin: httpx.Client) -> None:
    bring(1, last=SCRIPT)
    send(1, remote_id='"><img src=x onerror=1>', result={"warnings": [SCRIPT], "matches": [{"id": SCRIPT}]})
    for path in (LIST, page_of(1)):
        answer = read(admin, path)
        assert "<script>document" not in answer.text
        assert "<img" not in answer.text


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


def test_buttons_say_which_state_does_not_allow_them(admin: httpx.Client) -> None:
    bring(1)
    send(1)
    shown = read(admin, page_of(1))
    assert said(shown).count("Not in the states of this record.") == 3
    assert "act=erase" in shown.text


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

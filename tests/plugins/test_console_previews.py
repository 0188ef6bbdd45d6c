"""The pages of previews with Airflow's own users: who sees them, that all is there, and that texts stay texts."""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING

import pytest

from console_reading import audited, own
from console_rights import refuse_connection, refuse_dags
from include.ledger import open_ledger
from preview_samples import IMAGE, RUN, SCRIPT, hostile, keep, record, rejected, source_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

    from console import Console
    from include.ledger.previews import Preview

HTML = {"Accept": "text/html"}
OVERVIEW = "/exact-console/previews/"
PAGE = "/exact-console/previews/run"


def show(records: Sequence[Preview], run: str = RUN) -> None:
    with open_ledger() as ledger:
        keep(ledger, records, run)


def read(client: httpx.Client, path: str = PAGE, **query: str) -> httpx.Response:
    asked = {"run": RUN, **query} if path == PAGE else query
    return client.get(path, params=asked, headers=HTML)


def ids(answer: httpx.Response) -> list[str]:
    return re.findall(r'id="r-([^"]+)"', answer.text)


def test_shows_payload_rule_action_reason_and_what_exists(admin: httpx.Client) -> None:
    show([record(1), rejected(2)])
    answer = read(admin)
    assert answer.status_code == 200
    text = html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text)))
    for shown in (
        RUN,
        "Sanne de Vries 1, sanne1@example.org would create",
        "nothing at Personio",
        "last_name de Vries 1 template over MiddleName, LastName (built-in)",
        "attributes.phone +31 20 123 45 67 from Phone (built-in)",
        "Email: missing, in Exact [exact.Email.missing]",
        "was refused before",
    ):
        assert shown in text


def test_overview_leads_to_each_run(admin: httpx.Client) -> None:
    """A run's id holds a plus, which an address must not read as a blank."""
    show([record(1)])
    show([record(2)], "dag_b/scheduled__2026-03-02T00:00:00+00:00")
    links = re.findall(r'href="(/exact-console/previews/run[^"]+)"', read(admin, OVERVIEW).text)
    assert [ids(admin.get(html.unescape(link), headers=HTML)) for link in links] == [[source_id(2)], [source_id(1)]]


def test_without_previews_the_overview_says_so(admin: httpx.Client) -> None:
    assert "No run has made a preview yet." in read(admin, OVERVIEW).text


def test_every_record_is_on_one_page(admin: httpx.Client) -> None:
    show([record(number) for number in range(121)])
    answer, seen, pages = read(admin, action="create"), [], 1
    seen += ids(answer)
    while following := re.search(r'rel="next" href="([^"]+)"', answer.text):
        answer, pages = admin.get(html.unescape(following[1]), headers=HTML), pages + 1
        seen += ids(answer)
    assert pages == 3
    assert seen == [source_id(number) for number in range(121)]
    assert "101 to 121 of 121" in answer.text
    before = re.search(r'rel="prev" href="([^"]+)"', answer.text)
    assert before
    assert ids(admin.get(html.unescape(before[1]), headers=HTML)) == seen[50:100]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"action": "nothing"}, [2]),
        ({"action": "create"}, [1, 3]),
        ({"record": f"{{{source_id(3).upper()}}}"}, [3]),
        ({"record": source_id(9)}, []),
        ({"action": "other"}, []),
        ({"after": source_id(3), "start": "3"}, []),
        ({"after": source_id(1)}, [2, 3]),
        ({"before": source_id(3)}, [1, 2]),
    ],
)
def test_narrowed(admin: httpx.Client, query: dict[str, str], found: list[int]) -> None:
    show([record(1), rejected(2), record(3)])
    answer = read(admin, **query)
    assert answer.status_code == 200
    assert ids(answer) == [source_id(number) for number in found]
    assert ("No record of this preview fits." in answer.text) == (not found)


def find(client: httpx.Client, record: str, **changes: str) -> httpx.Response:
    token = re.findall(r'name="token" value="([^"]+)"', read(client).text)[0]
    form = {"token": token, "run": RUN, "action": "create", "record": record, **changes}
    return client.post("/exact-console/previews/find", data=form, headers=own(client))


def test_a_whole_id_leads_to_its_record(admin: httpx.Client) -> None:
    show([record(1), record(2)])
    answer = find(admin, f" {{{source_id(2).upper()}}} ")
    assert answer.status_code == 303
    assert ids(admin.get(answer.headers["location"], headers=HTML)) == [source_id(2)]


@pytest.mark.parametrize("typed", ["Sanne de Vries", "sanne@example.org", source_id(1)[:-1]])
def test_what_is_no_whole_id_gets_into_no_address(admin: httpx.Client, typed: str) -> None:
    show([record(1)])
    answer = find(admin, typed)
    assert answer.status_code == 422
    assert "location" not in answer.headers
    assert typed not in answer.text
    assert "This is no whole ID of Exact." in answer.text
    answer = read(admin, record=typed)
    assert (answer.status_code, typed in answer.text) == (422, False)


def test_a_form_of_somebody_else_finds_nothing(admin: httpx.Client) -> None:
    show([record(1)])
    assert find(admin, source_id(1), token="invented").status_code == 403


def test_each_page_that_was_read_is_a_row_of_the_audit_log(admin: httpx.Client) -> None:
    show([record(number) for number in range(60)])
    before = len(audited())
    read(admin)
    read(admin, after=source_id(49), start="50")
    rows = [(event, user, json.loads(about)) for event, user, about in audited()[before:]]
    told = {"run": RUN, "before": ""}
    assert rows == [
        ("exact_personio.preview.read", "ada", {**told, "start": 0, "after": "", "records": 50}),
        ("exact_personio.preview.read", "ada", {**told, "start": 50, "after": source_id(49), "records": 10}),
    ]
    read(admin, run="no/such")
    assert len(audited()) == before + 2


def test_few_records_are_open_at_once(admin: httpx.Client) -> None:
    show([record(number) for number in range(10)])
    assert "<details>" in read(admin).text
    assert "<details open>" in read(admin, record=source_id(1)).text


@pytest.mark.parametrize("path", [OVERVIEW, PAGE])
@pytest.mark.parametrize(
    ("role", "status"), [(None, 401), ("viewer", 403), ("user", 403), ("op", 200), ("admin", 200)]
)
def test_only_who_may_edit_the_connection_sees_people(
    console: Console, path: str, role: str | None, status: int
) -> None:
    show([record(1)])
    answer = read(console.browser(role), path)
    assert answer.status_code == status
    assert (source_id(1) in answer.text) == (status == 200 and path == PAGE)


def test_one_connection_that_may_not_be_edited_is_enough(
    admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can tell which connection the run would have used."""
    show([record(1)])
    refuse_connection(monkeypatch, "personio_default")
    assert read(admin).status_code == 403
    assert read(admin, OVERVIEW).status_code == 403


@pytest.mark.parametrize("run", [RUN, RUN.rpartition("/")[2]], ids=["whole", "run-id"])
def test_dag_that_may_not_be_read_has_no_preview(
    admin: httpx.Client, monkeypatch: pytest.MonkeyPatch, run: str
) -> None:
    show([record(1)])
    show([record(2)], "dag_b/other")
    assert read(admin, run=run).status_code == 200
    refuse_dags(monkeypatch, lambda _, dag: dag == RUN.partition("/")[0])
    assert read(admin, run=run).status_code == 404
    overview = read(admin, OVERVIEW)
    assert "dag_b" in overview.text
    assert RUN.partition("/")[0] not in overview.text


@pytest.mark.parametrize("run", ["no/such", "../../x", "<script>alert(1)</script>"])
def test_unknown_run_is_a_sentence(admin: httpx.Client, run: str) -> None:
    show([record(1)])
    answer = read(admin, run=run)
    assert answer.status_code == 404
    assert "No preview is kept of this run." in answer.text
    assert run not in answer.text


@pytest.mark.parametrize(
    "query", [{"start": "-1"}, {"start": "x"}, {"start": "1" * 30}, {"after": "x"}, {"before": "é"}, {"run": ""}]
)
def test_wrong_address_is_an_answer(admin: httpx.Client, query: dict[str, str]) -> None:
    show([record(1)])
    assert read(admin, **query).status_code in {404, 422}


def test_hostile_record_stays_text(admin: httpx.Client) -> None:
    """The frame shares its origin with Airflow: markup in a name would own the session."""
    show([hostile(1)])
    answer = read(admin, action='"><script>x</script>')
    assert answer.status_code == 200
    answer = read(admin)
    assert "<script>document" not in answer.text
    assert "<img" not in answer.text
    assert re.search(r"<script(?![^>]*src=)|\sstyle=", answer.text) is None
    assert "unsafe" not in answer.headers["content-security-policy"]
    text = html.unescape(answer.text)
    assert SCRIPT in text
    assert IMAGE in text
    assert not {"\x1b", "\x00", "\x9b", "\u202e"} & set(answer.text)
    assert "👩‍👩‍👧" in answer.text
    assert "x" * 3000 in answer.text


def test_pages_stay_out_of_caches(admin: httpx.Client) -> None:
    show([record(1)])
    assert read(admin).headers["cache-control"] == "no-store"
    assert read(admin, OVERVIEW).headers["cache-control"] == "no-store"


def test_reading_changes_nothing_and_writes_nowhere(admin: httpx.Client) -> None:
    show([record(1)])
    token = re.compile(r'name="token" value="[^"]+"')
    assert token.sub("", read(admin).text) == token.sub("", read(admin).text)
    assert admin.post(PAGE, params={"run": RUN}, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 405

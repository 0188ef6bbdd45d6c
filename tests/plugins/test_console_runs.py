"""The pages of runs with Airflow's own users: true figures, files of previews, tabs, and nothing of other DAGs."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import zipfile
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine, event, select

from console_rights import refuse_dags
from include.errors import ConfigurationError
from include.ledger import open_ledger
from include.records import Decision, RecordFilter, StreamKey, Window
from preview_samples import IMAGE, RUN, SCRIPT, hostile, keep, record, rejected, source_id

if TYPE_CHECKING:
    import httpx

    from console import Console

HTML = {"Accept": "text/html"}
LIST = "/exact-console/runs/"
ONE = "/exact-console/runs/one"
TAB = "/exact-console/runs/tab"
FILE = "/exact-console/runs/download"
DAG = RUN.partition("/")[0]
STREAM = StreamKey(DAG, 124132, "Contacts")
FORMULA = '=HYPERLINK("http://example.org")'
COUNTS = {
    "read": 2345,
    "new": 12,
    "changed": 3,
    "created": 7,
    "already_there": 2,
    "rejected": 3,
    "skipped_by_rule": 0,
    "pending": 1,
}


def write(run: str, stream: StreamKey = STREAM, at: datetime | None = None, **counts: int) -> None:
    end = at or datetime.now(UTC)
    with open_ledger(clock=lambda: end) as ledger:
        ledger.run_results.write(
            *(stream, "application", f"{stream.dag}/{run}"),
            mode="window" if stream.is_history else "live",
            started_at=end - timedelta(minutes=3),
            after=1000,
            reached=2000,
            counts=counts or COUNTS,
            calls={"exact": 5, "personio": 11},
        )


def read(client: httpx.Client, path: str, **query: str) -> httpx.Response:
    return client.get(path, params=query, headers=HTML)


def words(answer: httpx.Response) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text)))


def runs(answer: httpx.Response) -> list[str]:
    return [html.unescape(name) for name in re.findall(r'<th scope="row"><a href="[^"]+">([^<]+)</a>', answer.text)]


def logged() -> list[tuple[str, str, dict[str, Any]]]:
    from airflow.models.log import Log  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415

    with create_session() as session:
        rows = session.scalars(select(Log).where(Log.event.startswith("exact_personio.preview")).order_by(Log.id))
        return [(row.event, row.owner or "", json.loads(row.extra or "{}")) for row in rows]
        return [(row.event, str(row.owner), json.loads(row.extra or "{}")) for row in rows]


@pytest.fixture
def admin(console: Console) -> httpx.Client:
    return console.browser("admin")


def test_newest_first_with_figures_and_calls_against_the_fewest(admin: httpx.Client) -> None:
    write("r1", at=datetime(2026, 3, 1, 12, tzinfo=UTC))
    with open_ledger() as ledger:
        ledger.windows.pin(STREAM, "r2", Window("live", 1000))
    write("r2", at=datetime(2026, 3, 2, 12, tzinfo=UTC))
    answer = read(admin, LIST)
    assert answer.status_code == 200
    assert runs(answer) == ["r2", "r1"]
    text = words(answer)
    assert "1000 → 2000" in text
    # 2,345 rows are three calls of a thousand; seven made and two found there took a call each.
    assert "2,345 12 7 2 3 0 1 Exact 5 / 3 Personio 11 / 9" in text
    assert "2,345 12 7 2 3 0 1 Exact 5 Personio 11 / 9" in text, "of a run without a window nobody can tell"
    assert "after 3 minutes" in text
    assert "7 created, 2 already there, 1 pending, 3 rejected" in html.unescape(answer.text)


def test_every_run_is_on_one_page(admin: httpx.Client) -> None:
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    for number in range(60):
        write(f"r{number:02}", at=begin + timedelta(minutes=number // 2))
    answer = read(admin, LIST)
    seen = runs(answer)
    assert len(seen) == 50
    following = re.search(r'rel="next" href="([^"]+)"', answer.text)
    assert following
    answer = admin.get(html.unescape(following[1]), headers=HTML)
    seen += runs(answer)
    assert 'rel="next"' not in answer.text
    assert seen == [f"r{number:02}" for number in reversed(range(60))]


@pytest.mark.parametrize(
    "before",
    [
        *("", "x", "2026-03-01", "2026-03-01T00:00:00 x"),
        *("0001-01-01T00:00:00+14:00 x", "9999-12-31T23:59:59-14:00 x"),
    ],
)
def test_an_address_that_was_written_by_hand_shows_the_newest(admin: httpx.Client, before: str) -> None:
    write("r1")
    assert runs(read(admin, LIST, before=before)) == ["r1"]


def test_without_runs_the_page_says_what_to_do(admin: httpx.Client) -> None:
    assert "No run of a DAG that you may see has ended yet." in words(read(admin, LIST))


def test_number_of_statements_does_not_grow_with_the_runs(admin: httpx.Client) -> None:
    def statements() -> int:
        found: list[str] = []

        def remember(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if re.search(r"ledger_(run_results|windows|failures|deliveries|events)", statement):
                found.append(statement)

        event.listen(Engine, "before_cursor_execute", remember)
        try:
            assert read(admin, LIST).status_code == 200
        finally:
            event.remove(Engine, "before_cursor_execute", remember)
        assert not [statement for statement in found if "ledger_deliveries" in statement]
        return len(found)

    write("r0")
    few = statements()
    for number in range(1, 40):
        write(f"r{number}")
    assert statements() == few == 4


def test_a_run_that_failed_stands_on_top_until_it_goes_on(admin: httpx.Client) -> None:
    error = ConfigurationError("Exact refuses the login.", reason_code="exact.login.dead", way_out="Log in again.")
    with open_ledger() as ledger:
        ledger.failures.record(f"{DAG}/r1", "extract", error)
    assert "Exact refuses the login." in words(read(admin, LIST))
    page = words(read(admin, ONE, run=f"{DAG}/r1"))
    assert "Exact refuses the login." in page
    assert "Log in again." in page
    write("r1", at=datetime.now(UTC) + timedelta(minutes=1))
    assert "Exact refuses the login." not in words(read(admin, LIST))


def test_failures_of_other_dags_push_none_away_that_may_be_read(
    admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = ConfigurationError("Exact refuses the login.", reason_code="exact.login.dead")
    with open_ledger() as ledger:
        ledger.failures.record(f"{DAG}/r0", "extract", error)
        ledger.failures.record(f"{DAG}/r1", "extract", error)
        for number in range(50):
            ledger.failures.record(f"{DAG}/r1", "load", error)
            ledger.failures.record(f"secret_dag/r{number}", "extract", error)
    refuse_dags(monkeypatch, lambda _, dag: dag == "secret_dag")
    answer = read(admin, LIST)
    named = re.findall(rf"{DAG}(?:/|%2F)(r\d+)", answer.text)
    assert sorted(set(named)) == ["r0", "r1"]
    assert "secret_dag" not in answer.text


def test_one_run_tells_all_that_is_known_of_it(admin: httpx.Client) -> None:
    lane = STREAM.history()
    where = RecordFilter(country=("NL", "DE"), only_main_contacts=True)
    begin, end = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    window = Window("window", 0, begin, end, advances=False, reading="pages", where=where, max_records=100)
    decisions = [Decision(source_id(number), 1, "rejected", "exact.Email.missing", "Email") for number in range(3)]
    name = f"{DAG}/manual__1"
    with open_ledger() as ledger:
        ledger.windows.pin(lane, "manual__1", window)
        ledger.windows.note(lane, "manual__1", calls=4, why="Pages of 60 take 4 calls.")
        ledger.deliveries.decide(lane, "application", 1001, 4242, decisions, name, fingerprint="m1")
        for status in (200, 200, 429):
            ledger.meter(name).count("exact", "crm/Contacts", status)
        ledger.approvals.ask(name, {"records": 7, "mode": "window"})
        ledger.approvals.answer(name, "approve", "grace", datetime.now(UTC))
    write("manual__1", lane)
    answer = read(admin, ONE, run=name)
    assert answer.status_code == 200
    text = words(answer)
    for told in (
        "7 created 2 already there 1 pending 3 rejected",
        "2,345 rows of Exact, 12 of them new, 3 changed",
        "5; the fewest possible: 4",
        "pages Pages of 60 take 4 calls.",
        "At most 100 records",
        "country NL, DE",
        "exact crm/Contacts 200 : 2, 429 : 1 3",
        "exact.Email.missing Email 3 The field is required",
        "Asked for 7 records",
        "Answer approve By grace",
    ):
        assert told in text, told
    assert 'data-go="parent" href="/dags/' in answer.text


def test_run_that_is_under_way_says_so(admin: httpx.Client) -> None:
    with open_ledger() as ledger:
        ledger.windows.pin(STREAM, "r1", Window("live", 1000))
    assert "It is under way" in words(read(admin, ONE, run=f"{DAG}/r1"))
    write("r1")
    assert "It is under way" not in words(read(admin, ONE, run=f"{DAG}/r1"))


def test_forecast_stands_beside_what_came(admin: httpx.Client) -> None:
    lane, name = STREAM.history(), f"{DAG}/manual__1"
    begin, end = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    told = {
        "records": {"to_send": 12, "rejected": 3, "skipped_by_rule": 0},
        "calls": {"exact": {"total": 4}, "personio": {"total": 12}},
        "minutes": {"total": 0.5},
        "runs": 1,
        "lines": ["12 records would be sent."],
        "asked": {"mode": "window", "created_from": begin.isoformat(), "created_to": end.isoformat()},
    }
    other = {**told, "asked": {"mode": "window", "created_from": end.isoformat(), "created_to": None}}
    before = datetime.now(UTC) - timedelta(hours=1)
    with open_ledger() as ledger:
        ledger.windows.pin(lane, "manual__1", Window("window", 0, begin, end, advances=False, reading="pages"))
        ledger.run_results.foretell(lane, "application", f"{DAG}/told", made_at=before, forecast=told)
        ledger.run_results.foretell(lane, "application", f"{DAG}/else", made_at=before, forecast=other)
    write("manual__1", lane)
    text = words(read(admin, ONE, run=name))
    assert "Records to send 12 10 -2 Records rejected 3 3 0 Records skipped 0 0 0" in text
    assert "Calls to Exact 4 5 +1 Calls to Personio 12 11 -1 Minutes 0.5 3 +2.5" in text
    assert f"{DAG}/told" in text
    foretold = words(read(admin, ONE, run=f"{DAG}/told"))
    assert "12 records would be sent." in foretold
    assert "Forecast and what came" not in foretold


def test_preview_leads_to_its_records_only_who_may_see_people(console: Console) -> None:
    with open_ledger() as ledger:
        keep(ledger, [record(1), rejected(2)], RUN)
    for role, offered in (("admin", True), ("viewer", False)):
        answer = read(console.browser(role), ONE, run=RUN)
        assert answer.status_code == 200
        assert "would create" in answer.text
        assert ("/previews/run?run=" in answer.text) is offered
        assert "sanne" not in answer.text.lower()


@pytest.mark.parametrize("path", [LIST, ONE, TAB])
def test_dag_that_may_not_be_read_is_as_if_it_were_not_there(
    admin: httpx.Client, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    write("r1")
    write("r2", STREAM.history())
    error = ConfigurationError("It failed.", reason_code="x.y.z")
    with open_ledger() as ledger:
        ledger.failures.record(f"{DAG}/r3", "extract", error)
    query = {ONE: {"run": f"{DAG}/r1"}, TAB: {"dag": DAG, "run": "r1"}}.get(path, {})
    assert DAG in read(admin, path, **query).text
    refuse_dags(monkeypatch, lambda _, dag: dag == DAG)
    answer = read(admin, path, **query)
    assert answer.status_code == (200 if path == LIST else 404)
    assert DAG not in answer.text
    assert "It failed." not in answer.text


@pytest.mark.parametrize(
    "query",
    [
        {"dag": "other_dag", "run": "scheduled__1"},
        {"dag": DAG, "run": "{RUN_ID}"},
        {"dag": "{DAG_ID}", "run": "r1"},
        {"dag": DAG, "run": "no such"},
        {},
    ],
)
def test_tab_of_another_run_says_so_calmly(admin: httpx.Client, query: dict[str, str]) -> None:
    write("r1")
    answer = read(admin, TAB, **query)
    assert "it is not a run from Exact to Personio" in words(answer)
    assert "{" not in words(answer)
    assert "problem" not in answer.text


def test_tab_shows_the_run_without_the_consoles_own_tabs(admin: httpx.Client) -> None:
    write("r1")
    answer = read(admin, TAB, dag=DAG, run="r1", task="load", map="3")
    assert answer.status_code == 200
    assert "2,345 rows of Exact" in words(answer)
    assert "load[3]" in words(answer)
    assert 'class="tabs"' not in answer.text
    for number in ("-1", "{MAP_INDEX}"):
        assert "load[" not in read(admin, TAB, dag=DAG, run="r1", task="load", map=number).text
    assert "{TASK_ID}" not in read(admin, TAB, dag=DAG, run="r1", task="{TASK_ID}").text


@pytest.mark.parametrize(
    ("role", "status"), [(None, 401), ("viewer", 403), ("user", 403), ("op", 200), ("admin", 200)]
)
@pytest.mark.parametrize("form", ["csv", "xlsx", "parquet"])
def test_only_who_may_see_people_takes_a_file(console: Console, role: str | None, status: int, form: str) -> None:
    with open_ledger() as ledger:
        keep(ledger, [record(1)], RUN)
    answer = read(console.browser(role), FILE, run=RUN, form=form)
    assert answer.status_code == status
    assert (b"sanne" in answer.content) == (status == 200 and form != "xlsx")


def test_file_holds_every_record_and_guards_its_formulas(admin: httpx.Client) -> None:
    evil = record(2, payload={"first_name": FORMULA, "last_name": "@x", "job_position_id": -1}, email=None)
    with open_ledger() as ledger:
        keep(ledger, [record(1), evil, rejected(3), hostile(4)], RUN)
    answer = read(admin, FILE, run=RUN, form="csv")
    assert answer.headers["content-disposition"].startswith('attachment; filename="preview-')
    assert "+" not in answer.headers["content-disposition"]
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["cache-control"] == "no-store"
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert [row["ID"] for row in rows] == [source_id(number) for number in (1, 2, 3, 4)]
    assert rows[0]["payload.attributes.phone"] == "'+31 20 123 45 67"
    assert rows[0]["payload.tags"] == "Exact, Prospect"
    assert rows[1]["payload.first_name"] == f"'{FORMULA}"
    assert rows[1]["payload.job_position_id"] == "-1"
    assert rows[2]["why"] == "Email: missing, in Exact [exact.Email.missing]"
    assert SCRIPT in rows[3]["payload.first_name"]
    assert rows[3]["email"] == f"{IMAGE}@example.org"
    book = zipfile.ZipFile(io.BytesIO(read(admin, FILE, run=RUN, form="xlsx").content))
    sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert sheet.count("<row ") == 5
    assert "<f>" not in sheet
    only = read(admin, FILE, run=RUN, form="csv", action="nothing").content.decode("utf-8-sig")
    assert source_id(3) in only
    assert source_id(1) not in only


def test_parquet_holds_the_same(admin: httpx.Client) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    with open_ledger() as ledger:
        keep(ledger, [record(1), rejected(2)], RUN)
    table = parquet.read_table(io.BytesIO(read(admin, FILE, run=RUN, form="parquet").content))
    assert table.column("ID").to_pylist() == [source_id(1), source_id(2)]
    assert table.column("payload.job_position_id").to_pylist() == [1001, None]


def test_without_pyarrow_the_way_to_it_is_told(admin: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_ledger() as ledger:
        keep(ledger, [record(1)], RUN)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    answer = read(admin, FILE, run=RUN, form="parquet")
    assert answer.status_code == 409
    assert "pip install '.[parquet]'" in words(answer)


def test_each_file_is_two_rows_of_the_audit_log_without_people(admin: httpx.Client) -> None:
    with open_ledger() as ledger:
        keep(ledger, [record(1), rejected(2)], RUN)
    before = len(logged())
    read(admin, FILE, run=RUN, form="xlsx", action="create")
    told = {"run": RUN, "format": "xlsx", "action": "create"}
    assert logged()[before:] == [
        ("exact_personio.preview.download", "ada", {**told, "records": 2}),
        ("exact_personio.preview.download.done", "ada", {**told, "records": 1}),
    ]


@pytest.mark.parametrize(
    "query", [{"run": "no/such"}, {"run": RUN, "form": "exe"}, {"run": "../../x"}, {"run": RUN, "action": "Sanne"}]
)
def test_what_is_not_there_is_no_file_and_no_row_of_the_log(admin: httpx.Client, query: dict[str, str]) -> None:
    with open_ledger() as ledger:
        keep(ledger, [record(1)], RUN)
    before = logged()
    assert read(admin, FILE, **query).status_code == 404
    assert logged() == before


@pytest.mark.parametrize("run", [RUN, RUN.partition("/")[2]])
def test_file_of_a_dag_that_may_not_be_read_is_refused(
    admin: httpx.Client, monkeypatch: pytest.MonkeyPatch, run: str
) -> None:
    with open_ledger() as ledger:
        keep(ledger, [record(1)], RUN)
    refuse_dags(monkeypatch, lambda _, dag: dag == DAG)
    answer = read(admin, FILE, run=run)
    assert answer.status_code == 404
    assert "sanne" not in answer.text

"""Files of previews: whole, harmless to open, for who may see people, and in the audit log."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from console_reading import words
from console_rights import refuse_dags
from console_runs import DAG, FILE, read
from include.ledger import open_ledger
from preview_samples import IMAGE, RUN, SCRIPT, hostile, keep, record, rejected, source_id

if TYPE_CHECKING:
    import httpx

    from console import Console

FORMULA = '=HYPERLINK("http://example.org")'


def logged() -> list[tuple[str, str, dict[str, Any]]]:
    from airflow.models.log import Log  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415

    with create_session() as session:
        rows = session.scalars(select(Log).where(Log.event.startswith("exact_personio.preview")).order_by(Log.id))
        return [(row.event, row.owner or "", json.loads(row.extra or "{}")) for row in rows]
        return [(row.event, str(row.owner), json.loads(row.extra or "{}")) for row in rows]


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

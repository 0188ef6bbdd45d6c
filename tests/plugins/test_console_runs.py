"""The list of runs with Airflow's own users: true figures, and nothing of other DAGs."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine, event

from console_reading import HTML, words
from console_rights import refuse_dags
from console_runs import DAG, LIST, ONE, STREAM, read, write
from include.errors import ConfigurationError
from include.ledger import open_ledger
from include.records import Window

if TYPE_CHECKING:
    import httpx


def runs(answer: httpx.Response) -> list[str]:
    return [html.unescape(name) for name in re.findall(r'<th scope="row"><a href="[^"]+">([^<]+)</a>', answer.text)]


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

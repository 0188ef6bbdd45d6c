"""The daily task follows up deletions of every division that a connection names, if the company wants it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import fresh_ledger
from airflow_home import CLIENT
from exact_to_personio.following import FollowDeletionsOperator
from include.connection_fields import exact_app
from include.ledger import erasures, open_ledger
from include.records import SourceRow, StreamKey
from include.sandbox.server import RunningSandbox
from moved import calls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONN = "exact_online_default"


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSandbox]:
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_KEY", fresh_ledger.put(tmp_path / "ledger.db"))
    monkeypatch.setattr(erasures, "SETTLE_SECONDS", 0)
    with RunningSandbox() as running:
        running.sandbox.exact.add_division(200, "Second")
        fields: dict[str, Any] = {
            "conn_type": "exact_online",
            "host": running.url,
            "login": CLIENT[0],
            "password": CLIENT[1],
        }
        fields["extra"] = {"divisions": "124132,200"}
        monkeypatch.setenv("AIRFLOW_CONN_EXACT_ONLINE_DEFAULT", json.dumps(fields))
        issued = running.sandbox.exact.issue_tokens()
        with open_ledger() as ledger:
            now = datetime.now(UTC)
            with ledger.vault(CONN, exact_app(running.url, CLIENT[0])).locked() as chain:
                chain.replace(issued["access_token"], issued["refresh_token"], now, now + timedelta(seconds=600))
        yield running


def follow() -> dict[str, Any]:
    operator = FollowDeletionsOperator(task_id="follow_deletions", exact_conn_ids=f"{CONN}, {CONN}")
    context: Any = {"run_id": "r", "ti": SimpleNamespace(try_number=1)}
    with open_ledger() as ledger:
        return operator.work(ledger, context)


def delete_one(sandbox: RunningSandbox, division: int) -> str:
    """Let a contact be read, and then be deleted."""
    exact = sandbox.sandbox.exact
    account = exact.add_account(division, {"Name": "Acme"})
    gone = str(exact.add_contact(division, {"Account": account["ID"], "LastName": "Proef"})["ID"])
    with open_ledger() as ledger:
        row = SourceRow(gone, 1, None, {"ID": gone, "LastName": "Proef"})
        ledger.staging.stage(StreamKey("d", division, "Contacts"), f"r{division}", [row], resume=None, page=1)
    exact.delete(division, "Contacts", gone)
    return gone


def test_nothing_is_asked_unless_the_company_wants_it(sandbox: RunningSandbox) -> None:
    delete_one(sandbox, 124132)
    calls(sandbox)
    assert follow() == {}
    assert calls(sandbox) == []


def test_each_division_is_asked_once(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXACT_PERSONIO_FOLLOW_DELETIONS", "erase")
    delete_one(sandbox, 124132)
    delete_one(sandbox, 200)
    calls(sandbox)
    one = {"deleted": 1, "erased": 1, "at_personio": 0}
    assert follow() == {"anonymised": {"erased": 0, "at_personio": 0}, "124132": one, "200": one}
    assert calls(sandbox).count("sync/Deleted") == 2
    with open_ledger() as ledger:
        assert [piece for piece in ledger.holdings.pieces() if piece.content] == []
        assert ledger.erasures.unfinished() == 0


def test_what_an_erasure_left_is_finished_whatever_the_policy(sandbox: RunningSandbox) -> None:
    with open_ledger() as ledger:
        ledger.erasures.plant([(1, "Contacts", "x")], [], why="asked", asked_by="me")
        ledger.erasures.blanked([(1, "Contacts", "x")], [])
        assert ledger.erasures.unfinished() == 1
        follow()
        assert ledger.erasures.unfinished() == 0

"""``exact-personio reconcile``: exit codes, table and JSON, without a service; tests/e2e runs it with both."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from include.cli import app
from include.ledger import open_ledger
from include.ledger.reconciliations import Check
from include.ledger.tables import staged
from include.records import Decision, SourceRow, StreamKey

if TYPE_CHECKING:
    from pathlib import Path

STREAM = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
IDS = [f"25ef2114-0000-4000-8000-{number:012d}" for number in range(3)]
MISSING = "personio.application.missing"


@pytest.fixture(autouse=True)
def decided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a ledger of three records that were read and rejected."""
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
    monkeypatch.setenv("COLUMNS", "200")
    with open_ledger() as ledger:
        rows = [SourceRow(source_id, n + 1, None, {"ID": source_id}) for n, source_id in enumerate(IDS)]
        ledger.staging.stage(STREAM, "r1", rows, resume=None, page=1)
        made = [Decision(one, n + 1, "rejected", "exact.Email.missing", "email") for n, one in enumerate(IDS)]
        ledger.deliveries.decide(STREAM, "application", 1001, 4242, made, "r1", fingerprint="f")


def run(*arguments: str) -> tuple[int, str]:
    ran = CliRunner().invoke(app, ["reconcile", *arguments])
    return ran.exit_code, ran.output


def lose(source_id: str) -> None:
    with open_ledger() as ledger, ledger._database.write() as connection:
        connection.execute(staged.delete().where(staged.c.source_id == source_id))


def test_agreement_is_code_0_and_a_table() -> None:
    code, output = run("--depth", "ledger")
    assert code == 0
    assert "3 read = 3 rejected; difference 0" in output
    assert "to the depth of ledger: agrees; 0 calls at Exact, 0 calls at Personio" in output


def test_difference_is_code_1_and_says_what_to_do() -> None:
    lose(IDS[1])
    code, output = run("--depth", "ledger")
    assert code == 1
    assert "DIFFERENCE" in output
    assert "[ledger.row.missing]" in output
    assert f"exact-personio trace {IDS[1]}" in output
    assert run("--last")[0] == 1


def test_json_has_a_stable_shape() -> None:
    lose(IDS[1])
    code, output = run("--depth", "ledger", "--json")
    told: dict[str, Any] = json.loads(output)
    assert code == 1
    assert set(told) == {
        *("version", "run", "depth", "division", "verdict", "began_at", "ended_at", "costs", "calls", "parts")
    }
    stream = next(part for part in told["parts"] if part["part"] == "stream")
    assert {"name", "verdict", "counts", "findings", "not_proven", "division", "entity", "dags"} <= set(stream)
    assert set(stream["findings"][0]) == {"kind", "level", "count", "subjects", "what", "way_out", "details"}
    assert json.loads(run("--last", "--json")[1]) == told


def test_cost_is_told_and_nothing_is_compared() -> None:
    assert run("--depth", "ledger", "--cost") == (0, "No calls: everything is in the ledger.\n")
    code, output = run("--cost")
    assert code == 0
    assert "Applications of company 4242: at least 1 calls at Personio." in output
    assert run("--last")[0] == 1
    assert "Nothing was reconciled yet." in run("--last")[1]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--depth", "moon"), "reconcile.depth.unknown"),
        (("--channel", "ours"), "reconcile.channel.malformed"),
        (("--accept", IDS[0]), "reconcile.subject.unknown"),
        (("--send-again", IDS[0]), "reconcile.subject.unknown"),
    ],
)
def test_mistake_is_a_sentence(arguments: tuple[str, ...], code: str) -> None:
    ended, output = run(*arguments)
    assert ended == 1
    assert f"[{code}]" in output


def test_difference_is_accepted_and_no_more_one() -> None:
    lose(IDS[1])
    run("--depth", "ledger")
    code, output = run("--accept", IDS[1])
    assert code == 0
    assert "accepted (ledger.row.missing in 124132/Contacts/application/4242/1001)" in output
    assert run("--depth", "ledger")[0] == 0


def test_what_retention_removed_cannot_be_sent_again() -> None:
    """It says so, and what is left to do."""
    with open_ledger() as ledger:
        good = {"email": "sanne@example.org", "job_position_id": 1001}
        made = [Decision(IDS[0], 9, "ready", payload=good, email="sanne@example.org")]
        ledger.deliveries.decide(STREAM, "application", 1001, 4242, made, "r2", fingerprint="f")
        claim = ledger.deliveries.claim(4242, "application", 1001, run_id="r2")
        assert claim is not None
        ledger.deliveries.settle(claim, "created")
        ledger.retention.purge(datetime.now(UTC) + timedelta(days=1))
        report = {"run": "r", "depth": "personio", "verdict": "difference", "parts": []}
        check = Check("124132/Contacts/application/4242/1001", MISSING, 1, (IDS[0],), "")
        ledger.reconciliations.keep(report, datetime.now(UTC), [check])
    code, output = run("--send-again", IDS[0])
    assert code == 1
    assert f"exact-personio reconcile --accept {IDS[0]}" in output


def test_only_where_it_is_missing_is_it_sent_again() -> None:
    """The same record is proven at another company: there nothing is to be looked for."""
    missing, proven = 4242, 4243
    with open_ledger() as ledger:
        for company in (missing, proven):
            good = {"email": "sanne@example.org", "job_position_id": 1001}
            made = [Decision(IDS[0], 9, "ready", payload=good, email="sanne@example.org")]
            ledger.deliveries.decide(STREAM, "application", 1001, company, made, "r2", fingerprint="f")
            claim = ledger.deliveries.claim(company, "application", 1001, run_id="r2")
            assert claim is not None
            ledger.deliveries.settle(claim, "created")
        report = {"run": "r", "depth": "personio", "verdict": "difference", "parts": []}
        check = Check(f"124132/Contacts/application/{missing}/1001", MISSING, 1, (IDS[0],), "")
        ledger.reconciliations.keep(report, datetime.now(UTC), [check])
    code, _ = run("--send-again", IDS[0])
    assert code == 0
    with open_ledger() as ledger:
        pieces = [one for one in ledger.holdings.pieces() if one.kind == "delivery" and one.source_id == IDS[0]]
    assert sorted((one.about["state"], one.about["company"]) for one in pieces) == [
        ("created", proven),
        ("in_doubt", missing),
    ]

"""The operators of the reconciliation: what they tell whom, and which connection they use for what."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from exact_to_personio import reconciliation
from exact_to_personio.notifiers import DifferenceNotifier, configured_notifiers
from exact_to_personio.reconciliation import HookServices, ReconcileOperator, TellDifferencesOperator
from include.errors import ConfigurationError, RetryLaterError
from include.ledger import open_ledger
from include.ledger.reconciliations import Check
from include.ledger.tables import deliveries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from include.ledger import Ledger

PART, KIND = "124132/Contacts/application/4242/1001", "personio.application.missing"
CONTEXT: Any = {"run_id": "r"}


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
    with open_ledger() as opened:
        yield opened


def found(ledger: Ledger, *subjects: str, run: str = "r") -> None:
    report = {"run": run, "depth": "personio", "verdict": "difference", "parts": []}
    check = Check(PART, KIND, len(subjects), subjects, "exact-personio trace x")
    ledger.reconciliations.keep(report, datetime.now(UTC), [check])


def tell(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, *notifiers: Any) -> int:
    log = [lambda _context: None]
    monkeypatch.setattr(reconciliation, "configured_notifiers", lambda _log: [*log, *notifiers])
    return int(TellDifferencesOperator(task_id="tell").work(ledger, CONTEXT))


def broken(_context: Any) -> None:
    raise OSError("550 RCPT TO:<ops@example.org> rejected")


def test_difference_and_its_end_reach_every_notifier_once(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[dict[str, Any]] = []
    found(ledger, "a")
    assert [tell(ledger, monkeypatch, heard.append) for _ in range(2)] == [1, 0]
    found(ledger, run="r2")
    assert [tell(ledger, monkeypatch, heard.append) for _ in range(2)] == [1, 0]
    assert [one["alert_kind"] for one in heard] == ["difference", "agreement"]
    assert [one["reconciliation_verdict"] for one in heard] == ["difference", "ok"]
    assert all(one["alert_subject"] == one["reconciliation_part"] == PART for one in heard)
    assert all(one["alert_message"] == one["login_message"] for one in heard), "for those who only know logins"


def test_notifier_that_fails_keeps_no_other_from_being_told(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[dict[str, Any]] = []
    found(ledger, "a")
    assert tell(ledger, monkeypatch, broken, heard.append) == 1
    assert tell(ledger, monkeypatch, broken, heard.append) == 0
    assert len(heard) == 1
    written = caplog.text
    assert "Notifier function failed: OSError in test_reconciliation.py:" in written
    assert "ops@example.org" not in written


def test_nobody_told_is_told_by_the_retry(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[dict[str, Any]] = []
    found(ledger, "a")
    with pytest.raises(RetryLaterError, match="None of the 1 notifiers"):
        tell(ledger, monkeypatch, broken)
    assert tell(ledger, monkeypatch, heard.append) == 1
    assert len(heard) == 1


def test_worker_that_dies_between_telling_and_noting_tells_it_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[dict[str, Any]] = []

    def told_and_killed(context: Any) -> None:
        heard.append(context)
        raise KeyboardInterrupt

    found(ledger, "a")
    with pytest.raises(KeyboardInterrupt):
        tell(ledger, monkeypatch, told_and_killed)
    assert tell(ledger, monkeypatch, heard.append) == 1
    assert len(heard) == 2


def test_log_is_told_without_any_setting(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    found(ledger, "a")
    assert TellDifferencesOperator(task_id="tell").work(ledger, CONTEXT) == 1
    assert f"Reconciliation of {PART}: 1 of {KIND} (a)." in "".join(capsys.readouterr())
    assert isinstance(configured_notifiers(DifferenceNotifier())[0], DifferenceNotifier)


def test_connections_are_told_apart_by_company_and_division(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, company in (("ONE", 1), ("TWO", 2)):
        fields = {"conn_type": "personio", "host": "http://127.0.0.1:9", "extra": {"company_id": company}}
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(fields))
    for name, divisions in (("NL", "10, 11"), ("BE", "20")):
        fields = {"conn_type": "exact_online", "host": "http://127.0.0.1:9", "login": name, "password": "p"}
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps({**fields, "extra": {"divisions": divisions}}))
    with HookServices(ledger, "r", ["nl", "be"], ["one", "two"]) as services:
        client = services.personio(2)
        assert client is not None
        assert client.config.company_id == 2
        assert services.personio(3) is None
        assert services.exact(11) is not None
        assert services.exact(20) is not None
        assert services.exact(30) is None
    with HookServices(ledger, "r", ["nl"], ["one"]) as services:
        assert services.exact(30) is not None, "a single connection serves whatever division a run was given"


@pytest.mark.parametrize(
    ("setting", "value", "code"),
    [
        ("depth", "moon", "reconcile.depth.unknown"),
        ("channel", "Exact Online", "reconcile.channel.malformed"),
    ],
)
def test_wrong_setting_is_a_sentence(ledger: Ledger, setting: str, value: str, code: str) -> None:
    operator = ReconcileOperator(task_id="reconcile")
    setattr(operator, setting, value)
    with pytest.raises(ConfigurationError) as caught:
        operator.work(ledger, CONTEXT)
    assert caught.value.reason_code == code


def test_returns_counts_by_code(ledger: Ledger) -> None:
    """What goes to XCom: codes and numbers, no ids."""
    operator = ReconcileOperator(task_id="reconcile", depth="ledger")
    with ledger._database.write() as connection:
        now = datetime.now(UTC)
        row = {
            "key": "k", "company": 4242, "destination": "application", "job": 1001,
            "dag_id": "exact_contacts_to_personio_applications", "division": 124132, "entity": "Contacts",
            "source_id": "s", "state": "created", "decided_version": 1, "fingerprint": "f", "reason_code": "",
            "field": "", "attempt": 1, "was_in_doubt": False, "run_id": "r", "decided_at": now, "updated_at": now,
        }  # fmt: skip
        connection.execute(deliveries.insert().values(row))
    assert operator.work(ledger, CONTEXT) == {
        "verdict": "difference",
        "depth": "ledger",
        "calls": {"exact": 0, "personio": 0},
        "differences": {"ledger.row.missing": 1},
        "not_proven": [],
    }

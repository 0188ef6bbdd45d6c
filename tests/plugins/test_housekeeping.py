from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import BaseNotifier

from airflow_home import CLIENT
from exact_to_personio import housekeeping
from exact_to_personio.housekeeping import ForgetOperator, KeepLoginsAliveOperator
from exact_to_personio.notifiers import LoginExpiryNotifier, configured_notifiers
from include.clients.token_chain import bury
from include.connection_fields import exact_app
from include.errors import ConfigurationError, ServiceUnavailableError
from include.ledger import open_ledger
from include.sandbox.faults import Fault
from include.sandbox.server import RunningSandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CONN = "exact_online_default"


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSandbox]:
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
    with RunningSandbox() as running:
        fields = {"conn_type": "exact_online", "host": running.url, "login": CLIENT[0], "password": CLIENT[1]}
        monkeypatch.setenv("AIRFLOW_CONN_EXACT_ONLINE_DEFAULT", json.dumps({**fields, "extra": {}}))
        yield running


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return what notifiers are told; the first of them fails."""
    heard: list[dict[str, Any]] = []

    def broken(_context: Any) -> None:
        raise OSError("no mail server")

    monkeypatch.setattr(housekeeping, "configured_notifiers", lambda: [broken, heard.append])
    return heard


@pytest.fixture
def run(sandbox: RunningSandbox) -> Callable[..., Any]:
    """Run the operator once, as one try of a task, with a login last used so many days ago."""

    def once(days: float, *, conn_ids: str = CONN, try_number: int = 1) -> Any:
        issued, then = sandbox.sandbox.exact.issue_tokens(), datetime.now(UTC) - timedelta(days=days)
        sandbox.sandbox.exact.expire_tokens()
        operator = KeepLoginsAliveOperator(task_id="keep", exact_conn_ids=conn_ids)
        context: Any = {"run_id": "r", "ti": SimpleNamespace(try_number=try_number)}
        with open_ledger() as ledger:
            with ledger.vault(CONN, exact_app(sandbox.url, CLIENT[0])).locked() as chain:
                chain.replace(issued["access_token"], issued["refresh_token"], then, then + timedelta(seconds=600))
            return operator.work(ledger, context)

    return once


def test_says_by_connection_what_was_done(run: Callable[..., Any], told: list[dict[str, Any]]) -> None:
    found = run(2)
    assert found[CONN]["login"] == "renewed"
    assert datetime.fromisoformat(found[CONN]["dies_at"]) - datetime.now(UTC) > timedelta(days=29)
    assert run(0.5)[CONN]["login"] == "in use"
    assert told == []


@pytest.mark.parametrize(
    ("days", "try_number", "messages"),
    [(24, 1, 1), (24, 2, 0), (22, 1, 0)],
    ids=["six-days-left", "second-try", "eight-days-left"],
)
def test_warns_seven_days_before_the_end_and_once(  # noqa: PLR0917 - fixtures and cases
    run: Callable[..., Any],
    sandbox: RunningSandbox,
    told: list[dict[str, Any]],
    days: float,
    try_number: int,
    messages: int,
) -> None:
    """A notifier that fails keeps neither the others from being told nor the task from saying why it failed."""
    sandbox.sandbox.faults.add(Fault("status", match="POST oauth2/token", times=None, status=500))
    with pytest.raises(ServiceUnavailableError):
        run(days, try_number=try_number)
    assert len(told) == messages
    assert all(CONN in message["login_message"] and message["login_connection"] == CONN for message in told)


def test_others_are_looked_after_before_one_fails(
    run: Callable[..., Any], told: list[dict[str, Any]], sandbox: RunningSandbox
) -> None:
    with pytest.raises(ConfigurationError, match="Airflow knows no connection nowhere"):
        run(2, conn_ids=f"nowhere, {CONN}")
    assert [entry.status for entry in sandbox.sandbox.log.entries() if entry.kind == "oauth2/token"] == [200]
    assert len(told) == 1


def test_every_living_login_is_renewed_whoever_named_it(
    run: Callable[..., Any],
    sandbox: RunningSandbox,
    told: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """But neither a dead one, nor one whose connection is gone, nor one whose id now belongs to something else."""
    fields = json.loads(os.environ["AIRFLOW_CONN_EXACT_ONLINE_DEFAULT"])
    then = datetime.now(UTC) - timedelta(days=25)
    # Another company: at the same site, a login of the same app would end the first one.
    with RunningSandbox() as belgium:
        kinds = {
            "BE": ("exact_online", belgium.url),
            "DEAD": ("exact_online", sandbox.url),
            "OTHER": ("http", sandbox.url),
        }
        for name, (kind, host) in kinds.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_EXACT_{name}", json.dumps({**fields, "conn_type": kind, "host": host}))
        issued = belgium.sandbox.exact.issue_tokens()
        belgium.sandbox.exact.expire_tokens()
        with open_ledger() as ledger:
            for conn_id in ("exact_be", "exact_dead", "exact_gone", "exact_other"):
                with ledger.vault(conn_id).locked() as chain:
                    chain.replace(
                        issued["access_token"], issued["refresh_token"], then, then + timedelta(seconds=600)
                    )
            with ledger.vault("exact_dead").locked() as chain:
                bury(chain, "exact.refresh_token.chain", None, then)
        found = run(2)
    assert {conn_id: state["login"] for conn_id, state in found.items()} == {CONN: "renewed", "exact_be": "renewed"}
    assert [entry.status for entry in sandbox.sandbox.log.entries() if entry.kind == "oauth2/token"] == [200]
    lines = [line for line in capsys.readouterr().out.splitlines() if "no longer knows" in line]
    assert ["exact_gone" in line for line in lines] == [True, False]
    assert "exact_other" in lines[1]
    assert told == []


def test_text_of_a_failing_notifier_stays_out_of_the_log(
    run: Callable[..., Any],
    sandbox: RunningSandbox,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Neither we nor Airflow write it; a notifier of Airflow's gets its templates filled in all the same."""
    sent: list[str] = []

    class Mail(BaseNotifier):
        template_fields = ("text",)

        def __init__(self) -> None:
            super().__init__()
            self.text = "{{ login_connection }}"

        def notify(self, context: Any) -> None:
            del context
            sent.append(self.text)
            raise OSError("550 RCPT TO:<ops@example.org> rejected")

    monkeypatch.setattr(housekeeping, "configured_notifiers", lambda: [Mail()])
    sandbox.sandbox.faults.add(Fault("status", match="POST oauth2/token", times=None, status=500))
    with pytest.raises(ServiceUnavailableError):
        run(24)
    assert sent == [CONN]
    written = "".join(capsys.readouterr())
    assert "Notifier Mail failed: OSError in test_housekeeping.py:" in written
    assert "ops@example.org" not in written


def test_notifiers_are_made_from_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    smtp = {
        "class": "airflow.providers.smtp.notifications.smtp.SmtpNotifier",
        "kwargs": {"to": "ops@example.org", "from_email": "a@example.org", "html_content": "{{ login_message }}"},
    }
    monkeypatch.setenv("EXACT_PERSONIO_NOTIFIERS", json.dumps([smtp]))
    assert [type(notifier).__name__ for notifier in configured_notifiers()] == ["LoginExpiryNotifier", "SmtpNotifier"]


@pytest.mark.parametrize(
    "text",
    ["{", '{"class": "a.B"}', '[{"kwargs": {}}]', '[{"class": "nowhere.B", "kwargs": {"password": "s3cret"}}]'],
)
def test_wrong_setting_is_a_sentence_without_its_content(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("EXACT_PERSONIO_NOTIFIERS", text)
    with pytest.raises(ConfigurationError) as caught:
        configured_notifiers()
    assert "s3cret" not in str(caught.value)


def test_log_is_always_told(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    log = SimpleNamespace(warning=lambda form, *args: written.append(form % args))
    monkeypatch.setattr(LoginExpiryNotifier, "log", log)
    LoginExpiryNotifier()({"login_message": "It ends soon."})
    assert written == ["It ends soon."]


def test_old_exports_are_forgotten_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the same setting as the ledger, and counted."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("EXACT_PERSONIO_RETENTION_DAYS", "30")
    run = tmp_path / "exports" / "dag" / "run"
    run.mkdir(parents=True)
    for name, days in (("old.jsonl", 31), ("young.jsonl", 29)):
        (run / name).write_text("{}", encoding="utf-8")
        at = (datetime.now(UTC) - timedelta(days=days)).timestamp()
        os.utime(run / name, (at, at))
    context: Any = {"run_id": "r"}
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        counts = ForgetOperator(task_id="forget").work(ledger, context)
    assert counts["exports"] == 1
    assert [path.name for path in run.iterdir()] == ["young.jsonl"]

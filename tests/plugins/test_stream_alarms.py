"""A stream that stops is told of once, and once more when it goes on; by mail, to Slack and to a webhook."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.triggers.callback import CallbackTrigger

from airflow_home import ROOT
from exact_to_personio.deadlines import deadline_of
from exact_to_personio.operators import PlanOperator
from exact_to_personio.stream_alarms import WatchStreamsOperator, stream_committed, stream_failed
from include.errors import ConfigurationError, RetryLaterError
from include.ledger import open_ledger
from include.ledger.alarms import WAITING
from include.ledger.tables import deliveries, watermarks
from include.records import Decision, StreamKey
from receivers import Hooks, Mailbox, listening

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from include.ledger import Ledger

DAG = "exact_contacts_to_personio_applications"
STREAM = StreamKey(DAG, 124132, "Contacts")
WEBHOOK = "exact_to_personio.webhooks.WebhookNotifier"
MAIL = "airflow.providers.smtp.notifications.smtp.SmtpNotifier"
ERROR = ConfigurationError(
    "The mapping is wrong.", reason_code="mapping.file.invalid", way_out="exact-personio doctor"
)


@pytest.fixture(autouse=True)
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
    with open_ledger() as opened:
        yield opened


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hooks]:
    with listening(Hooks()) as server:
        connection = {"conn_type": "http", "password": f"{server.url}/services/T000/B000/secret"}
        monkeypatch.setenv("AIRFLOW_CONN_OPS_SLACK", json.dumps(connection))
        notify(monkeypatch, {"class": WEBHOOK, "kwargs": {"conn_id": "ops_slack"}})
        yield server


def notify(monkeypatch: pytest.MonkeyPatch, *entries: dict[str, Any]) -> None:
    monkeypatch.setenv("EXACT_PERSONIO_NOTIFIERS", json.dumps(entries))


def context(dag_id: str = DAG, *, history: bool = False) -> Any:
    task = SimpleNamespace(dag_id=dag_id, task_id="plan", is_of_history=lambda _context: history)
    return {"task": task, "run_id": "r1", "dag_run": SimpleNamespace(run_type="scheduled")}


def fail(ledger: Ledger, dag_id: str = DAG) -> None:
    ledger.failures.record(f"{dag_id}/r1", "plan", ERROR)
    stream_failed(context(dag_id))


def commit(ledger: Ledger, dag_id: str = DAG, *, ago: timedelta = timedelta(0)) -> None:
    at = datetime.now(UTC) - ago
    row = {"dag_id": dag_id, "division": 124132, "entity": "Contacts", "value": 1, "run_id": "r", "committed_at": at}
    with ledger._database.write() as connection:
        connection.execute(watermarks.delete().where(watermarks.c.dag_id == dag_id))
        connection.execute(watermarks.insert().values(row))


def watch(ledger: Ledger) -> int:
    context: Any = {"run_id": "r"}
    return int(WatchStreamsOperator(task_id="watch").work(ledger, context))


def texts(hooks: Hooks) -> list[str]:
    return [body["text"] for body in hooks.bodies]


def test_failure_is_told_once_and_the_commit_after_it_once(ledger: Ledger, hooks: Hooks) -> None:
    commit(ledger)
    fail(ledger)
    fail(ledger)
    told = f"{DAG} does not go on. plan: The mapping is wrong. exact-personio doctor"
    assert texts(hooks) == [told]
    stream_committed(context())
    assert texts(hooks) == [told], "the watermark is older than the failure"
    commit(ledger)
    stream_committed(context())
    stream_committed(context())
    assert len(hooks.bodies) == 2
    assert texts(hooks)[1].startswith(f"{DAG} goes on again; it did not since 2")
    assert hooks.paths == ["/services/T000/B000/secret"] * 2


def test_each_of_two_streams_has_its_own_message(
    ledger: Ledger, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Templates are filled in anew for each message of a task."""
    hooks.status = 500
    for dag_id in ("one", "two"):
        fail(ledger, dag_id)
    hooks.bodies.clear()
    hooks.status = 200
    assert watch(ledger) == 2
    assert [text.split()[0] for text in texts(hooks)] == ["one", "two"]


def test_run_of_history_is_a_persons_own_affair(ledger: Ledger, hooks: Hooks) -> None:
    ledger.failures.record(f"{DAG}/r1", "plan", ERROR)
    stream_failed(context(history=True))
    assert not hooks.bodies
    assert not ledger.alarms.standing()


def test_task_that_left_no_reason_names_its_run(hooks: Hooks) -> None:
    stream_failed(context())
    assert "plan of run r1 failed." in texts(hooks)[0]


def test_nobody_who_can_be_told_is_told_by_housekeeping(
    ledger: Ledger, hooks: Hooks, caplog: pytest.LogCaptureFixture
) -> None:
    hooks.status = 503
    fail(ledger)
    assert "stream.notifier.failed" in caplog.text
    with pytest.raises(RetryLaterError, match="None of the 1 notifiers"):
        watch(ledger)
    hooks.status = 200
    assert watch(ledger) == 1
    assert "secret" not in caplog.text


def test_stale_stream_is_told_and_well_after_its_next_commit(ledger: Ledger, hooks: Hooks) -> None:
    commit(ledger, ago=timedelta(hours=23))
    assert watch(ledger) == 0
    commit(ledger, ago=timedelta(hours=25))
    assert [watch(ledger) for _ in range(2)] == [1, 0]
    assert "No run has committed since" in texts(hooks)[0]
    commit(ledger)
    assert [watch(ledger) for _ in range(2)] == [1, 0]
    assert "goes on again" in texts(hooks)[1]


def test_mail_arrives_at_the_mail_server(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(Mailbox()) as mailbox:
        extra = {"disable_ssl": True, "disable_tls": True, "from_email": "airflow@example.org"}
        fields = {"conn_type": "smtp", "host": "127.0.0.1", "port": mailbox.port, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(fields))
        content = {"to": "ops@example.org", "subject": "{{ alert_subject }}", "html_content": "{{ alert_message }}"}
        notify(monkeypatch, {"class": MAIL, "kwargs": content})
        fail(ledger)
    assert mailbox.recipients == ["ops@example.org"]
    assert [message["Subject"] for message in mailbox.messages] == [DAG]
    assert any("The mapping is wrong." in text for text in mailbox.texts())


def test_example_of_the_documentation_reaches_all_three(
    ledger: Ledger, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    found = dict(re.findall(r"^export (\w+)='(.*?)'$", text, flags=re.MULTILINE | re.DOTALL))
    with listening(Mailbox()) as mailbox:
        mail = json.loads(found["AIRFLOW_CONN_SMTP_DEFAULT"])
        mail |= {"host": "127.0.0.1", "port": mailbox.port, "login": "", "password": ""}
        mail["extra"] |= {"disable_ssl": True, "disable_tls": True}
        slack = json.loads(found["AIRFLOW_CONN_OPS_SLACK"])
        slack["password"] = slack["password"].replace("https://hooks.slack.com", hooks.url)
        other = json.loads(found["AIRFLOW_CONN_OPS"]) | {"host": f"{hooks.url}/in"}
        for name, fields in (("SMTP_DEFAULT", mail), ("OPS_SLACK", slack), ("OPS", other)):
            monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(fields))
        monkeypatch.setenv("EXACT_PERSONIO_NOTIFIERS", found["EXACT_PERSONIO_NOTIFIERS"])
        fail(ledger)
    assert [message["Subject"] for message in mailbox.messages] == [f"trouble: {DAG}"]
    assert hooks.paths == ["/services/T000/B000/XXXX", "/in"]
    assert hooks.tokens == ["", "Bearer bearer-token"]
    assert hooks.bodies[1] == {"kind": "trouble", "about": DAG, "text": hooks.bodies[0]["text"]}


def test_webhook_gets_the_body_and_the_token_of_its_connection(
    ledger: Ledger, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"conn_type": "http", "host": f"{hooks.url}/in", "password": "a-token"}
    monkeypatch.setenv("AIRFLOW_CONN_OPS", json.dumps(fields))
    body = {"kind": "{{ alert_kind }}", "about": {"dag": "{{ alert_subject }}"}}
    notify(monkeypatch, {"class": WEBHOOK, "kwargs": {"conn_id": "ops", "body": body}})
    fail(ledger)
    assert hooks.bodies == [{"kind": "trouble", "about": {"dag": DAG}}]
    assert (hooks.paths, hooks.tokens) == (["/in"], ["Bearer a-token"])


async def called_back(**run: Any) -> list[str]:
    """Call what the deadline names as Airflow's triggerer does; return the states it reports."""
    deadline = deadline_of(DAG)
    assert deadline is not None
    known = {"dag_run": {"dag_id": DAG, "run_id": "r1", **run}, "deadline": {}}
    trigger = CallbackTrigger(deadline.callback.path, {**deadline.callback.kwargs, "context": known})
    return [str(event.payload["state"]) async for event in trigger.run()]


def test_missed_deadline_is_told_once_until_a_run_commits(
    ledger: Ledger, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXACT_PERSONIO_DEADLINE_MINUTES", "45")
    commit(ledger)
    for _ in range(2):
        assert asyncio.run(called_back()) == ["running", "success"]
    assert len(hooks.bodies) == 1
    assert "A run is not through after 45 minutes. See what it waits for:" in texts(hooks)[0]
    commit(ledger)
    stream_committed(context())
    assert "goes on again" in texts(hooks)[1]


@pytest.mark.parametrize(
    "run",
    [
        {"state": "failed"},
        {"state": "running", "run_type": "backfill"},
        {"state": "running", "run_type": "manual", "conf": {"created_from": "2026-01-01"}},
        {"state": "running", "run_type": "manual", "conf": {"require_approval": True}},
    ],
)
def test_runs_that_nobody_waits_for_miss_no_deadline(
    run: dict[str, Any], ledger: Ledger, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXACT_PERSONIO_DEADLINE_MINUTES", "45")
    asyncio.run(called_back(**run))
    assert (hooks.bodies, ledger.alarms.standing()) == ([], [])
    asyncio.run(called_back(state="running", run_type="manual", conf={"preview": False, "created_from": None}))
    assert len(hooks.bodies) == 1, "a form that was left as it is"


def test_missed_deadline_leaves_the_cause_of_a_failure(
    ledger: Ledger, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXACT_PERSONIO_DEADLINE_MINUTES", "45")
    fail(ledger)
    asyncio.run(called_back(state="running", run_type="scheduled", conf={}))
    assert [one.trouble.reason_code for one in ledger.alarms.standing()] == [ERROR.reason_code]
    assert len(hooks.bodies) == 1


def test_record_that_is_stuck_silences_no_failure(ledger: Ledger, hooks: Hooks) -> None:
    commit(ledger)
    stuck(ledger)
    assert [watch(ledger) for _ in range(2)] == [1, 0]
    assert "1 records wait to be sent" in texts(hooks)[0]
    for _ in range(2):
        fail(ledger)
        assert "The mapping is wrong." in texts(hooks)[-1]
        commit(ledger)
        stream_committed(context())
        assert [one.trouble.reason_code for one in ledger.alarms.standing()] == [WAITING]
    assert len(hooks.bodies) == 3, "each failure after the first message is news"


def stuck(ledger: Ledger) -> None:
    """Have one record wait since two days."""
    made = [Decision(f"00000000-0000-4000-8000-{1:012d}", 1, "ready", "", payload={"n": 1}, email="p@example.org")]
    ledger.deliveries.decide(STREAM, "application", 1001, 4242, made, "run", fingerprint="m1")
    with ledger._database.write() as connection:
        connection.execute(deliveries.update().values(decided_at=datetime.now(UTC) - timedelta(days=2)))


def test_staleness_that_nobody_minds_any_more_ends_in_silence(
    ledger: Ledger, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(ledger, ago=timedelta(hours=25))
    assert watch(ledger) == 1
    monkeypatch.setenv("EXACT_PERSONIO_STALE_HOURS", "0")
    assert watch(ledger) == 0
    assert ledger.alarms.standing() == []
    assert len(hooks.bodies) == 1


def test_what_cannot_be_told_harms_no_task(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("EXACT_PERSONIO_NOTIFIERS", "not json")
    stream_failed(context())
    assert "settings.EXACT_PERSONIO_NOTIFIERS.invalid" in caplog.text


def test_operator_of_the_line_says_which_lane_its_run_keeps_to() -> None:
    """The callbacks ask the operator; a double of it above must not hide that it has the answer."""
    assert callable(PlanOperator(task_id="plan", entity="Contacts", destination="application").is_of_history)

"""The question to a person before anything is sent: what it shows, and what an answer comes to."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG, Connection
from airflow.sdk.exceptions import DownstreamTasksSkipped

from exact_online.hooks import ExactOnlineHook
from exact_to_personio.approval import ApproveOperator
from exact_to_personio.approval_question import after_no, question, response_timeout, unusable_timeout
from exact_to_personio.builder import add_line
from include.ledger import open_ledger
from include.records import Decision, SourceRow, StreamKey, Window
from include.sync.job import Job

if TYPE_CHECKING:
    from pathlib import Path

STREAM = StreamKey("d", 124132, "Contacts")
JOB = Job(STREAM.history(), "application", 4242, 1001)
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAYS: dict[str, Any] = {
    "created_from": datetime(2026, 1, 1, tzinfo=UTC),
    "created_to": datetime(2026, 2, 1, tzinfo=UTC),
}


@pytest.fixture
def approve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ApproveOperator:
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
    dag = DAG("d", schedule=None)
    add_line(dag, "Contacts", "application")
    found = dag.get_task("approve")
    assert isinstance(found, ApproveOperator)
    return found


def answered(approve: ApproveOperator, option: str, user: dict[str, str] | None) -> Any:
    """Resume the task as Airflow does."""
    ti = SimpleNamespace(map_index=-1, xcom_push=lambda **_: None)
    context: Any = {"run_id": "r", "ti": ti, "task": approve}
    event = {"chosen_options": [option], "params_input": {}, "responded_at": AT, "responded_by_user": user}
    return approve.execute_complete(context, event | {"timedout": user is None})


def test_approval_goes_on_and_is_kept(approve: ApproveOperator) -> None:
    answered(approve, "Approve", {"id": "7", "name": "ada"})
    with open_ledger() as ledger:
        kept = ledger.approvals.get("d/r")
    assert kept is not None
    assert (kept.answer, kept.answered_by, kept.answered_at) == ("approve", "ada", AT)


@pytest.mark.parametrize(
    ("user", "by"), [({"id": "7", "name": "ada"}, "ada"), (None, "")], ids=["said no", "silence"]
)
def test_rejection_and_silence_skip_load_and_are_kept(
    approve: ApproveOperator, user: dict[str, str] | None, by: str
) -> None:
    with pytest.raises(DownstreamTasksSkipped) as skipped:
        answered(approve, "Reject", user)
    assert sorted(skipped.value.tasks) == ["commit", "load"]
    with open_ledger() as ledger:
        kept = ledger.approvals.get("d/r")
    assert kept is not None
    assert (kept.answer, kept.answered_by) == ("reject", by)


def test_silence_means_no(approve: ApproveOperator, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (approve.defaults, approve.response_timeout) == (["Reject"], response_timeout())
    monkeypatch.setenv("EXACT_PERSONIO_APPROVAL_HOURS", "2")
    assert response_timeout().total_seconds() == 2 * 3600


def test_question_tells_counts_and_ids_only() -> None:
    sample = [("00000000-0000-4000-8000-000000000001", datetime(2026, 1, 2, 23, tzinfo=UTC))]
    text = question(JOB, Window("window", 0, **DAYS, advances=False), 312, sample)
    assert "**312** contacts of division 124132" in text
    assert "job position 1001" in text
    assert "about 16 minutes" in text
    assert "| `00000000-0000-4000-8000-000000000001` | 2026-01-02 |" in text


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf", "1e300"])
def test_unusable_hours_take_no_dag_away(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting is read while DAG files are parsed; the task says what is wrong with it."""
    assert unusable_timeout() == ""
    monkeypatch.setenv("EXACT_PERSONIO_APPROVAL_HOURS", text)
    add_line(DAG("d", schedule=None), "Contacts", "application")
    assert response_timeout().total_seconds() == 24 * 3600
    assert "EXACT_PERSONIO_APPROVAL_HOURS" in unusable_timeout()


def test_question_of_history_tells_who_sends_them_all_the_same() -> None:
    live = [("live_dag", datetime(2026, 1, 20, tzinfo=UTC)), ("whole_dag", None)]
    text = question(JOB, Window("window", 0, **DAYS, advances=False), 1, [], live)
    assert "put aside (`approval.rejected`)" in text
    assert "clear the task `transform`" in text
    assert "Those created since 2026-01-20T00:00+00:00 (UTC) also belong to the live DAG `live_dag`" in text
    assert "All of them also belong to the live DAG `whole_dag`" in text


def test_question_of_a_live_run_tells_that_the_next_one_sends_them() -> None:
    text = question(dataclasses.replace(JOB, stream=STREAM), Window("live", 0), 1, [])
    assert "the next scheduled run sends them" in text
    assert "pause the DAG" in text
    assert "approval.rejected" not in text
    assert "next scheduled run" in after_no("ada", live=True, put_aside=0)


@pytest.mark.parametrize("user", [{"id": "7", "name": "ada"}, None], ids=["said no", "silence"])
def test_no_puts_aside_what_the_run_wanted_to_send(approve: ApproveOperator, user: dict[str, str] | None) -> None:
    """The outbox is emptied, and the record's story names who said no."""
    row = SourceRow("id-1", 1, datetime(2026, 1, 5, tzinfo=UTC), {"ID": "id-1"})
    ready = Decision("id-1", 1, "ready", payload={"email": "a@example.org"}, email="a@example.org")
    with open_ledger() as ledger:
        ledger.staging.stage(JOB.stream, "r", [row], resume=None, page=1)
        ledger.deliveries.decide(
            *(JOB.stream, JOB.destination, JOB.position, JOB.company, [ready], "d/r"),
            fingerprint="m",
            selected_for="d/r",
        )
    with pytest.raises(DownstreamTasksSkipped):
        answered(approve, "Reject", user)
    with open_ledger() as ledger:
        assert ledger.deliveries.selected("d/r") == {}
        [kept] = ledger.deliveries.listing(JOB.stream, JOB.destination, JOB.position)
        assert (kept.state, kept.reason_code) == ("skipped_by_rule", "approval.rejected")
        assert ledger.deliveries.history("id-1")[-1].field == (user["name"] if user else "time-out")


def test_connection_is_asked_for_once_per_task_and_division(
    approve: ApproveOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each question is a round trip to Airflow's API."""
    asked: list[str] = []

    def get_connection(conn_id: str) -> Connection:
        asked.append(conn_id)
        return Connection(conn_id=conn_id, conn_type="exact_online", extra='{"divisions": "124132, 124133"}')

    monkeypatch.setattr(ExactOnlineHook, "get_connection", staticmethod(get_connection))
    default, other = ({"params": {"division": division}} for division in (None, 124133))
    hooks = [approve._exact(context) for context in (default, default, other, other)]  # type: ignore[arg-type]
    assert [hook.divisions for hook in hooks] == [(124132, 124133)] * 4
    assert [hook.division for hook in hooks] == [124132, 124132, 124133, 124133]
    assert asked == ["exact_online_default"] * 2

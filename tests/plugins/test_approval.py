"""The question to a person before anything is sent: what it shows, and what an answer comes to."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import DownstreamTasksSkipped

from exact_to_personio.approval import ApproveOperator, question, response_timeout, to_send
from exact_to_personio.builder import add_line
from include.ledger import open_ledger
from include.records import StreamKey, Window
from include.sync.job import Job

if TYPE_CHECKING:
    from pathlib import Path

    from include.ledger import Ledger

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
    with DAG("d", schedule=None) as dag:
        add_line("d", "Contacts", "application")
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
    assert skipped.value.tasks == ["load"]
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


@pytest.mark.parametrize(("most", "expected"), [(None, 5), (3, 3), (9, 5)])
def test_bound_of_the_run_bounds_the_question(most: int | None, expected: int) -> None:
    counts = {"ready": 4, "retry": 1, "in_doubt": 7}
    deliveries = SimpleNamespace(selected=lambda _: counts, counts=lambda *_: {"ready": 99})
    ledger: Ledger | Any = SimpleNamespace(deliveries=deliveries)
    assert to_send(ledger, JOB, "r", Window("window", 0, **DAYS, max_records=most)) == expected

"""The deadline of a live run, as the setting asks for it and as Airflow stores it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from airflow.serialization.decoders import decode_deadline_alert
from airflow.serialization.serialized_objects import DagSerialization

from exact_to_personio.builder import build_dag
from exact_to_personio.deadlines import deadline_of
from include.errors import ConfigurationError

DAG = "exact_contacts_to_personio_applications"


def test_deadline_is_off_unless_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert deadline_of(DAG) is None
    monkeypatch.setenv("EXACT_PERSONIO_DEADLINE_MINUTES", "45")
    deadline = deadline_of(DAG)
    assert deadline is not None
    assert deadline.interval == timedelta(minutes=45)
    assert deadline.callback.kwargs == {"dag_id": DAG, "minutes": 45}


def test_deadline_survives_airflows_own_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXACT_PERSONIO_DEADLINE_MINUTES", "45")
    dag = build_dag(dag_id=DAG, entity="Contacts", destination="application", doc=None, schedule="@hourly")
    stored = json.loads(json.dumps(DagSerialization.to_dict(dag)))
    (deadline,) = stored["dag"]["deadline"]
    assert decode_deadline_alert(deadline).interval == timedelta(minutes=45)
    assert "exact_to_personio.deadlines.run_is_late" in json.dumps(deadline)


@pytest.mark.parametrize("text", ["soon", "-1"])
def test_wrong_deadline_is_a_sentence(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXACT_PERSONIO_DEADLINE_MINUTES", text)
    with pytest.raises(ConfigurationError, match="EXACT_PERSONIO_DEADLINE_MINUTES is not a number of minutes"):
        deadline_of(DAG)

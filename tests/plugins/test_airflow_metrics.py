"""The gauges through Airflow's own StatsD client, as a listener on the port hears them."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk._shared.observability.metrics import stats as shared
from airflow.sdk._shared.observability.metrics.base_stats_logger import NoStatsLogger
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics import stats_utils

from exact_to_personio.airflow_metrics import ReportMetricsOperator
from include.ledger import open_ledger
from include.records import StreamKey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STREAM = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
AGE = "airflow.exact_personio.watermark_age_seconds"


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(5)
        for name, value in {"ON": "True", "HOST": "127.0.0.1", "PORT": str(listener.getsockname()[1])}.items():
            monkeypatch.setenv(f"AIRFLOW__METRICS__STATSD_{name}", value)
        yield listener
    backend: Any = shared._get_backend()
    backend.statsd.close()
    stats.initialize(factory=NoStatsLogger, export_legacy_names=False)


def reported(tmp_path: Path, listener: socket.socket) -> list[str]:
    """Report a ledger with one watermark; return what was heard, without the figures."""
    stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=True)
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        ledger.watermarks.advance(STREAM, expected=None, to=9, run_id="r", created_from=None)
        count = ReportMetricsOperator(task_id="report").work(ledger, {})
    lines = [listener.recv(65_535).decode() for _ in range(count)]
    assert all(line.endswith("|g") for line in lines)
    return [line.partition(":")[0] for line in lines]


def test_plain_statsd_has_the_labels_in_the_name(tmp_path: Path, heard: socket.socket) -> None:
    names = reported(tmp_path, heard)
    assert f"{AGE}.exact_contacts_to_personio_applications.live.124132.Contacts" in names
    assert "airflow.exact_personio.ledger_up" in names


def test_influx_manner_has_them_as_tags(
    tmp_path: Path, heard: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED", "True")
    labels = "dag_id=exact_contacts_to_personio_applications,lane=live,division=124132,entity=Contacts"
    assert f"{AGE},{labels}" in reported(tmp_path, heard)

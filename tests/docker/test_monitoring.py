"""What Prometheus and Grafana are given fits what is measured, and its rules fire when they should."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from airflow.sdk._shared.observability.metrics.metrics_registry import MetricsRegistry

from airflow_home import ROOT
from exact_to_personio.airflow_metrics import NAMESPACE, plain_name
from include.ledger import open_ledger
from include.metrics.gauges import gauges
from include.metrics.samples import PREFIX, Gauge, Sample

if TYPE_CHECKING:
    from pathlib import Path

MONITORING = ROOT / "docker" / "monitoring"
ALERTS = yaml.safe_load((MONITORING / "alerts.yaml").read_text())
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
MAPPINGS = yaml.safe_load((MONITORING / "statsd-mapping.yaml").read_text())["mappings"]
HOW_TO_GET_IT = "no promtool on this machine: apt-get install prometheus (Debian, Ubuntu)"
_NAME = re.compile(rf"\b{PREFIX}\w+")


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Gauge]:
    """Return all gauges by their names at Prometheus; an empty ledger has them too."""
    with open_ledger(f"sqlite:///{tmp_path_factory.mktemp('ledger')}/ledger.db") as ledger:
        return {f"{PREFIX}{gauge.name}": gauge for gauge in gauges(ledger)}


def expressions() -> list[tuple[str, str]]:
    dashboard = json.loads((MONITORING / "grafana" / "dashboards" / "exact-personio.json").read_text())
    found = [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel.get("targets", ())]
    return found + [(rule["alert"], rule["expr"]) for rule in RULES]


def test_every_expression_asks_for_what_there_is(known: dict[str, Gauge]) -> None:
    asked = {name for _, expression in expressions() for name in _NAME.findall(expression)}
    assert asked <= known.keys()
    shown = set(known) - {f"{PREFIX}calls_used", f"{PREFIX}decided_recently", f"{PREFIX}login_alive"}
    assert shown <= asked, "what is measured is looked at"


def test_labels_of_the_legends_and_alerts_are_those_of_the_gauge(known: dict[str, Gauge]) -> None:
    for rule in RULES:
        labels = {label for name in _NAME.findall(rule["expr"]) for label in known[name].labels}
        texts = " ".join(rule["annotations"].values())
        assert set(re.findall(r"\$labels\.(\w+)", texts)) <= labels, rule["alert"]


def test_every_alert_ends_with_a_command() -> None:
    services = set(yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"])
    for rule in RULES:
        way_out = rule["annotations"]["way_out"]
        assert way_out.startswith("docker compose "), rule["alert"]
        assert set(re.findall(r"(?:exec|restart|ps) ([\w-]+)", way_out)) <= services, rule["alert"]


def test_plain_names_come_back_as_labels(known: dict[str, Gauge]) -> None:
    """A label's value may hold a dot or a slash; the parts of the name must still be as many as the labels."""
    for name, gauge in known.items():
        values = {label: f"a.b/{number}" for number, label in enumerate(gauge.labels)}
        sent = f"airflow.{plain_name(f'{NAMESPACE}.{gauge.name}', Sample(values, 1.0))}"
        mapped, labels = _mapped(sent)
        assert mapped == f"{name}_reported"
        assert labels == {label: f"a_b_{number}" for number, label in enumerate(gauge.labels)}


def test_what_is_not_reported_the_next_day_is_forgotten() -> None:
    """A trouble that is over is reported no more; without an end its last figure would be served for ever."""
    ours = [mapping for mapping in MAPPINGS if mapping["match"].startswith(f"airflow.{NAMESPACE}.")]
    assert {mapping.get("ttl") for mapping in ours} == {"26h"}


def test_mapped_names_are_those_that_airflow_sends() -> None:
    """With the names of DAG and task in them, as its own list says; and without, where they are dropped."""
    registry: Any = MetricsRegistry
    entries = registry()._metrics.values()
    named = {re.sub(r"\{\w+\}", "*", entry["legacy_name"]) for entry in entries} | {
        entry["name"] for entry in entries
    }
    ours = f"airflow.{NAMESPACE}."
    theirs = [mapping for mapping in MAPPINGS if not mapping["match"].startswith(ours)]
    assert {mapping["match"].removeprefix("airflow.") for mapping in theirs} <= named
    dropped = {mapping["match"] for mapping in theirs if mapping.get("action") == "drop"}
    assert "airflow.ti.finish" in dropped, "or every task would be counted twice"


def _mapped(sent: str) -> tuple[str, dict[str, str]]:
    """Do as statsd-exporter does with a glob: a star stands for one part of the name."""
    for mapping in MAPPINGS:
        found = re.fullmatch(mapping["match"].replace(".", r"\.").replace("*", "([^.]+)"), sent)
        if found:
            filled: dict[str, Any] = {"name": mapping["name"], **mapping.get("labels", {})}
            for number, part in enumerate(found.groups(), start=1):
                filled = {key: re.sub(rf"\$\{{?{number}\}}?", part, value) for key, value in filled.items()}
            return filled.pop("name"), filled
    raise AssertionError(f"no mapping for {sent}")


def test_prometheus_is_mounted_what_it_is_told_to_read() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    targets = [volume.split(":")[1] for volume in compose["prometheus"]["volumes"]]
    config = yaml.safe_load((MONITORING / "prometheus.yaml").read_text())
    assert set(config["rule_files"]) <= set(targets)
    asked = {target for job in config["scrape_configs"] for one in job["static_configs"] for target in one["targets"]}
    assert {target.partition(":")[0] for target in asked} <= compose.keys()
    provider = yaml.safe_load((MONITORING / "grafana" / "dashboards" / "provider.yaml").read_text())["providers"][0]
    mounts = dict(volume.split(":")[:2] for volume in compose["grafana"]["volumes"])
    assert provider["options"]["path"] == f"{mounts['./docker/monitoring/grafana']}/dashboards"


@pytest.mark.parametrize(
    "words",
    [("check", "rules", "alerts.yaml"), ("test", "rules", "alerts.test.yaml")],
    ids=["syntax", "what must fire and what must not"],
)
def test_rules_as_prometheus_sees_them(words: tuple[str, ...]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip(HOW_TO_GET_IT)
    ran = subprocess.run([promtool, *words], cwd=MONITORING, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_alert_is_tested() -> None:
    told = yaml.safe_load((MONITORING / "alerts.test.yaml").read_text())
    fired = {one["alertname"] for test in told["tests"] for one in test["alert_rule_test"] if one["exp_alerts"]}
    assert fired == {rule["alert"] for rule in RULES}


def test_gauges_are_scraped_as_promtool_wants_them(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip(HOW_TO_GET_IT)
    from include.metrics.exposition import exposition  # noqa: PLC0415

    with open_ledger(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        text = exposition(gauges(ledger))
    ran = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr

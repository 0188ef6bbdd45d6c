"""docker-compose.yml holds what docs/docker.md promises of every service, whoever adds one."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
FILE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
ONE_SHOT = {"airflow-init", "sandbox-init"}
EXPECTED = ONE_SHOT | {
    "postgres", "redis", "airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer",
    "airflow-worker", "flower", "sandbox", "metrics", "statsd-exporter", "prometheus", "grafana",
}  # fmt: skip
PROFILES = {
    "flower": "flower", "sandbox": "sandbox", "sandbox-init": "sandbox", "metrics": "monitoring",
    "statsd-exporter": "monitoring", "prometheus": "monitoring", "grafana": "monitoring",
}  # fmt: skip
NOT_FOR_CONTAINERS = {
    "EXACT_PERSONIO_BUILD": "where `make demo` keeps what it makes, beside a checkout",
}
SECRET = re.compile(r"\$\{(\w*(?:PASSWORD|KEY|SECRET))\b([^}]*)\}")


def test_all_services_are_there() -> None:
    """No service is missing, and none is checked by nobody."""
    assert set(SERVICES) == EXPECTED
    assert {name: service["profiles"][0] for name, service in SERVICES.items() if "profiles" in service} == PROFILES


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_every_service_is_bounded_and_hardened(name: str) -> None:
    """Each restarts, rotates its log, has limits, gains no rights, and cannot write where it need not."""
    service = SERVICES[name]
    assert service["restart"] == ("no" if name in ONE_SHOT else "unless-stopped")
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    assert all(service[limit] for limit in ("mem_limit", "cpus", "pids_limit"))
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True


@pytest.mark.parametrize("name", sorted(EXPECTED - ONE_SHOT))
def test_every_service_that_stays_has_a_health_check(name: str) -> None:
    """What is not well is seen by ``docker compose ps``."""
    assert set(SERVICES[name]["healthcheck"]) == {"test", "interval", "timeout", "retries", "start_period"}


@pytest.mark.parametrize("name", sorted(name for name, service in SERVICES.items() if "ports" in service))
def test_no_port_is_open_to_the_network(name: str) -> None:
    """Whoever wants to let others in puts a proxy with TLS before it."""
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name]["ports"])


def test_our_own_containers_are_nobody_special() -> None:
    """The project's image never runs as root, and mounts of the machine's folders can only be read."""
    ours = [service for service in SERVICES.values() if "build" in service]
    assert {service["user"] for service in ours} == {"50000:0"}
    # docker-compose 1.29 tags what it builds by this name; the same one means that it is built once.
    assert len({service["image"] for service in ours}) == 1
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", []) if mount.startswith(".")]
    assert mounts
    assert all(mount.endswith(":ro") for mount in mounts)


def test_the_ledger_has_a_database_and_a_user_of_its_own() -> None:
    """Airflow's user cannot read the ledger, nor the ledger's user Airflow's database."""
    environment = FILE["x-environment"]
    airflow, ledger = environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"], environment["EXACT_PERSONIO_LEDGER_URL"]
    assert ("//airflow:" in airflow, airflow.rsplit("/")[-1]) == (True, "airflow")
    assert ("//exact_personio:" in ledger, ledger.rsplit("/")[-1]) == (True, "exact_personio")
    script = (ROOT / "docker" / "postgres" / "10-databases.sh").read_text(encoding="utf-8")
    assert "REVOKE CONNECT ON DATABASE airflow, exact_personio, postgres FROM PUBLIC" in script


def test_nothing_starts_without_its_secrets() -> None:
    """Every secret is demanded, none has a value to fall back on, and `make env` makes them all."""
    found = SECRET.findall(TEXT)
    demanded = {name for name, rest in found if rest.startswith(":?")}
    assert {name for name, _ in found} == demanded
    assert not [name for name, rest in found if rest.startswith((":-", "-"))]
    script = (ROOT / "docker" / "make_env.py").read_text(encoding="utf-8")
    assert demanded == set(re.findall(r'^ +"(\w+)": ', script, re.MULTILINE))


@pytest.mark.parametrize("word", ["version", "deploy", "develop", "include", "configs"])
def test_only_words_that_both_compose_generations_know(word: str) -> None:
    """docker-compose 1.29 ignores or refuses these; limits are ``mem_limit`` and ``cpus`` for that reason."""
    assert word not in FILE
    assert not [name for name, service in SERVICES.items() if word in service]


def test_images_are_pinned_to_a_version() -> None:
    """No `latest`, and the image's Airflow is the one that this project depends on."""
    images = {service["image"] for service in SERVICES.values() if "build" not in service}
    assert all(re.fullmatch(r"[\w./-]+:v?\d[\w.-]*", image) for image in images)
    base = re.search(r"^FROM apache/airflow:([\d.]+)-python3\.11$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert base
    assert f'"apache-airflow=={base[1]}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_every_setting_is_handed_on() -> None:
    """What the code reads can be set in .env; what cannot is named above, with the reason."""
    sources = [path for folder in ("include", "plugins", "dags") for path in (ROOT / folder).rglob("*.py")]
    read = {name for path in sources for name in re.findall(r"EXACT_PERSONIO_[A-Z_]+", path.read_text("utf-8"))}
    assert read - FILE["x-environment"].keys() == NOT_FOR_CONTAINERS.keys()
    secrets = {"EXACT_PERSONIO_LEDGER_URL", "EXACT_PERSONIO_LEDGER_KEY"}
    given = {name: FILE["x-environment"][name] for name in read - NOT_FOR_CONTAINERS.keys() - secrets}
    assert [name for name, value in given.items() if not value.startswith(f"${{{name}:-")] == []


def test_health_of_the_metrics_costs_the_ledger_nothing() -> None:
    """Twice a minute a scrape that nobody reads would be the most frequent question to the ledger."""
    assert "http://127.0.0.1:9108/health " in SERVICES["metrics"]["healthcheck"]["test"][1]


def test_example_of_a_secrets_backend_has_every_part_of_airflow() -> None:
    """A part without it finds no connections; what only serves, shows or begins needs none."""
    text = (ROOT / "docs" / "docker.md").read_text(encoding="utf-8")
    example = yaml.safe_load(re.search(r"# docker-compose.override.yml\n(.*?)```", text, re.DOTALL)[1])  # type: ignore[index]
    assert set(example["services"]) == {name for name in SERVICES if name.startswith("airflow-")} - ONE_SHOT


def test_every_command_of_the_documentation_covers_the_profiles() -> None:
    """One that is only named beside `up` is left behind by `down -v`, and by what follows a new password."""
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in ("docs/docker.md", "docs/monitoring.md")]
    assert not [text for text in (TEXT, *texts) if "--profile" in text]


def test_a_backup_goes_into_an_empty_database() -> None:
    """Tables of a newer version would be left beside those of the dump; an upgrade saves both databases."""
    text = (ROOT / "docs" / "docker.md").read_text(encoding="utf-8")
    restore = text.split("## Back up, restore")[1].split("## Upgrade")[0]
    assert re.search(
        r"DROP DATABASE exact_personio .*CREATE DATABASE .*REVOKE CONNECT .*pg_restore", restore, re.DOTALL
    )
    assert "--clean" not in restore
    upgrade = text.split("## Upgrade")[1].split("\n## ")[0]
    assert re.findall(r"pg_dump .* (\w+) >", upgrade) == ["exact_personio", "airflow"]


def test_a_user_that_cannot_be_made_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """FAB only logs the reason, and answers False."""
    script = (ROOT / "docker" / "airflow" / "init.sh").read_text(encoding="utf-8")
    code = script.split("<<'PY'\n")[1].split("\nPY\n")[0]
    users = MagicMock()
    users.find_user.return_value = None
    made = MagicMock()
    made.create_app.return_value.appbuilder.sm = users
    monkeypatch.setitem(sys.modules, "airflow.providers.fab.www.app", made)
    monkeypatch.setenv("ADMIN_USER", "admin")
    monkeypatch.setenv("ADMIN_PASSWORD", "secret-word")
    exec(code, {})  # noqa: S102 - the script's own words
    users.add_user.return_value = False
    with pytest.raises(SystemExit, match="could not be made") as caught:
        exec(code, {})  # noqa: S102
    assert "secret-word" not in str(caught.value)

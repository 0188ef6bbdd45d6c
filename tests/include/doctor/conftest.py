"""A healthy installation on a running sandbox, to be broken in one place."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib import metadata
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet

from include.connection_fields import exact_app
from include.doctor.installation import read_installation
from include.doctor.run import run_doctor
from include.ledger import open_ledger
from include.sandbox.server import RunningSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from include.doctor.finding import Finding
    from include.sandbox.state import Sandbox

EXACT, PERSONIO = "exact_online_default", "personio_default"
DIVISION = 124132


class Patient:
    """An installation: environment, connections, ledger; and the sandbox that stands for both services."""

    def __init__(self, running: RunningSandbox, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.url = running.url
        self.sandbox: Sandbox = running.sandbox
        self.folder = folder
        self.monkeypatch = monkeypatch
        self.ledger_file = folder / "ledger.db"
        self.ledger_key = Fernet.generate_key().decode()
        self.exact: dict[str, Any] | None = {
            "conn_type": "exact_online",
            "host": self.url,
            "login": self.sandbox.settings.exact.client_id,
            "password": self.sandbox.settings.exact.client_secret,
            "extra": {"divisions": str(DIVISION), "redirect_uri": "https://localhost/callback"},
        }
        self.personio: dict[str, Any] | None = {
            "conn_type": "personio",
            "host": self.url,
            "login": "sandbox-papi-client",
            "password": "sandbox-papi-secret",
            "extra": {
                "company_id": 4242,
                "recruiting_access_token": "sandbox-recruiting-token",
                "job_position_id": 1001,
                "career_url": self.url,
            },
        }
        self.env = {
            "EXACT_PERSONIO_LEDGER_URL": f"sqlite:///{self.ledger_file}",
            "EXACT_PERSONIO_LEDGER_KEY": self.ledger_key,
        }
        self.sandbox.personio.add_person("ada@example.org", "Ada", "Byron", {})
        self.log_in()

    @property
    def secrets(self) -> set[str]:
        """Everything that no finding may show."""
        fixed = {"sandbox-exact-secret", "sandbox-papi-secret", "sandbox-recruiting-token", self.ledger_key}
        return fixed | set(self.sandbox.exact.tokens._access) | set(self.sandbox.exact.tokens._refresh)

    def vault(self) -> Any:
        with open_ledger(f"sqlite:///{self.ledger_file}", self.ledger_key) as ledger:
            return ledger.vault(EXACT, exact_app(self.url, self.sandbox.settings.exact.client_id))

    def log_in(self, ago: timedelta = timedelta(0), conn_id: str = EXACT) -> None:
        """Put a chain of tokens into the ledger that was renewed so long ago."""
        issued, at = self.sandbox.exact.issue_tokens(), datetime.now(UTC) - ago
        with open_ledger(f"sqlite:///{self.ledger_file}", self.ledger_key) as ledger:
            vault = ledger.vault(conn_id, exact_app(self.url, self.sandbox.settings.exact.client_id))
            with vault.locked() as chain:
                chain.replace(issued["access_token"], issued["refresh_token"], at, at + timedelta(seconds=600))

    def end_access_token(self) -> None:
        """Let the access token be over, as it is most of the time."""
        self.log_in(timedelta(minutes=20))
        self.sandbox.exact.expire_tokens()

    def write_mapping(self, text: str) -> None:
        path = self.folder / "mapping.yaml"
        path.write_text(text, "utf-8")
        self.env["EXACT_PERSONIO_MAPPING"] = str(path)

    def be_idle(self, days: int) -> None:
        """Let the login be unused for so long."""
        self.log_in(timedelta(days=days))
        self.sandbox.exact.expire_tokens()

    def log_in_elsewhere(self) -> None:
        """Let the same user log in to the same app on another machine."""
        self.end_access_token()
        self.sandbox.exact.issue_tokens()
        self.sandbox.exact.expire_tokens()

    def use_up_day(self) -> None:
        """Let others have made all but 100 calls of the day."""
        limits, exact = self.sandbox.exact.limits, self.sandbox.settings.exact
        today = int(self.sandbox.clock.now().timestamp() // 86_400)
        limits._used[exact.client_id, DIVISION, "day"] = (today, exact.daily_limit - 100)

    def raise_schema(self) -> None:
        """Let a newer release have migrated the ledger."""
        with closing(sqlite3.connect(self.ledger_file)) as connection, connection:
            connection.execute("UPDATE ledger_version SET version_num = '9999'")

    def keep_key_in_a_file(self, mode: int) -> None:
        path = self.ledger_file.with_suffix(".key")
        path.write_text(self.ledger_key)
        path.chmod(mode)
        del self.env["EXACT_PERSONIO_LEDGER_KEY"]

    def lead_through_a_file(self) -> None:
        """Put the ledger where there can be none, not even for root."""
        (self.folder / "file").write_text("")
        self.env["EXACT_PERSONIO_LEDGER_URL"] = f"sqlite:///{self.folder}/file/ledger.db"

    def fill_disk(self) -> None:
        usage = SimpleNamespace(total=10**9, used=10**9 - 1000, free=1000)
        self.monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)

    def install(self, **packages: str) -> None:
        """Let other versions be installed."""
        real = metadata.version
        named = {name.replace("_", "-"): version for name, version in packages.items()}
        self.monkeypatch.setattr(metadata, "version", lambda name: named.get(name) or real(name))

    def examine(self) -> list[Finding]:
        """Run the doctor in this installation's environment."""
        for conn_id, fields in ((EXACT, self.exact), (PERSONIO, self.personio)):
            if fields is not None:
                text = json.dumps({**fields, "extra": json.dumps(fields["extra"])})
                self.monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", text)
        for name, value in self.env.items():
            self.monkeypatch.setenv(name, value)
        self.sandbox.log.clear()
        return run_doctor(read_installation(EXACT, PERSONIO))


@pytest.fixture
def patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Patient]:
    def nobody(conn_id: str) -> dict[str, Any]:
        from include.errors import ConfigurationError  # noqa: PLC0415

        raise ConfigurationError(
            f"Airflow knows no connection {conn_id}.",
            reason_code="airflow.connection.missing",
            way_out="Add it in the Airflow UI under Admin > Connections.",
        )

    monkeypatch.setattr("include.doctor.installation.ask_airflow", nobody)
    for name in (
        "LEDGER_URL",
        "LEDGER_KEY",
        "MAPPING",
        "RETENTION_DAYS",
        "START_FROM",
        "RETRY_SECONDS",
        "LOOK_AGAIN_HOURS",
    ):
        monkeypatch.delenv(f"EXACT_PERSONIO_{name}", raising=False)
    with RunningSandbox() as running:
        yield Patient(running, tmp_path, monkeypatch)

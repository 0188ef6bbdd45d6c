"""What the environment decides: where the ledger is, what opens it, which mapping file is the user's."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from include.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

DATABASE_FILE = "exact_personio.db"
DEFAULT_RETENTION_DAYS = 180


@dataclass(frozen=True, slots=True)
class Settings:
    """The project's settings, read once per process.

    :param ledger_url: SQLAlchemy URL; ``sqlite:///…`` or ``postgresql+psycopg://…``.
    :param ledger_keys: Fernet keys, the first one encrypts, all of them decrypt. Empty: not set.
    :param mapping_path: the user's own mapping file, None if there is none.
    :param retention_days: how long personal data of finished records is kept.
    """

    # A URL may hold a password and keys are secrets: neither belongs into a repr that ends in a log.
    ledger_url: str = field(repr=False)
    ledger_keys: tuple[str, ...] = field(default=(), repr=False)
    mapping_path: str | None = None
    retention_days: int = DEFAULT_RETENTION_DAYS


def load_settings(env: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    :param env: used instead of ``os.environ``.
    :raises ConfigurationError: if a value cannot be used.
    """
    env = os.environ if env is None else env
    return Settings(
        ledger_url=env.get("EXACT_PERSONIO_LEDGER_URL", "").strip() or default_ledger_url(env),
        ledger_keys=split_keys(env.get("EXACT_PERSONIO_LEDGER_KEY", "")),
        mapping_path=env.get("EXACT_PERSONIO_MAPPING", "").strip() or None,
        retention_days=_days(env.get("EXACT_PERSONIO_RETENTION_DAYS", "")),
    )


def split_keys(text: str) -> tuple[str, ...]:
    """Split a comma separated list of keys; blanks are ignored."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def default_ledger_url(env: Mapping[str, str]) -> str:
    """Return the URL of the SQLite file in Airflow's home, so that Airflow and the command line use the same one.

    Without ``AIRFLOW_HOME`` that is ``~/airflow``, by Airflow's own rule:
    https://airflow.apache.org/docs/apache-airflow/stable/howto/set-config.html
    """
    home = env.get("AIRFLOW_HOME", "").strip()
    folder = Path(home).expanduser() if home else Path.home() / "airflow"
    return f"sqlite:///{(folder / DATABASE_FILE).absolute()}"


def _days(text: str) -> int:
    if not text.strip():
        return DEFAULT_RETENTION_DAYS
    try:
        days = int(text)
    except ValueError:
        days = 0
    if days < 1:
        raise ConfigurationError(
            "EXACT_PERSONIO_RETENTION_DAYS is not a number of days.",
            reason_code="settings.EXACT_PERSONIO_RETENTION_DAYS.invalid",
            way_out=f"Set it to a whole number from 1 on, or unset it for {DEFAULT_RETENTION_DAYS}.",
        )
    return days

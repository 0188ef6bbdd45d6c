"""What the environment decides: where the ledger is, what opens it, which mapping file is the user's."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from include.environment import deadline_minutes, unusable, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

DATABASE_FILE = "exact_personio.db"
DEFAULT_RETENTION_DAYS = 180
DEFAULT_BACKFILL_SHARE = 50
DEFAULT_LOAD_MINUTES = 30
DEFAULT_STALE_HOURS = 24
FOLLOW_DELETIONS = ("keep", "erase")
_ALL = 100
_WORDS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Settings:
    """The project's settings, read once per process.

    :param ledger_url: SQLAlchemy URL; ``sqlite:///…`` or ``postgresql+psycopg://…``.
    :param ledger_keys: Fernet keys, the first one encrypts, all of them decrypt. Empty: not set.
    :param mapping_path: the user's own mapping file, None if there is none.
    :param retention_days: how long personal data of finished records is kept.
    :param backfill_share: of Personio's limits, between 0 and 1: what history uses while a live run wants some.
    :param load_minutes: after which a live run leaves what it has not sent to the next one.
    :param follow_deletions: what becomes of records that Exact deleted or anonymised: ``keep`` or ``erase``.
    :param stale_hours: without a commit, or of a record's waiting, after which a stream does not go on; 0: never.
    :param deadline_minutes: within which a live run has to be through; 0: there is no deadline.
    :param defer_load: whether a load gives its worker back while it waits for a limit; else it sleeps.
    """

    # A URL may hold a password and keys are secrets: neither belongs into a repr that ends in a log.
    ledger_url: str = field(repr=False)
    ledger_keys: tuple[str, ...] = field(default=(), repr=False)
    mapping_path: str | None = None
    retention_days: int = DEFAULT_RETENTION_DAYS
    backfill_share: float = DEFAULT_BACKFILL_SHARE / 100
    load_minutes: int = DEFAULT_LOAD_MINUTES
    defer_load: bool = True
    follow_deletions: str = FOLLOW_DELETIONS[0]
    stale_hours: int = DEFAULT_STALE_HOURS
    deadline_minutes: int = 0


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
        retention_days=whole(env, "EXACT_PERSONIO_RETENTION_DAYS", DEFAULT_RETENTION_DAYS, "number of days"),
        backfill_share=_percent(env, "EXACT_PERSONIO_BACKFILL_SHARE", DEFAULT_BACKFILL_SHARE) / 100,
        load_minutes=whole(env, "EXACT_PERSONIO_LOAD_MINUTES", DEFAULT_LOAD_MINUTES, "number of minutes"),
        defer_load=_yes(env, "EXACT_PERSONIO_DEFER_LOAD", default=True),
        follow_deletions=_policy(env, "EXACT_PERSONIO_FOLLOW_DELETIONS"),
        stale_hours=whole(env, "EXACT_PERSONIO_STALE_HOURS", DEFAULT_STALE_HOURS, "number of hours", least=0),
        deadline_minutes=deadline_minutes(env),
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


def _percent(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name, "").strip().removesuffix("%").strip()
    if not text:
        return default
    if not text.isdecimal() or int(text) > _ALL:
        raise unusable(name, "is not a percentage", f"Set it to a whole number to {_ALL}, or unset it for {default}.")
    return int(text)


def _yes(env: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = env.get(name, "").strip().casefold()
    if text and text not in _WORDS:
        raise unusable(
            name, "is neither yes nor no", f"Set it to yes or no, or unset it for {'yes' if default else 'no'}."
        )
    return _WORDS.get(text, default)


def _policy(env: Mapping[str, str], name: str) -> str:
    text = env.get(name, "").strip().casefold()
    if text and text not in FOLLOW_DELETIONS:
        raise unusable(name, "is neither keep nor erase", "Set it to keep or erase, or unset it for keep.")
    return text or FOLLOW_DELETIONS[0]

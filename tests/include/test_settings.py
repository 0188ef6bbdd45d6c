from __future__ import annotations

from pathlib import Path

import pytest

from include.environment import setting
from include.errors import ConfigurationError
from include.settings import load_settings


def test_the_embedded_ledger_is_the_default() -> None:
    """A file in Airflow's home, which is ~/airflow where AIRFLOW_HOME is not set."""
    assert load_settings({"AIRFLOW_HOME": "/srv/airflow"}).ledger_url == ("sqlite:////srv/airflow/exact_personio.db")
    assert load_settings({}).ledger_url == f"sqlite:///{Path.home()}/airflow/exact_personio.db"


def test_settings_come_from_the_environment_and_do_not_show() -> None:
    """Keys are a list for rotation; neither keys nor the URL's password are in the repr."""
    settings = load_settings(
        {
            "EXACT_PERSONIO_LEDGER_URL": "postgresql://u:hidden@h/d",
            "EXACT_PERSONIO_LEDGER_KEY": "new-key, old-key,",
            "EXACT_PERSONIO_MAPPING": "/etc/mapping.yaml",
            "EXACT_PERSONIO_RETENTION_DAYS": "30",
        }
    )
    assert settings.ledger_keys == ("new-key", "old-key")
    assert (settings.mapping_path, settings.retention_days) == ("/etc/mapping.yaml", 30)
    assert "hidden" not in repr(settings)
    assert "key" not in repr(settings).replace("ledger_keys", "")


@pytest.mark.parametrize(
    ("written", "read"), [(None, "now"), ("", "now"), (" \t", "now"), (" beginning ", "beginning")]
)
def test_setting_that_is_empty_is_unset(written: str | None, read: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "EXACT_PERSONIO_START_FROM"
    monkeypatch.delenv(name, raising=False)
    if written is not None:
        monkeypatch.setenv(name, written)
    assert setting(name, "now") == read
    assert setting(name, "now", {name: "2026-01-31"}) == "2026-01-31"


@pytest.mark.parametrize("days", ["0", "-1", "many"])
def test_a_wrong_retention_is_named(days: str) -> None:
    """One sentence with the way out."""
    with pytest.raises(ConfigurationError, match="EXACT_PERSONIO_RETENTION_DAYS"):
        load_settings({"EXACT_PERSONIO_RETENTION_DAYS": days})


def test_lanes_and_long_loads_have_settings() -> None:
    """Half of the limit for history while live runs want some, half an hour for a live load, deferred."""
    default = load_settings({})
    assert (default.backfill_share, default.load_minutes, default.defer_load) == (0.5, 30, True)
    chosen = load_settings(
        {
            "EXACT_PERSONIO_BACKFILL_SHARE": "25 %",
            "EXACT_PERSONIO_LOAD_MINUTES": "10",
            "EXACT_PERSONIO_DEFER_LOAD": "no",
        }
    )
    assert (chosen.backfill_share, chosen.load_minutes, chosen.defer_load) == (0.25, 10, False)
    assert load_settings({"EXACT_PERSONIO_BACKFILL_SHARE": "0"}).backfill_share == 0
    assert load_settings({"EXACT_PERSONIO_BACKFILL_SHARE": "100"}).backfill_share == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EXACT_PERSONIO_BACKFILL_SHARE", "101"),
        ("EXACT_PERSONIO_BACKFILL_SHARE", "-1"),
        ("EXACT_PERSONIO_BACKFILL_SHARE", "half"),
        ("EXACT_PERSONIO_LOAD_MINUTES", "0"),
        ("EXACT_PERSONIO_LOAD_MINUTES", "ten"),
        ("EXACT_PERSONIO_DEFER_LOAD", "maybe"),
    ],
)
def test_wrong_setting_is_named_with_the_way_out(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name) as told:
        load_settings({name: value})
    assert told.value.reason_code == f"settings.{name}.invalid"
    assert "unset it" in told.value.way_out


@pytest.mark.parametrize(("text", "policy"), [("", "keep"), (" Keep ", "keep"), ("erase", "erase")])
def test_deletions_are_followed_as_the_policy_says(text: str, policy: str) -> None:
    assert load_settings({"EXACT_PERSONIO_FOLLOW_DELETIONS": text}).follow_deletions == policy


def test_an_unknown_policy_is_refused() -> None:
    """A slip of the pen must neither erase nor keep without a word."""
    with pytest.raises(ConfigurationError) as caught:
        load_settings({"EXACT_PERSONIO_FOLLOW_DELETIONS": "delete"})
    assert caught.value.reason_code == "settings.EXACT_PERSONIO_FOLLOW_DELETIONS.invalid"

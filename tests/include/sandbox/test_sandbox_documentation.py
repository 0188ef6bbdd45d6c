"""docs/sandbox.md against what the sandbox has."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from include.sandbox.admin import CALLS
from include.sandbox.faults import ACTIONS
from include.sandbox.personio_settings import PersonioSettings
from include.sandbox.settings import ExactSettings, SandboxSettings

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "sandbox.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `(\w+)` \| (`[^`]*`|all five) \|", TEXT, flags=re.MULTILINE))
SETTINGS = [
    (item.name, value)
    for group in (SandboxSettings(), ExactSettings(), PersonioSettings())
    for item in dataclasses.fields(group)
    if not dataclasses.is_dataclass(value := getattr(group, item.name))
]


@pytest.mark.parametrize(("name", "value"), SETTINGS, ids=[name for name, _ in SETTINGS])
def test_every_switch_is_documented_with_its_default(name: str, value: object) -> None:
    """A switch that nobody can find, or whose default is told wrong, is worse than none."""
    assert name in ROWS
    if name in {"client_id", "client_secret", "seed", "v2_scopes"}:
        assert ROWS[name]
        return
    written = ROWS[name].strip("`")
    assert written.strip('"') == (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _ in CALLS])
def test_every_admin_call_is_documented(method: str, path: str) -> None:
    """By method and path."""
    assert f"`{method} /_sandbox{path.replace(':int', '')}`" in TEXT


@pytest.mark.parametrize("action", ACTIONS)
def test_every_fault_is_documented(action: str) -> None:
    """By its name, in the table."""
    assert f"`{action}`" in TEXT

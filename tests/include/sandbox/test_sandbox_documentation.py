"""docs/sandbox.md against what the sandbox has."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from include.sandbox.admin import CALLS
from include.sandbox.exact_division import furniture_id
from include.sandbox.exact_kinds import KINDS
from include.sandbox.exact_system import SYSTEM
from include.sandbox.faults import ACTIONS
from include.sandbox.personio_routes import V1, V2
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


@pytest.mark.parametrize(
    "path", [path for kind in KINDS.values() for path in (kind.path, kind.sync, kind.bulk) if path]
)
def test_every_endpoint_of_exact_is_documented(path: str) -> None:
    """By its path as the service writes it."""
    assert f"`{path}`" in TEXT


@pytest.mark.parametrize("path", list(SYSTEM))
def test_every_function_of_exact_is_documented(path: str) -> None:
    """By its path."""
    assert f"`{path}" in TEXT.lower()


@pytest.mark.parametrize("table", list(KINDS))
def test_every_table_of_the_admin_calls_is_documented(table: str) -> None:
    """Its name is what the admin calls take."""
    assert f"`{table}`" in TEXT


@pytest.mark.parametrize("name", ["a1", "a2", "b1", "b2"])
def test_the_rows_of_every_division_are_documented(name: str) -> None:
    """Their keys are promised."""
    assert f"`{furniture_id(124132, name)}`" in TEXT


@pytest.mark.parametrize("path", sorted({path for _, path, _ in V1} | {f"/v2/{path}" for _, path, _, _ in V2}))
def test_every_path_of_personio_is_documented(path: str) -> None:
    """By its last part, for the table shortens the rest."""
    named = [part for part in path.split("/") if part and "{" not in part]
    assert named[-1] in TEXT.partition("## What Personio")[2].partition("## Switches")[0]

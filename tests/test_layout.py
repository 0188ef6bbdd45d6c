"""The rooms of the house: what is imported where, and that the tools see what Airflow sees."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import include

ROOT = Path(__file__).resolve().parents[1]


def test_include_is_this_projects() -> None:
    """Another distribution called ``include`` would come first on the path."""
    assert Path(str(include.__file__)).is_relative_to(ROOT)


def test_plugins_folder_does_not_shadow_the_packages() -> None:
    """Airflow's loader registers plugin files under bare names unless it is told to skip them."""
    code = (
        "import airflow.plugins_manager as m; m._get_plugins();"
        "import exact_online.hooks, personio.hooks, sys; print('hooks' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout.strip().endswith("False")


def test_connection_types_are_registered() -> None:
    code = (
        "import json; from airflow.providers_manager import ProvidersManager as P;"
        "print(json.dumps([h for h in P().hooks if h in ('exact_online', 'personio')]))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert sorted(json.loads(ran.stdout.strip().splitlines()[-1])) == ["exact_online", "personio"]


def test_lock_names_no_host() -> None:
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    assert "celery==5.7" not in text


def test_readme_names_every_dag_and_only_operators_that_exist() -> None:
    """The tables of the README are what people pick from."""
    text = (ROOT / "README.md").read_text()
    assert {path.stem for path in (ROOT / "dags").glob("*.py")} <= set(re.findall(r"`([a-z_]+)`", text))
    named = sorted(set(re.findall(r"`((?:Exact|Personio)\w+(?:Operator|Sensor))`", text)))
    found = "import json, sys; from exact_online import news, operators, sensors;"
    found += "from personio import news as n, operators as o, sensors as s;"
    found += "print(json.dumps([x for x in json.loads(sys.argv[1]) if not any(hasattr(m, x) for m in "
    found += "(news, operators, sensors, n, o, s))]))"
    command = [sys.executable, "-c", found, json.dumps(named)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
    assert json.loads(ran.stdout.strip().splitlines()[-1]) == []
    assert len(named) > 12

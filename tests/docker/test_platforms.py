"""docs/deploy.md: the project imports with just what each platform puts on ``sys.path``; seen without a vendor."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("exact_console", "exact_online", "exact_to_personio", "ledger_task", "personio")
# -S: the .pth file of the editable install is not read, so this checkout is on no path.
LOAD = """
import json, runpy, sys
sys.path += json.loads(sys.argv[1])
import include.provider_info, exact_to_personio.plugin, exact_console.plugin
found = []
for path in json.loads(sys.argv[2]):
    found += [dag.dag_id for dag in [runpy.run_path(path).get("dag")] if dag]
print(json.dumps([sorted(found), include.__file__]))
"""
LAYOUTS = {
    # Astronomer's image sets PYTHONPATH to AIRFLOW_HOME; Airflow adds the plugins folder.
    "astronomer": ("include", "plugins", (".", "plugins")),
    # A plugins folder is all that MWAA and Composer add: `include` goes into it.
    "plugins_only": ("plugins/include", "plugins", ("plugins",)),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_all_dags_load_from_the_platforms_folders(name: str, tmp_path: Path) -> None:
    """Every file in dags/ yields its DAG, and what is imported is the copy."""
    include, plugins, paths = LAYOUTS[name]
    shutil.copytree(ROOT / "plugins", tmp_path / plugins)
    shutil.copytree(ROOT / "include", tmp_path / include)
    shutil.copytree(ROOT / "dags", tmp_path / "dags")
    dags = sorted((tmp_path / "dags").glob("*.py"))
    roots = [*(str(tmp_path / path) for path in paths), sysconfig.get_path("purelib")]
    done = subprocess.run(
        [sys.executable, "-S", "-c", LOAD, json.dumps(roots), json.dumps([str(dag) for dag in dags])],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"AIRFLOW_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found, imported = json.loads(done.stdout.strip().splitlines()[-1])
    assert found == [dag.stem for dag in dags]
    assert imported == str(tmp_path / include / "__init__.py")


def test_airflows_loader_leaves_the_packages_alone() -> None:
    """A file that it imported under its bare name would stand in for others: `include/errors.py` for any `errors`."""
    ignored = set((ROOT / "plugins" / ".airflowignore").read_text(encoding="utf-8").split())
    assert {f"{package}/" for package in (*PACKAGES, "include")} <= ignored
    assert {path.name for path in (ROOT / "plugins").iterdir() if path.is_dir()} - {"__pycache__"} == set(PACKAGES)


def test_the_wheel_holds_everything(tmp_path: Path) -> None:
    """Templates, mappings, migrations and pages are in it, not only modules; tests and DAGs are not."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        held = {name for name in opened.namelist() if ".dist-info/" not in name}
        entry_points = next(opened.read(n).decode() for n in opened.namelist() if n.endswith("entry_points.txt"))
    roots = [ROOT / "include", *(ROOT / "plugins" / package for package in PACKAGES)]
    files = {path for root in roots for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {str(path.relative_to(ROOT / "plugins" if "plugins" in path.parts else ROOT)) for path in files} == held
    assert "apache_airflow_provider" in entry_points
    assert "airflow.plugins" in entry_points

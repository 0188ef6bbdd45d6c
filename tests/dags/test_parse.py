"""The DAG files: there, valid, and cheap to parse."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXPECTED = {
    "exact_accounts_to_personio_applications": "Accounts",
    "exact_contacts_to_personio_applications": "Contacts",
}

PARSE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(dag_folder=sys.argv[1])
heavy = [m for m in ("pandas", "sqlalchemy.orm", "authlib", "httpx") if m in sys.modules]
dags = {d.dag_id: {"tasks": [t.task_id for t in d.topological_sort()], "catchup": d.catchup, "doc": bool(d.doc_md),
        "retries": min(t.retries for t in d.tasks), "tags": sorted(d.tags), "max": d.max_active_runs}
        for d in bag.dags.values()}
print(json.dumps({"errors": bag.import_errors, "dags": dags}))
"""

IMPORTS = """
import sys, runpy, airflow.sdk
before = set(sys.modules)
runpy.run_path(sys.argv[1])
import json
print(json.dumps(sorted({m.split(".")[0] for m in set(sys.modules) - before})))
"""


@pytest.fixture(scope="module")
def parsed() -> dict[str, dict[str, object]]:
    ran = subprocess.run(
        [sys.executable, "-c", PARSE, str(ROOT / "dags")], capture_output=True, text=True, check=True, cwd="/"
    )
    found: dict[str, dict[str, object]] = json.loads(ran.stdout.strip().splitlines()[-1])
    return found


def test_exactly_the_expected_dags_without_errors(parsed: dict[str, dict[str, object]]) -> None:
    assert parsed["errors"] == {}
    assert set(parsed["dags"]) == set(EXPECTED)


@pytest.mark.parametrize("dag_id", sorted(EXPECTED))
def test_dag_is_what_a_reviewer_asks_for(parsed: dict[str, dict[str, object]], dag_id: str) -> None:
    dag = parsed["dags"][dag_id]
    assert isinstance(dag, dict)
    assert dag["tasks"] == ["plan", "extract", "transform", "load", "commit"]
    assert dag["catchup"] is False
    assert dag["doc"]
    assert dag["retries"] >= 2
    assert dag["max"] == 1
    assert "personio" in dag["tags"]


@pytest.mark.parametrize("path", sorted((ROOT / "dags").glob("*.py")), ids=lambda p: p.stem)
def test_parse_imports_nothing_heavy(path: Path) -> None:
    """Parsing a file must not import pandas, SQLAlchemy, authlib or httpx beyond what Airflow's SDK has."""
    ran = subprocess.run(
        [sys.executable, "-c", IMPORTS, str(path)], capture_output=True, text=True, check=True, cwd="/"
    )
    new = set(json.loads(ran.stdout.strip().splitlines()[-1]))
    assert new & {"pandas", "sqlalchemy", "authlib", "httpx", "alembic"} == set()

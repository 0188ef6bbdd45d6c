"""The DAG files: there, valid, and cheap to parse."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINES = {
    f"exact_{entity}_{what}"
    for entity in ("accounts", "contacts")
    for what in ("to_personio_applications", "to_personio_employees", "list_personio_employees")
}
NEWS = {"exact_new_accounts", "exact_new_contacts", "personio_new_employees"}
HISTORY = {"exact_accounts_history", "exact_contacts_history"}
FORMS = {"exact_endpoint", "exact_time_transactions", "exact_to_personio_replay"}
EXPECTED = LINES | HISTORY | NEWS | FORMS | {"sync_housekeeping", "sync_reconciliation"}
IN_A_BLOCK = {"exact_to_personio_replay", "sync_housekeeping"}
"""A mapped task is made in its DAG, whose form it copies once; a form of one field is not worth the words."""
MODULES, OF_HISTORY = 55, 70
"""At most; a timetable of one's own needs those that Airflow makes its own timetables of."""
LINE = ["plan", "extract", "transform", "approve", "load", "commit"]

PARSE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(dag_folder=sys.argv[1])
dags = {d.dag_id: {"tasks": [t.task_id for t in d.topological_sort()], "catchup": d.catchup, "doc": bool(d.doc_md),
        "retries": min(t.retries for t in d.tasks), "tags": sorted(d.tags), "max": d.max_active_runs,
        "rules": {t.task_id: t.trigger_rule.value for t in d.tasks},
        "copied": sorted({name for t in d.tasks for name in t.params}),
        "dialects": sorted({param.schema.get("$schema", "") for param in d.params.values()})}
        for d in bag.dags.values()}
print(json.dumps({"errors": bag.import_errors, "dags": dags}))
"""

# As the DAG processor does it: the SDK is imported once, then each file is parsed in a fork.
IMPORTS = """
import json, os, runpy, sys, airflow.sdk
before = set(sys.modules)
for path in sys.argv[1:]:
    sys.stdout.flush()
    if not os.fork():
        runpy.run_path(path)
        print(json.dumps([path, sorted(set(sys.modules) - before)]), flush=True)
        os._exit(0)
    os.wait()
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
    assert set(parsed["dags"]) == EXPECTED


@pytest.mark.parametrize("dag_id", sorted(EXPECTED))
def test_dag_is_what_a_reviewer_asks_for(parsed: dict[str, dict[str, object]], dag_id: str) -> None:
    dag = parsed["dags"][dag_id]
    assert isinstance(dag, dict)
    if dag_id in LINES | HISTORY:
        assert dag["tasks"] == LINE
    assert dag["catchup"] is False
    assert dag["doc"]
    assert dag["retries"] >= 2
    # A run that waits for a person's approval must not hold up the schedule; what runs alone needs no company.
    assert dag["max"] == (4 if dag_id in LINES | HISTORY else 16 if dag_id in FORMS else 1)
    assert {"personio", "exact-online"} & set(dag["tags"])


@pytest.mark.parametrize("dag_id", sorted(EXPECTED - IN_A_BLOCK))
def test_form_is_not_copied_into_each_task(parsed: dict[str, dict[str, object]], dag_id: str) -> None:
    """It was much of the time of parsing such a file, and of the size of the DAG in Airflow's database."""
    dag = parsed["dags"][dag_id]
    assert isinstance(dag, dict)
    assert dag["copied"] == []


@pytest.mark.parametrize("dag_id", sorted(LINES | HISTORY))
def test_form_is_checked_in_a_quick_dialect(parsed: dict[str, dict[str, object]], dag_id: str) -> None:
    dag = parsed["dags"][dag_id]
    assert isinstance(dag, dict)
    assert dag["dialects"] == ["http://json-schema.org/draft-07/schema#"]


def test_figures_are_reported_also_when_nobody_could_be_told(parsed: dict[str, dict[str, object]]) -> None:
    dag = parsed["dags"]["sync_housekeeping"]
    assert isinstance(dag, dict)
    assert dag["rules"]["report_metrics"] == "all_done"


def test_empty_settings_are_unset() -> None:
    """docker-compose.yml hands every setting on, empty where .env has none."""
    sources = [path for folder in ("include", "plugins", "dags") for path in (ROOT / folder).rglob("*.py")]
    named = {name for path in sources for name in re.findall(r"EXACT_PERSONIO_[A-Z_]+", path.read_text("utf-8"))}
    empty = os.environ | dict.fromkeys(named, "")
    command = [sys.executable, "-c", PARSE, str(ROOT / "dags")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/", env=empty)
    found = json.loads(ran.stdout.strip().splitlines()[-1])
    assert found["errors"] == {}
    assert set(found["dags"]) == EXPECTED


@pytest.fixture(scope="module")
def imported() -> dict[str, set[str]]:
    """Return the modules that each file imports beyond the SDK."""
    paths = sorted(str(path) for path in (ROOT / "dags").glob("*.py"))
    ran = subprocess.run([sys.executable, "-c", IMPORTS, *paths], capture_output=True, text=True, check=True, cwd="/")
    new = dict(json.loads(line) for line in ran.stdout.splitlines() if line.startswith('["/'))
    assert sorted(new) == paths
    return {path: set(names) for path, names in new.items()}


def test_parsing_imports_nothing_heavy(imported: dict[str, set[str]]) -> None:
    """Parsing a file must not import pandas, SQLAlchemy, authlib or httpx beyond what Airflow's SDK has."""
    heavy = {"pandas", "numpy", "sqlalchemy", "authlib", "httpx", "alembic", "msgspec", "jinja2", "email_validator"}
    tops = {path: {name.split(".")[0] for name in names} for path, names in imported.items()}
    assert {path: found for path, names in tops.items() if (found := heavy.intersection(names))} == {}


def test_parsing_imports_nothing_of_the_work(imported: dict[str, set[str]]) -> None:
    """What a task does is imported when it does it; a DAG file is parsed every few seconds."""
    work = ("clients", "ledger", "sync", "transform", "transport", "reconcile", "privacy", "sandbox", "metrics")
    # The list of endpoints is data, and what the form of `exact_endpoint` is made of.
    data = {"include.clients", "include.clients.endpoints"}
    heavy = tuple(f"include.{part}" for part in work)
    found = {path: {name for name in names - data if name.startswith(heavy)} for path, names in imported.items()}
    assert {path: names for path, names in found.items() if names} == {}


def test_parsing_a_file_imports_few_modules(imported: dict[str, set[str]]) -> None:
    """Each costs up to a millisecond; a number that grows is an import that should be made later."""
    most = {path: OF_HISTORY if path.endswith("_history.py") else MODULES for path in imported}
    assert {path: len(names) for path, names in imported.items() if len(names) > most[path]} == {}

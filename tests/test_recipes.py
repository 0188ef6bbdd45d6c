"""Whoever follows CONTRIBUTING's recipes word by word has a workflow, a source and a destination that work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from recipes import ROOT, blocks, copy, follow

if TYPE_CHECKING:
    from pathlib import Path

PARSE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(dag_folder=sys.argv[1])
tasks = {d.dag_id: [t.task_id for t in d.topological_sort()] for d in bag.dags.values()}
print(json.dumps([bag.import_errors, tasks]))
"""
MOVE = """
import json, sys
from cryptography.fernet import Fernet
from include.ledger import open_ledger
from include.sandbox.server import RunningSandbox
from line import DIVISION, Line

entity, destination = sys.argv[1:]
with RunningSandbox() as sandbox, open_ledger(f"sqlite:///{entity}.db", Fernet.generate_key().decode()) as ledger:
    people = sandbox.sandbox.personio
    body = {"email": "known@example.org", "first_name": "Alma", "last_name": "Proef", "job_position_id": 1002}
    people.add_application(body, {})
    for name in ("known", "new"):
        row = {"FirstName": "Alma", "LastName": "Proef", "Email": f"{name}@example.org"}
        sandbox.sandbox.exact.add(DIVISION, entity, row)
    line = Line(ledger, sandbox, entity=entity, destination=destination)
    line.log_in()
    line.run("r1")
    line.run("r2")
    told = {state: count for state, count in line.states().items() if count}
    print(json.dumps([told, sorted(one["email"] for one in people.contents()["applications"])]))
"""
WORKFLOW = {"dag_id": "exact_contacts_nightly", "entity": "Contacts", "destination": "application"}
LEADS = {"dag_id": "exact_leads_nightly", "entity": "Leads", "destination": "application"}
MATCHES = {"dag_id": "exact_applicants_nightly", "entity": "Contacts", "destination": "applicant_match"}
KNOWN, NEW = "known@example.org", "new@example.org"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the code and follow both recipes."""
    made = tmp_path_factory.mktemp("followed")
    copy(made)
    python = [path for name in ("source", "destination") for path in follow(name, made) if path.endswith(".py")]
    (made / "touched.json").write_text(json.dumps(python), encoding="utf-8")
    return made


def run(script: str, *arguments: str, tree: Path) -> Any:
    """Run a script with the code of a tree; return what its last line says, as JSON."""
    paths = [tree, tree / "plugins", ROOT / "tests" / "servers"]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    command = [sys.executable, "-c", script, *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tree, env=env)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return json.loads(ran.stdout.strip().splitlines()[-1])


def test_a_workflow_is_a_file_of_few_lines(tree: Path) -> None:
    """The recipe's block as it stands; and with the names of the new source, and of the new destination."""
    (block,) = blocks("workflow")
    folder = tree / "nightly"
    folder.mkdir()
    for names in (WORKFLOW, LEADS, MATCHES):
        text = block["text"]
        for word, name in names.items():
            assert text.count(f'{word}="{WORKFLOW[word]}"') == 1
            text = text.replace(f'{word}="{WORKFLOW[word]}"', f'{word}="{name}"')
        (folder / f"{names['dag_id']}.py").write_text(text, encoding="utf-8")
    errors, dags = run(PARSE, str(folder), tree=tree)
    assert errors == {}
    tasks = ["plan", "extract", "transform", "approve", "load", "commit"]
    assert dags == {names["dag_id"]: tasks for names in (WORKFLOW, LEADS, MATCHES)}


def test_a_source_is_moved_as_the_others_are(tree: Path) -> None:
    """Two leads, one of whom has applied for another job before; two runs."""
    told, held = run(MOVE, "Leads", "application", tree=tree)
    assert (told, held) == ({"created": 2}, [KNOWN, KNOWN, NEW])


def test_a_destination_takes_what_the_others_take(tree: Path) -> None:
    """Two contacts, one of whom has applied before; nothing is written."""
    told, held = run(MOVE, "Contacts", "applicant_match", tree=tree)
    assert (told, held) == ({"matched": 1, "unmatched": 1}, [KNOWN])


def test_what_a_recipe_says_is_formatted_as_everything_else(tree: Path) -> None:
    python = json.loads((tree / "touched.json").read_text(encoding="utf-8"))
    assert python
    for check in (["check"], ["format", "--check", "--diff"]):
        command = [sys.executable, "-m", "ruff", *check, "--config", str(ROOT / "pyproject.toml"), *python]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tree)
        assert ran.returncode == 0, ran.stdout + ran.stderr

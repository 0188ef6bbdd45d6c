"""Trials of rules that nobody has looked at: true to what a run does, and harmless whatever they hold."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from include.errors import ConfigurationError, RetryLaterError
from include.mapping_story import DAGS, in_force, sections
from include.mapping_trial import MOST_TEXT, Rules, try_rules

if TYPE_CHECKING:
    from pathlib import Path

ROW = {
    "ID": "d3b07384-0000-4000-8000-000000000001",
    "Email": "Sanne@Example.org ",
    "FirstName": "Sanne",
    "MiddleName": "van den",
    "LastName": "Berg",
    "City": "Delft",
    "Gender": "V",
    "Created": "/Date(1760000000000)/",
}


def rules(fields: str = "", text: str | None = None) -> Rules:
    text = text if text is not None else f"contacts_to_application:\n  fields:\n    {fields}\n" if fields else None
    return Rules("Contacts", "application", text, "own.yaml", {"job_position_id": 1001})


def test_a_trial_makes_what_a_run_would_make() -> None:
    trial = try_rules(rules("message: {template: '{{ FirstName }} of {{ City }}'}"), ROW)
    assert trial.outcome == "ready"
    assert trial.payload is not None
    assert trial.payload["message"] == "Sanne of Delft"
    assert trial.payload["last_name"] == "van den Berg"
    assert trial.email == "Sanne@example.org"
    assert trial.trace["message"] == "template over FirstName, City (file)"
    assert trial.trace["first_name"] == "from FirstName (built-in)"
    assert trial.read["message"] == {"FirstName": "Sanne", "City": "Delft"}
    assert "Sanne" not in repr(trial)


def test_a_record_is_rejected_with_its_reason() -> None:
    trial = try_rules(rules(), ROW | {"Email": "nobody"})
    assert (trial.outcome, trial.reason_code, trial.blamed) == ("rejected", "exact.Email.malformed", "Email")
    assert trial.payload is None


def test_a_record_is_left_alone_by_an_edited_rule() -> None:
    text = "contacts_to_application:\n  skip:\n    - {field: City, problem: delft, when: \"City == 'Delft'\"}\n"
    trial = try_rules(rules(text=text), ROW)
    assert (trial.outcome, trial.reason_code) == ("skipped_by_rule", "rule.City.delft")


def test_a_problem_is_told_with_its_line() -> None:
    trial = try_rules(rules("message: {from: Cty}"), ROW)
    assert trial.problem is not None
    assert trial.problem.line == 3
    assert "did you mean City" in trial.problem.what
    assert trial.problem.reason_code == "mapping.message.invalid"
    assert not trial.outcome


LOOP = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}{{ City }}"


@pytest.mark.parametrize(
    "template", [LOOP, "{{ 9 ** (9 ** 9) }}{{ City }}"], ids=["while it runs", "while it is compiled"]
)
def test_rules_without_an_end_are_ended(template: str) -> None:
    with pytest.raises(ConfigurationError, match="too much time or memory"):
        try_rules(rules(f'message: {{template: "{template}"}}'), ROW, seconds=12)


def test_a_third_trial_at_once_is_sent_away() -> None:
    """Whoever waited for a place would hold a thread of the server."""
    from include import mapping_trial  # noqa: PLC0415

    with mapping_trial._places, mapping_trial._places, pytest.raises(RetryLaterError, match="being tried"):
        try_rules(rules(), ROW)


@pytest.mark.skipif(sys.platform != "linux", reason="has neither")
def test_the_process_of_a_trial_is_the_first_to_go_and_begins_no_other() -> None:
    code = (
        "import resource; from include.transform import trial_process; trial_process._limit();"
        "print(open('/proc/self/oom_score_adj').read().strip(), resource.getrlimit(resource.RLIMIT_NPROC)[0],"
        "resource.getrlimit(resource.RLIMIT_AS)[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1000", "0", str(1024**3)]


def test_rules_that_want_all_memory_do_not_get_it() -> None:
    trial = try_rules(rules('message: {template: "{{ City * 2000000000 }}"}'), ROW)
    assert (trial.outcome, trial.reason_code) == ("rejected", "mapping.message.template_failed")


def test_a_crash_is_told_by_its_type_and_nothing_of_the_record() -> None:
    trial = try_rules(rules(), ROW, {"FirstName": "Daan", "Email": "daan@example.org"})
    assert trial.problem is not None
    assert trial.problem.reason_code == "mapping.trial.failed"
    assert "KeyError" in trial.problem.what
    assert "Daan" not in repr(trial)


def test_brackets_without_end_are_no_lack_of_memory() -> None:
    trial = try_rules(rules(text="contacts_to_application: " + "[" * 1000 + "]" * 1000), ROW)
    assert trial.problem is not None
    assert "RecursionError" in trial.problem.what
    assert trial.problem.reason_code == "mapping.trial.failed"


@pytest.mark.parametrize(
    "template",
    ["{{ City.__class__.__mro__[1].__subclasses__() }}", "{{ self._TemplateReference__context }}{{ City }}"],
)
def test_rules_reach_nothing_but_columns(template: str) -> None:
    trial = try_rules(rules(f'message: {{template: "{template}"}}'), ROW)
    assert trial.outcome == "rejected"


def test_no_secret_of_the_environment_is_handed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Seen by a stand-in for the interpreter, which writes down what it is given."""
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_KEY", "secret-of-the-ledger")
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://airflow:secret@db/airflow")
    seen = tmp_path / "seen"
    stand_in = tmp_path / "python"
    stand_in.write_text(f'#!/bin/sh\nenv > "{seen}"\necho "$@" >> "{seen}"\nexit 1\n')
    stand_in.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(stand_in))
    with pytest.raises(ConfigurationError):
        try_rules(rules(), ROW)
    told = seen.read_text()
    assert "PATH=" in told
    for hidden in ("secret", "Sanne", "AIRFLOW", "Delft"):
        assert hidden not in told
    assert os.environ["EXACT_PERSONIO_LEDGER_KEY"] == "secret-of-the-ledger"


def test_a_book_is_no_mapping() -> None:
    trial = try_rules(rules(text="#" * (MOST_TEXT + 1)), ROW)
    assert trial.problem is not None
    assert trial.problem.reason_code == "mapping.file.invalid"


def test_rules_in_force_name_columns_templates_and_defaults() -> None:
    text = "contacts_to_application:\n  fields:\n    message: {template: 'From {{ City }}', default: nowhere}\n"
    told = in_force("Contacts", "application", "own.yaml", text, 1001)
    lines = {line.field: line for line in told.rules}
    email, message, position = lines["email"], lines["message"], lines["job_position_id"]
    assert (email.columns, email.required, email.origin) == (("Email", "BusinessEmail"), True, "built-in")
    assert (message.columns, message.template, message.default) == (("City",), "From {{ City }}", "nowhere")
    assert (message.origin, message.required) == ("file", False)
    assert (position.constant, position.origin) == ("1001", "connection")
    assert lines["attributes.gender"].replaced == (("M", "male"), ("V", "female"), ("O", "undefined"))
    assert ("EndDate", "ended", "EndDate and EndDate.date() < today") in told.skips


def test_every_dag_of_the_project_follows_a_section() -> None:
    from pathlib import Path as Folder  # noqa: PLC0415

    dags = Folder(__file__).resolve().parents[2] / "dags"
    moving = {file.stem for file in dags.glob("exact_*.py") if "destination=" in file.read_text("utf-8")}
    assert {dag_id for named in DAGS.values() for dag_id in named} == moving
    for name, entity, destination in sections():
        for dag_id in DAGS[name]:
            text = (dags / f"{dag_id}.py").read_text("utf-8")
            assert f'entity="{entity}"' in text
            assert f'destination="{destination}"' in text

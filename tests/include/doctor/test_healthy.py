"""A healthy installation, what it costs to examine it, and what cannot be told."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from include.clients.token_chain import bury
from include.doctor.command import doctor_command
from include.doctor.run import CHECKS
from include.sandbox.faults import Fault

if TYPE_CHECKING:
    from conftest import Patient  # type: ignore[import-not-found, unused-ignore]

    from include.doctor.finding import Finding

DOCS = Path(__file__).parents[3] / "docs" / "doctor.md"


def by_status(findings: list[Finding], status: str) -> set[str]:
    return {finding.check for finding in findings if finding.status == status}


def test_a_healthy_installation_passes_whole(patient: Patient) -> None:
    findings = patient.examine()
    assert [finding for finding in findings if finding.status != "pass"] == []
    assert {finding.check for finding in findings} == {check.id for check in CHECKS}


def test_it_costs_fourteen_calls(patient: Patient) -> None:
    """Seven of Exact's 5,000 a day, one of Personio's 20 recruiting calls a minute."""
    patient.examine()
    calls = Counter((entry.service, f"{entry.method} {entry.kind}") for entry in patient.sandbox.log.entries())
    assert calls == {
        ("exact", "GET current/Me"): 1,
        ("exact", "GET system/Divisions"): 1,
        ("exact", "GET crm/Accounts"): 1,
        ("exact", "GET crm/Contacts"): 1,
        ("exact", "GET project/TimeTransactions"): 1,
        ("exact", "GET sync/CRM/Accounts"): 1,
        ("exact", "GET sync/CRM/Contacts"): 1,
        ("personio", "GET v1/company/employees"): 2,
        ("personio", "POST v2/auth/token"): 1,
        ("personio", "POST v1/auth"): 1,
        ("personio", "POST v1/recruiting/applications"): 1,
        ("personio", "GET v2/recruiting/jobs"): 1,
        ("personio", "GET xml"): 1,
    }


def test_an_ended_access_token_is_renewed_under_the_lock(patient: Patient) -> None:
    """The chain moves on by one and is stored; the next run finds it alive."""
    patient.end_access_token()
    before = patient.vault().read().generation
    findings = patient.examine()
    assert by_status(findings, "fail") == set()
    after = patient.vault().read()
    assert after.generation == before + 1
    assert patient.sandbox.exact.tokens.judge(after.access_token) == "good"


def test_a_dead_chain_is_not_asked_for_again(patient: Patient) -> None:
    """Another process has marked it: Exact would only count one more error."""
    with patient.vault().locked() as chain:
        bury(chain, "exact.refresh_token.old", None, chain.current.obtained_at)
    findings = patient.examine()
    assert by_status(findings, "fail") == {"exact.token"}
    assert not [entry for entry in patient.sandbox.log.entries() if entry.kind == "oauth2/token"]


def test_a_bootstrap_token_is_left_to_the_first_run(patient: Patient) -> None:
    """It works once, and the doctor may be run on a machine with another ledger."""
    refresh = patient.sandbox.exact.issue_tokens()["refresh_token"]
    patient.ledger_file.unlink()
    assert patient.exact is not None
    patient.exact["extra"]["refresh_token"] = refresh
    findings = patient.examine()
    assert by_status(findings, "fail") == set()
    assert "exact.token" in by_status(findings, "unknown")
    assert not [entry for entry in patient.sandbox.log.entries() if entry.kind == "oauth2/token"]


def test_what_not_everybody_uses_is_unknown_instead_of_failed(patient: Patient) -> None:
    """Time transactions and API v2's persons are needed by one DAG each."""
    patient.sandbox.settings.update(
        {
            "exact": {"missing_scopes": ["project/TimeTransactions"]},
            "personio": {"v2_scopes": ["personio:recruiting:read"]},
        }
    )
    findings = patient.examine()
    assert by_status(findings, "fail") == set()
    assert by_status(findings, "unknown") == {"exact.rights", "personio.scopes"}


def test_who_only_uses_employees_needs_no_position(patient: Patient) -> None:
    """Without a recruiting token nobody sends applications: neither position nor scope is a failure."""
    assert patient.personio is not None
    for name in ("recruiting_access_token", "company_id", "job_position_id", "career_url"):
        del patient.personio["extra"][name]
    patient.sandbox.settings.update({"personio": {"v2_scopes": ["personio:persons:read"]}})
    findings = patient.examine()
    assert by_status(findings, "fail") == set()
    unknown = {"personio.scopes", "personio.recruiting", "personio.job", "personio.job_published"}
    assert by_status(findings, "unknown") == unknown
    job = next(finding for finding in findings if finding.check == "personio.job")
    assert "employees need neither" in job.evidence
    assert "Job position" in job.mend


def test_what_no_api_tells_is_unknown_and_says_where_to_look(patient: Patient) -> None:
    assert patient.personio is not None
    del patient.personio["extra"]["career_url"]
    patient.write_mapping(
        "contacts_to_application: {fields: {recruiting_channel_id: {constant: 501}, "
        "attributes: {custom_attribute_101: {constant: x}}}}\n"
        "contacts_to_employee: {fields: {department: {constant: Finance}}}\n"
    )
    unknown = {finding.check: finding for finding in patient.examine() if finding.status == "unknown"}
    assert set(unknown) == {"personio.job_published", "personio.channel", "personio.attributes", "personio.names"}
    assert all(finding.mend for finding in unknown.values())
    assert "configuration/recruiting/channels" in unknown["personio.channel"].mend


def test_known_phase_and_attribute_pass(patient: Patient) -> None:
    patient.write_mapping("contacts_to_application: {fields: {phase: {type: custom, id: 7}}}")
    phase = [finding for finding in patient.examine() if finding.check == "personio.phase"]
    assert [(finding.status, finding.subject) for finding in phase] == [("pass", "7")]


def test_two_connections_of_one_app_are_pointed_out(patient: Patient) -> None:
    patient.log_in(conn_id="another")
    patient.log_in()
    chains = next(finding for finding in patient.examine() if finding.check == "exact.chains")
    assert (chains.status, "another" in chains.evidence) == ("unknown", True)


@pytest.mark.errors_on_purpose("nobody can keep to a limit of none")
def test_a_used_up_limit_is_unknown(patient: Patient) -> None:
    """It says when to ask again, not that something is broken."""
    patient.sandbox.settings.update({"personio": {"recruiting_per_minute": 0}})
    findings = patient.examine()
    assert by_status(findings, "fail") == set()
    assert by_status(findings, "unknown") == {"personio.recruiting"}


def test_a_refused_token_ends_the_round_of_endpoints(patient: Patient) -> None:
    """A 401 is about the login: asking on would spend the error budget of every endpoint."""
    patient.sandbox.faults.add(Fault("status", "GET crm/*", times=None, status=401))
    rights = [finding for finding in patient.examine() if finding.check == "exact.rights"]
    assert "pass" not in {finding.status for finding in rights}
    asked = [entry.kind for entry in patient.sandbox.log.entries()]
    assert "crm/Accounts" in asked
    assert not {"crm/Contacts", "project/TimeTransactions", "sync/CRM/Accounts"} & set(asked)


def test_what_builds_on_a_failure_names_where_it_began(patient: Patient) -> None:
    """Without a connection nothing of Exact is asked, and every such finding points to the connection."""
    patient.exact = None
    hindered = [f for f in patient.examine() if f.check.startswith("exact.") and f.status == "unknown"]
    assert len(hindered) == 13
    assert {finding.mend for finding in hindered} == {"See exact.connection first."}
    assert not [entry for entry in patient.sandbox.log.entries() if entry.service == "exact"]


def test_the_command_prints_and_returns_its_status(patient: Patient, capsys: pytest.CaptureFixture[str]) -> None:
    patient.examine()
    assert doctor_command("exact_online_default", "personio_default", as_json=True) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["summary"]["fail"] == 0
    assert content["summary"]["pass"] == len(content["findings"])
    assert set(content["findings"][0]) == {"check", "status", "evidence", "mend", "subject"}
    patient.sandbox.settings.update({"personio": {"recruiting_token": "another"}})
    assert doctor_command("exact_online_default", "personio_default", as_json=False) == 1
    table = capsys.readouterr().out
    assert "personio.recruiting" in table
    assert "1 fail" in table.splitlines()[-1]


def test_the_age_of_the_login_is_that_before_the_check(patient: Patient) -> None:
    """Six days are left: said once; the check itself has used the login, so the next one passes."""
    patient.log_in(timedelta(days=24))
    patient.sandbox.exact.expire_tokens()
    assert by_status(patient.examine(), "fail") == {"exact.token_age"}
    assert by_status(patient.examine(), "fail") == set()


def test_the_documentation_lists_every_check() -> None:
    rows = [line.split("|") for line in DOCS.read_text("utf-8").splitlines() if line.startswith("| `")]
    assert [row[1].strip().strip("`") for row in rows] == [check.id for check in CHECKS]

"""Broken installations: each is named by its check, with the way out, and nothing else is blamed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet

from include.doctor.rendering import as_json_text
from include.sandbox.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Patient  # type: ignore[import-not-found, unused-ignore]

LOGIN = "exact-personio login --conn-id exact_online_default"
CREDENTIALS = "Settings > Integrations > API credentials"
POSTS = {"oauth2/token", "v1/auth", "v2/auth/token", "v1/recruiting/applications"}


@dataclass(frozen=True)
class Case:
    """One thing that is broken.

    :param name: of the case.
    :param break_it: breaks a healthy installation.
    :param check: that must fail, alone.
    :param mend: what its mend must say.
    :param evidence: what its evidence must say.
    :param subject: of the findings that fail; None: whatever it is.
    """

    name: str
    break_it: Callable[[Patient], object]
    check: str
    mend: str
    evidence: str = ""
    subject: str | None = None


def set_exact(**fields: Any) -> Callable[[Patient], None]:
    return lambda patient: patient.exact.update(fields)


def set_personio(**fields: Any) -> Callable[[Patient], None]:
    return lambda patient: patient.personio.update(fields)


def exact_extra(**fields: Any) -> Callable[[Patient], None]:
    return lambda patient: patient.exact["extra"].update(fields)


def personio_extra(**fields: Any) -> Callable[[Patient], None]:
    return lambda patient: patient.personio["extra"].update(fields)


def switch(**groups: dict[str, Any]) -> Callable[[Patient], None]:
    return lambda patient: patient.sandbox.settings.update(groups)


def fault(action: Any, match: str, **fields: Any) -> Callable[[Patient], None]:
    return lambda patient: patient.sandbox.faults.add(Fault(action, match, times=None, **fields)) and None


def env(name: str, value: str) -> Callable[[Patient], None]:
    return lambda patient: patient.env.update({f"EXACT_PERSONIO_{name}": value})


def mapping(text: str) -> Callable[[Patient], None]:
    return lambda patient: patient.write_mapping(text)


def without(connection: str) -> Callable[[Patient], None]:
    return lambda patient: setattr(patient, connection, None)


def in_turn(*steps: Callable[[Patient], object]) -> Callable[[Patient], None]:
    def all_of_them(patient: Patient) -> None:
        for step in steps:
            step(patient)

    return all_of_them


def expired_and(*steps: Callable[[Patient], object]) -> Callable[[Patient], None]:
    return in_turn(lambda patient: patient.end_access_token(), *steps)


def clock_off(service: str) -> Callable[[Patient], None]:
    return switch(**{service: {"clock_skew_seconds": 600.0}})


PHASE = "contacts_to_application: {fields: {phase: {type: custom, id: 99}}}"
DYNAMIC = "contacts_to_employee: {fields: {custom_attributes: {dynamic_999: {constant: x}}}}"
UNKNOWN_FIELD = "accounts_to_employee: {fields: {shoe_size: {constant: 44}}}"

CASES = (
    # what is installed and set
    Case(
        "airflow-too-old",
        lambda p: p.install(apache_airflow="3.2.1"),
        "airflow.version",
        "pip install 'apache-airflow==3.3",
        "3.2.1",
    ),
    Case(
        "celery-too-new",
        lambda p: p.install(celery="5.7.0", apache_airflow_providers_celery="3.26.0"),
        "airflow.celery",
        "pip install 'celery<5.7'",
        "5.7.0",
    ),
    Case("start-from-no-date", env("START_FROM", "yesterday"), "settings.start_from", "now, beginning or a date"),
    Case("start-from-no-day", env("START_FROM", "2026-02-30"), "settings.start_from", "now, beginning or a date"),
    Case("retry-seconds-no-number", env("RETRY_SECONDS", "soon"), "settings.retry_seconds", "number above 0"),
    Case("retry-seconds-endless", env("RETRY_SECONDS", "inf"), "settings.retry_seconds", "number above 0"),
    Case("retention-no-number", env("RETENTION_DAYS", "ever"), "settings.retention", "whole number"),
    Case("look-again-no-number", env("LOOK_AGAIN_HOURS", "daily"), "settings.look_again", "whole number of hours"),
    # the ledger
    Case(
        "ledger-wrong-key", env("LEDGER_KEY", Fernet.generate_key().decode()), "ledger.key", "key the ledger was made"
    ),
    Case("ledger-key-no-key", env("LEDGER_KEY", "secret"), "ledger.key", "Make one: python -c"),
    Case(
        "ledger-key-lost",
        lambda p: p.env.pop("EXACT_PERSONIO_LEDGER_KEY"),
        "ledger.key",
        "Put the key file back",
    ),
    Case("ledger-key-file-readable", lambda p: p.keep_key_in_a_file(0o644), "ledger.key_file", "chmod 600", "644"),
    Case("ledger-no-path", lambda p: p.lead_through_a_file(), "ledger.reachable", "EXACT_PERSONIO_LEDGER_URL"),
    Case("ledger-not-a-database", lambda p: p.ledger_file.write_text("x" * 500), "ledger.reachable", "backup"),
    Case("ledger-url-no-url", env("LEDGER_URL", "mysql://host/db"), "ledger.reachable", "sqlite:////path"),
    Case("ledger-newer-schema", lambda p: p.raise_schema(), "ledger.schema", "Update the package", "9999"),
    Case("disk-full", lambda p: p.fill_disk(), "ledger.disk", "Make room"),
    # the way to Exact
    Case("exact-no-connection", without("exact"), "exact.connection", "Admin > Connections", "exact_online_default"),
    Case("exact-wrong-type", set_exact(conn_type="http"), "exact.connection", "type Exact Online", "http"),
    Case("exact-no-secret", set_exact(password=""), "exact.connection", "Admin > Connections", "Client secret"),
    Case("exact-unknown-region", in_turn(set_exact(host=""), exact_extra(region="xx")), "exact.connection", "co.uk"),
    Case("exact-redirect-http", exact_extra(redirect_uri="http://example.org/"), "exact.redirect_uri", "Correct it"),
    Case(
        "exact-unreachable", set_exact(host="http://127.0.0.1:9"), "exact.host", "proxy and firewall", "127.0.0.1:9"
    ),
    Case("exact-unreachable-expired", expired_and(set_exact(host="http://127.0.0.1:9")), "exact.host", "proxy"),
    Case("exact-login-page", fault("html", "* current/Me", status=200), "exact.host", "start.exactonline.nl"),
    Case("exact-login-page-expired", expired_and(fault("html", "* current/Me", status=401)), "exact.host", "region"),
    Case(
        "exact-other-api",
        expired_and(fault("status", "* current/Me", status=404)),
        "exact.host",
        "site address",
        "404",
    ),
    Case(
        "exact-unencrypted",
        set_exact(host="http://start.exactonline.nl"),
        "exact.host",
        "site address",
        "unencrypted",
    ),
    Case("exact-clock-off", clock_off("exact"), "exact.clock", "timedatectl", "ahead of this machine"),
    # the login at Exact
    Case("exact-no-login", lambda p: p.ledger_file.unlink(), "exact.token", LOGIN, "no login"),
    Case("exact-wrong-secret", expired_and(set_exact(password="wrong")), "exact.token", "client id, secret"),
    Case("exact-dead-chain", lambda p: p.log_in_elsewhere(), "exact.token", LOGIN, "newer login"),
    Case("exact-token-revoked", lambda p: p.sandbox.exact.revoke_tokens(), "exact.token", "exact-personio login"),
    Case("exact-login-idle-25-days", lambda p: p.be_idle(25), "exact.token_age", "sync_housekeeping", "25 days ago"),
    Case("exact-wrong-time-zone", exact_extra(time_zone="Europe/Moscow"), "exact.time_zone", "Europe/Amsterdam"),
    Case("exact-no-time-zone", exact_extra(time_zone="Mars/Base"), "exact.time_zone", "Europe/Amsterdam"),
    # what the login may do at Exact
    Case("exact-no-division", exact_extra(divisions=""), "exact.division", "_Division_="),
    Case("exact-division-no-number", exact_extra(divisions="Sandbox B.V."), "exact.division", "124132, 124133"),
    Case(
        "exact-division-foreign",
        exact_extra(divisions="124132, 999999"),
        "exact.division_access",
        "may use: 124132, 124133",
        subject="999999",
    ),
    Case(
        "exact-scope-missing",
        switch(exact={"missing_scopes": ["crm/Contacts"]}),
        "exact.rights",
        "App Center",
        subject="124132 crm/Contacts",
    ),
    Case(
        "exact-sync-missing",
        switch(exact={"missing_scopes": ["sync/CRM/Accounts"]}),
        "exact.sync",
        "App Center",
        subject="124132 sync/CRM/Accounts",
    ),
    Case("exact-sync-broken", fault("status", "* sync/CRM/Contacts", status=500), "exact.sync", "Try again later"),
    Case("exact-day-nearly-used-up", lambda p: p.use_up_day(), "exact.quota", "midnight UTC", "of 5000"),
    # the way to Personio
    Case("personio-no-connection", without("personio"), "personio.connection", "Admin > Connections"),
    Case("personio-wrong-type", set_personio(conn_type="generic"), "personio.connection", "type Personio"),
    Case("personio-unreachable", set_personio(host="http://127.0.0.1:9"), "personio.host", "https://api.personio.de"),
    Case("personio-web-page", fault("html", "* v1/*", status=200), "personio.host", "https://api.personio.de"),
    Case("personio-clock-off", clock_off("personio"), "personio.clock", "timedatectl", "ahead of this machine"),
    Case("personio-wrong-secret", set_personio(password="wrong"), "personio.login", "client id and secret"),
    Case(
        "personio-scope-missing",
        switch(personio={"v2_scopes": ["personio:persons:read", "employees:read"]}),
        "personio.scopes",
        CREDENTIALS,
        "answer was lost",
        subject="personio:recruiting:read",
    ),
    Case("personio-employees-forbidden", switch(personio={"v1_scopes": []}), "personio.employees", "employees:read"),
    Case(
        "personio-email-hidden", switch(personio={"attribute_whitelist": ["first_name"]}), "personio.email", "`email`"
    ),
    Case(
        "personio-recruiting-token", personio_extra(recruiting_access_token="x"), "personio.recruiting", CREDENTIALS
    ),
    Case("personio-company", personio_extra(company_id=4243), "personio.recruiting", CREDENTIALS, "company id"),
    Case("personio-company-missing", personio_extra(company_id=""), "personio.recruiting", CREDENTIALS, "company id"),
    Case(
        "personio-company-no-number",
        personio_extra(company_id="x"),
        "personio.connection",
        "Connections",
        "company_id",
    ),
    Case(
        "personio-recruiting-off",
        switch(personio={"recruiting_enabled": False}),
        "personio.recruiting",
        "Ask Personio",
    ),
    # what connection and mapping name
    Case("personio-no-job", personio_extra(job_position_id=""), "personio.job", "Job position in the connection"),
    Case("personio-unknown-job", personio_extra(job_position_id=9999), "personio.job", "Job position", "9999"),
    Case(
        "personio-unpublished",
        personio_extra(job_position_id=1003),
        "personio.job_published",
        "Publish it",
        subject="1003",
    ),
    Case("personio-unknown-phase", mapping(PHASE), "personio.phase", "configuration/recruiting/phases", "99", "99"),
    Case("personio-unknown-attribute", mapping(DYNAMIC), "personio.employee_attributes", "custom_attributes", "999"),
    Case(
        "mapping-broken", mapping("contacts_to_application: ["), "mapping.files", "docs/mapping.md", "cannot be read"
    ),
    Case(
        "mapping-missing", env("MAPPING", "/nowhere/mapping.yaml"), "mapping.files", "docs/mapping.md", "No such file"
    ),
    Case(
        "mapping-unknown-field",
        mapping(UNKNOWN_FIELD),
        "mapping.files",
        "docs/mapping.md",
        "shoe_size",
        "accounts_to_employee",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_right_check_fails_and_no_other(patient: Patient, case: Case) -> None:
    """The broken part is named, its mend names the way out, and what builds on it is unknown instead of failed.

    However broken it is, nothing is written and nothing secret or personal is said.
    """
    case.break_it(patient)
    findings = patient.examine()
    failed = [finding for finding in findings if finding.status == "fail"]
    assert {finding.check for finding in failed} == {case.check}
    for finding in failed:
        assert case.mend in finding.mend
        assert case.evidence in finding.evidence
    assert case.subject is None or [finding.subject for finding in failed] == [case.subject]
    assert not [finding for finding in findings if "broke" in finding.evidence]
    nothing_is_written(patient)
    nothing_secret_is_said(patient, as_json_text(findings))


def nothing_is_written(patient: Patient) -> None:
    """Only reads, logins and at most one application, which was refused."""
    posts = [entry.kind for entry in patient.sandbox.log.entries() if entry.method != "GET"]
    assert set(posts) <= POSTS
    assert posts.count("v1/recruiting/applications") <= 1
    assert patient.sandbox.personio.contents()["applications"] == []
    assert len(patient.sandbox.personio.people) == 1


def nothing_secret_is_said(patient: Patient, said: str) -> None:
    """No credential, no token, nobody's name."""
    assert not [secret for secret in patient.secrets if secret in said]
    assert not [name for name in ("ada@example.org", "Byron") if name in said]

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import Connection

from airflow_home import CLIENT, PERSONIO_CLIENT
from exact_online.hooks import ExactOnlineHook
from include.errors import ConfigurationError
from include.ledger import open_ledger
from include.provider_info import CONNECTION_TYPES, get_provider_info
from include.sandbox.server import RunningSandbox
from personio.hooks import PersonioHook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

RECORD = "8be2a4d1-0000-4000-8000-000000000001"


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSandbox]:
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
    with RunningSandbox() as running:
        yield running


def exact(host: str = "", conn_id: str = "exact_online_default", **extra: Any) -> ExactOnlineHook:
    connection = Connection(
        conn_id=conn_id,
        conn_type="exact_online",
        host=host,
        login=CLIENT[0],
        password=CLIENT[1],
        extra=json.dumps({"redirect_uri": "https://localhost/callback", **extra}),
    )
    return ExactOnlineHook(conn_id, connection=connection)


def personio(host: str = "", **extra: Any) -> PersonioHook:
    login, password = extra.pop("client", PERSONIO_CLIENT)
    fields = {"company_id": 4242, "recruiting_access_token": "sandbox-recruiting-token"} | extra
    connection = Connection(
        conn_id="p", conn_type="personio", host=host, login=login, password=password, extra=json.dumps(fields)
    )
    return PersonioHook("p", connection=connection)


def log_in(sandbox: RunningSandbox, hook: ExactOnlineHook, *, age: float = 0) -> str:
    """Put a token that was obtained some seconds ago into the vault; return it."""
    issued, then = sandbox.sandbox.exact.issue_tokens(), datetime.now(UTC) - timedelta(seconds=age)
    with open_ledger() as ledger, ledger.vault(hook.exact_conn_id, hook.app).locked() as chain:
        chain.replace(issued["access_token"], issued["refresh_token"], then, then + timedelta(seconds=600))
    return str(issued["access_token"])


def token_calls(sandbox: RunningSandbox) -> int:
    return sum(1 for entry in sandbox.sandbox.log.entries() if entry.kind == "oauth2/token")


def test_fields_of_the_exact_connection() -> None:
    hook = exact(region="co.uk", divisions="124133, 124132")
    assert (hook.base_url, str(hook.zone)) == ("https://start.exactonline.co.uk", "Europe/London")
    assert (hook.division, hook.divisions) == (124133, (124133, 124132))
    assert hook.app == f"https://start.exactonline.co.uk|{CLIENT[0]}"
    assert exact(division=124132).division == 124132
    assert exact(region="nl", divisions="", time_zone=None).base_url == "https://start.exactonline.nl"
    chosen = ExactOnlineHook("x", 7, connection=exact()._given)
    assert chosen.division == 7


@pytest.mark.parametrize(
    ("extra", "name", "code"),
    [
        ({}, "division", "exact.division.missing"),
        ({"divisions": "main"}, "division", "exact.divisions.malformed"),
        ({"region": "moon"}, "base_url", "exact.region.unknown"),
        ({"time_zone": "Mars/Base"}, "zone", "exact.time_zone.unknown"),
        ({"time_zone": "../etc/passwd"}, "zone", "exact.time_zone.unknown"),
    ],
)
def test_wrong_field_of_the_exact_connection_is_a_sentence(extra: dict[str, Any], name: str, code: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        getattr(exact(**extra), name)
    assert caught.value.reason_code == code


@pytest.mark.parametrize(
    ("endpoint", "path"),
    [
        ("crm/Accounts", f"CRMAccountCard.aspx?_Division_=124132&AccountID=%7b{RECORD}%7d"),
        ("CRM/accounts", f"CRMAccountCard.aspx?_Division_=124132&AccountID=%7b{RECORD}%7d"),
        ("crm/Contacts", "MenuPortal.aspx?_Division_=124132"),
    ],
)
def test_address_of_a_record(endpoint: str, path: str) -> None:
    hook = exact(region="be", divisions="124132")
    assert hook.record_url(endpoint, RECORD) == f"https://start.exactonline.be/docs/{path}"


def test_fields_of_the_personio_connection() -> None:
    hook = personio(company_url="example.personio.de/", employees_api="v2", job_position_id="1001")
    assert hook.job_url(1001) == "https://example.personio.de/recruiting/positions/1001"
    assert hook.employee_url("17") == "https://example.personio.de/staff/details/17"
    assert (hook.company_id, hook.job_position_id, hook.employees_api) == (4242, 1001, "v2")
    assert (personio().job_url(1), personio().employees_api) == (None, "auto")
    for extra, name in (({"company_id": "x"}, "company_id"), ({"employees_api": "v3"}, "employees_api")):
        with pytest.raises(ConfigurationError):
            getattr(personio(**extra), name)


def test_session_and_request(sandbox: RunningSandbox) -> None:
    hook = exact(sandbox.url, divisions="124132")
    log_in(sandbox, hook)
    sandbox.sandbox.exact.add_account(124132, {"Name": "Voorbeeld"})
    with hook.session("test") as client:
        assert client.me()["CurrentDivision"] == 124132
    rows = hook.request("GET", "crm/Accounts", params={"$select": "ID,Name", "$filter": "Name eq 'Voorbeeld'"})
    assert [row["Name"] for row in rows] == ["Voorbeeld"]


def test_request_leaves_final_hours_alone(sandbox: RunningSandbox) -> None:
    hook, exact_data = exact(sandbox.url, divisions="124132"), sandbox.sandbox.exact
    log_in(sandbox, hook)
    account = exact_data.add_account(124132, {"Name": "Payer"})
    item = exact_data.add(124132, "Items", {"Code": "H", "Description": "Hour"})
    fields = {"Item": item["ID"], "Account": account["ID"], "Quantity": 1.25}
    final = exact_data.add(124132, "TimeTransactions", {**fields, "HourStatus": 20})["ID"]
    draft = exact_data.add(124132, "TimeTransactions", {**fields, "HourStatus": 1})["ID"]
    for method, body in (("put", {"Quantity": 2}), ("DELETE", None)):
        with pytest.raises(ConfigurationError) as refused:
            hook.request(method, "Project/TimeTransactions", key=final, json=body)
        assert refused.value.reason_code == "exact.HourStatus.final"
    with pytest.raises(ConfigurationError) as refused:
        hook.request("PUT", "project/TimeTransactions", key=draft, json={"HourStatus": 20})
    assert refused.value.reason_code == "exact.HourStatus.malformed"
    assert {entry.method for entry in sandbox.sandbox.log.entries()} <= {"GET"}
    hook.request("PUT", "project/TimeTransactions", key=draft, json={"Quantity": 2})
    hook.request("DELETE", "project/TimeTransactions", key=draft)
    hook.request("DELETE", "project/TimeTransactions", key=draft)
    rows = exact_data.contents()["124132"]["TimeTransactions"]
    assert [(row["ID"], row["Quantity"]) for row in rows if row["Item"] == item["ID"]] == [(final, 1.25)]


def test_request_takes_numbers_as_keys_and_unlisted_paths(sandbox: RunningSandbox) -> None:
    hook = exact(sandbox.url, divisions="124132")
    log_in(sandbox, hook)
    assert hook.request("GET", "hrm/Divisions", key=124132, params={"$select": "Code"})["Code"] == 124132
    account = sandbox.sandbox.exact.add_account(124132, {"Name": "Voorbeeld"})["ID"]
    path = f"crm/Accounts(guid'{account}')"
    with pytest.raises(ConfigurationError):
        hook.request("GET", path)
    assert hook.request("GET", path, unlisted=True)["Name"] == "Voorbeeld"


def test_test_of_exact_names_login_user_and_divisions(sandbox: RunningSandbox) -> None:
    """The id that Airflow gives a connection for its test is a passing one: the login is found by the app."""
    log_in(sandbox, exact(sandbox.url))
    works, text = exact(sandbox.url, "tmp_a1b2", divisions="124132, 124133").test_connection()
    assert works, text
    for said in ("connection exact_online_default", "access token good until", "Division 124132: accessible"):
        assert said in text
    works, text = exact(sandbox.url, "tmp_a1b2", divisions="124132, 9").test_connection()
    assert not works
    assert "Division 9: NOT accessible." in text
    assert token_calls(sandbox) == 0


def test_test_of_exact_never_renews(sandbox: RunningSandbox) -> None:
    hook = exact(sandbox.url, divisions="124132")
    log_in(sandbox, hook, age=3600)
    works, text = hook.test_connection()
    assert works
    assert "the access token expired at" in text
    assert "the next run renews it" in text
    log_in(sandbox, hook)
    sandbox.sandbox.exact.expire_tokens()
    works, text = hook.test_connection()
    assert not works
    assert "exact.access_token.refused" in text
    assert token_calls(sandbox) == 0


@pytest.mark.parametrize(
    ("extra", "works", "said"),
    [
        ({"divisions": "124132"}, False, "There is no login to Exact Online yet."),
        ({"divisions": "124132", "refresh_token": "x"}, True, "the first run starts from the bootstrap"),
        ({}, False, "Divisions: none"),
        ({"divisions": "124132", "redirect_uri": ""}, False, "Missing: Redirect URI"),
    ],
    ids=["no-login", "bootstrap", "no-division", "no-redirect"],
)
def test_test_of_exact_without_a_login(
    sandbox: RunningSandbox, extra: dict[str, Any], works: bool, said: str
) -> None:
    result = exact(sandbox.url, **extra).test_connection()
    assert result[0] is works
    assert said in result[1]
    assert token_calls(sandbox) == 0


def test_test_of_exact_knows_a_dead_chain(sandbox: RunningSandbox) -> None:
    hook = exact(sandbox.url, divisions="124132")
    log_in(sandbox, hook, age=31 * 86400)
    works, text = hook.test_connection()
    assert not works
    assert "exact-personio login --conn-id exact_online_default" in text


def test_test_of_personio_names_each_credential(sandbox: RunningSandbox) -> None:
    works, text = personio(sandbox.url).test_connection()
    assert works, text
    for said in ("Recruiting: access token and company ID 4242 are accepted", "v1 (employees): accepted", "scopes: "):
        assert said in text
    assert sandbox.sandbox.personio.contents()["applications"] == []


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"recruiting_access_token": "wrong"}, "Recruiting: "),
        ({"company_id": 1}, "Recruiting: "),
        ({"client": ("wrong", "wrong")}, "API client, v1 (employees): "),
        ({"client": ("sandbox", "")}, "API client: its ID or its secret is missing"),
        (
            {"client": ("", ""), "recruiting_access_token": "", "company_id": None},
            "API client: none; employees and looking up need one.",
        ),
    ],
    ids=["token", "company", "client", "half-a-client", "nothing"],
)
def test_test_of_personio_says_which_credential_fails(
    sandbox: RunningSandbox, extra: dict[str, Any], said: str
) -> None:
    works, text = personio(sandbox.url, **extra).test_connection()
    assert not works
    failing = [line for line in text.splitlines() if "[" in line or "API client: " in line]
    assert failing
    assert any(line.startswith(said) for line in failing)
    assert "wrong" not in text.replace("wrong with", "")


def test_test_of_personio_needs_no_api_client(sandbox: RunningSandbox) -> None:
    """Applications can be created without one."""
    works, text = personio(sandbox.url, client=("", "")).test_connection()
    assert works, text
    assert "API client: none; employees and looking up need one." in text.splitlines()


def test_forms_say_plain_words_and_hide_secrets() -> None:
    fields = {kind["connection-type"]: kind["conn-fields"] for kind in CONNECTION_TYPES}
    assert fields["exact_online"]["region"]["schema"]["enum"] == ["nl", "be", "de", "fr", "es", "co.uk", "com", "us"]
    for kind, name in (("exact_online", "refresh_token"), ("personio", "recruiting_access_token")):
        assert fields[kind][name]["schema"]["format"] == "password"
    for kind in fields.values():
        for field in kind.values():
            assert field["label"]
            assert field["description"].endswith(".")


def test_airflow_reads_the_forms(check: Callable[[dict[str, Any]], None]) -> None:
    check(get_provider_info())


@pytest.fixture
def check() -> Callable[[dict[str, Any]], None]:
    """Check a provider's description by Airflow's own schema."""
    import importlib.resources  # noqa: PLC0415

    import jsonschema  # noqa: PLC0415

    schema = json.loads((importlib.resources.files("airflow") / "provider_info.schema.json").read_text("utf-8"))
    return lambda info: jsonschema.validate(info, schema)

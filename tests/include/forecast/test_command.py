"""``exact-personio forecast`` as a person meets it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from include.cli import app
from include.connection_fields import exact_app
from include.errors import ConfigurationError
from include.forecast.command import Question, target_of, where_of
from include.ledger import open_ledger
from line import DIVISION

if TYPE_CHECKING:
    from pathlib import Path

    from foretold import Oracle

KEY = "3Bz9GmZ8bTz1yH2n4Q0mF6m0v1pC1yq7bZpJ8c5r2dA="


@pytest.fixture
def installed(oracle: Oracle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Oracle:
    """Let the environment hold connections to the sandbox, and the ledger a login."""
    url, settings = oracle.line.sandbox.url, oracle.line.sandbox.sandbox.settings.exact
    exact: dict[str, Any] = {"conn_type": "exact_online", "host": url, "login": settings.client_id}
    exact |= {"password": settings.client_secret, "extra": {"divisions": str(DIVISION)}}
    personio = {"conn_type": "personio", "host": url, "login": "sandbox-papi-client", "password": "x"}
    monkeypatch.setenv("AIRFLOW_CONN_EXACT_ONLINE_DEFAULT", json.dumps(exact))
    monkeypatch.setenv(
        "AIRFLOW_CONN_PERSONIO_DEFAULT",
        json.dumps(personio | {"extra": {"company_id": 4242, "job_position_id": 1001}}),
    )
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_URL", f"sqlite:///{tmp_path}/installed.db")
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_KEY", KEY)
    oracle.fill(contacts=300)
    with open_ledger() as ledger:
        vault = ledger.vault("exact_online_default", exact_app(url, settings.client_id))
        oracle.log_in(vault)
    return oracle


def forecast(*arguments: str) -> Any:
    result = CliRunner().invoke(app, ["forecast", "--from", "2025-01-01", "--to", "2025-07-01", *arguments])
    assert result.exit_code == 0, result.output
    return json.loads(result.output) if "--json" in arguments else result.output


def test_it_says_the_same_as_the_task(installed: Oracle) -> None:
    told, other = forecast("--json"), installed.asks("2025-01-01", "2025-07-01")
    assert told["calls"] == other["calls"]
    assert told["records"] == other["records"]
    assert told["quota"]["limit"] == installed.line.sandbox.sandbox.settings.exact.daily_limit
    assert told["quota"]["share"] == round(100 * told["calls"]["exact"]["total"] / 5000, 1)


def test_people_get_sentences_reasons_and_windows(installed: Oracle) -> None:
    told, shown = installed.asks("2025-01-01", "2025-07-01", "month"), forecast("--every", "month")
    assert f"{told['records']['to_send']} would be sent" in shown
    assert all(why["reason_code"] in shown for why in told["reasons"])
    assert all(window["from"][:10] in shown for window in told["windows"])


def test_a_history_dag_is_forecast_by_the_month(installed: Oracle) -> None:
    assert forecast("--dag", "exact_contacts_history", "--json")["runs"] == 6
    assert forecast("--json")["runs"] == 1
    assert installed.line.states() == {}


def test_a_filter_is_the_forms(installed: Oracle) -> None:
    all_of_them, customers = forecast("--json"), forecast("--where", "account_role=customer", "--json")
    assert 0 < customers["records"]["to_send"] < all_of_them["records"]["to_send"]
    assert installed.line.states() == {}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--from", "2025-13-01"], "params.created_from.malformed"),
        (["--from", "2025-02-01", "--to", "2025-02-01"], "params.created_to.not_after_created_from"),
        (["--dag", "my_own"], "forecast.entity.unknown"),
        (["--entity", "Items"], "forecast.entity.unknown"),
        (["--destination", "letter"], "forecast.destination.unknown"),
        (["--every", "week"], "forecast.every.unknown"),
        (["--where", "town=Delft"], "forecast.where.unknown"),
        (["--where", "country=Holland"], "params.country.malformed"),
    ],
)
def test_a_mistake_costs_no_call_and_is_told_in_a_sentence(
    installed: Oracle, arguments: list[str], code: str
) -> None:
    installed.line.sandbox.sandbox.log.clear()
    result = CliRunner().invoke(app, ["forecast", *arguments])
    assert result.exit_code == 1
    assert code in result.output
    assert not installed.line.sandbox.sandbox.log.entries()


@pytest.mark.parametrize(
    ("question", "target"),
    [
        (Question(), ("Contacts", "application")),
        (Question(dag="exact_accounts_to_personio_employees"), ("Accounts", "employee")),
        (Question(dag="exact_contacts_list_personio_employees"), ("Contacts", "employee_match")),
        (Question(dag="exact_accounts_history"), ("Accounts", "application")),
        (Question(dag="my_own", entity="accounts", destination="employee"), ("Accounts", "employee")),
        (Question(dag="exact_contacts_history", destination="employee"), ("Contacts", "employee")),
    ],
)
def test_the_dags_id_says_whose_records_go_where(question: Question, target: tuple[str, str]) -> None:
    assert target_of(question) == target


def test_a_pair_without_a_value_is_a_mistake() -> None:
    assert where_of(("status=C,P", "only_main_contacts=yes")) == {"status": ["C", "P"], "only_main_contacts": True}
    with pytest.raises(ConfigurationError, match=r"forecast\.where\.unknown"):
        where_of(("status",))

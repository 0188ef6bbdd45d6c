"""The forms of manual runs: their defaults are valid, slips are refused, and the run understands what is left."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, get_args
from zoneinfo import ZoneInfo

import pytest
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import AirflowException

from exact_to_personio.form_fields import division
from exact_to_personio.forms import CONSTANTS, form, overrides_of
from include.errors import ConfigurationError
from include.records import LOOK_UPS, Destination, Entity
from include.sync.asked import asked
from include.sync.filters import columns

if TYPE_CHECKING:
    from airflow.sdk import Param

    from include.sync.asked import Asked

ZONE = ZoneInfo("Europe/Amsterdam")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FORMS = [(d, e, h) for d in get_args(Destination) for e in get_args(Entity) for h in (False, True)]


def filled(destination: Destination, entity: Entity, *, history: bool = False, **values: Any) -> dict[str, Any]:
    """Fill in the form as the UI, the API and the command line do; return what the tasks get.

    :raises AirflowException: Airflow refuses it.
    """
    params = ParamsDict(form(destination, entity, history=history))
    params.update(values)
    return dict(params.validate())


def meant(values: dict[str, Any], entity: Entity, run_type: str = "manual", **more: Any) -> Asked:
    return asked(values, run_type=run_type, interval=None, zone=ZONE, entity=entity, now=NOW, **more)


@pytest.mark.parametrize(("destination", "entity", "history"), FORMS)
def test_defaults_are_valid_and_every_field_speaks(destination: Destination, entity: Entity, history: bool) -> None:
    """A DAG with a schedule may not have a default that its own schema refuses."""
    fields = form(destination, entity, history=history)
    assert filled(destination, entity, history=history).keys() == fields.keys()
    assert all(field.schema["title"] and field.description for field in fields.values())
    assert len({field.schema["title"] for field in fields.values()}) == len(fields)


@pytest.mark.parametrize("run_type", ["scheduled", "manual", "asset_triggered"])
@pytest.mark.parametrize("entity", get_args(Entity))
@pytest.mark.parametrize("destination", get_args(Destination))
def test_untouched_form_is_a_plain_live_run(destination: Destination, entity: Entity, run_type: str) -> None:
    found = meant(filled(destination, entity), entity, run_type)
    assert (found.mode, found.history, found.require_approval) == ("live", False, False)
    assert found.approve_above == (200 if run_type == "manual" else None)
    assert overrides_of(destination, filled(destination, entity)) == {}


def test_emptied_form_is_the_same_run() -> None:
    """The UI sends null for a field that was emptied."""
    for destination, entity, history in FORMS:
        fields = form(destination, entity, history=history)
        empty: dict[str, Any] = {name: None for name, field in fields.items() if "null" in field.schema["type"]}
        values = filled(destination, entity, history=history, **empty)
        assert meant(values, entity) == meant(filled(destination, entity, history=history), entity)


SLIPS = [
    ("created_from", "2026-02-30"),
    ("created_from", "1 January"),
    ("created_to", "soon"),
    ("modified_from", "2026-13-01"),
    ("modified_to", "x"),
    ("max_records", 0),
    ("max_records", 50_001),
    ("max_records", "many"),
    ("approve_above", -1),
    ("preview", "yes"),
    ("start_from", "yesterday"),
    ("reset_watermark_to", "-5"),
    ("account_role", "friend"),
    ("job_position_id", 0),
    ("division", 0),
    ("division", 2**63),
    ("job_position_id", 2**63),
    ("recruiting_channel_id", 2**63),
    ("application_date", "31-01-2026"),
    ("phase_type", "other"),
]


@pytest.mark.parametrize(("name", "value"), SLIPS)
def test_airflow_refuses_a_slip_before_there_is_a_run(name: str, value: Any) -> None:
    with pytest.raises(AirflowException):
        filled("application", "Contacts", **{name: value})
    assert name in form("application", "Contacts")


CONTRADICTIONS: list[tuple[dict[str, Any], str]] = [
    ({"created_from": "2026-02-01", "created_to": "2026-01-01"}, "params.created_to.not_after_created_from"),
    ({"created_from": "2026-02-01", "created_to": "2026-02-01"}, "params.created_to.not_after_created_from"),
    ({"created_from": "2026-12-01"}, "params.created_from.in_the_future"),
    ({"country": ["NL"]}, "params.where.needs_window"),
    ({"only_main_contacts": True}, "params.where.needs_window"),
    ({"created_from": "2026-01-01", "country": ["Holland"]}, "params.country.malformed"),
    ({"reset_watermark_to": "beginning"}, "params.reset_watermark_to.not_confirmed"),
    ({"reset_watermark_to": "5", "confirm_reset": "yes"}, "params.reset_watermark_to.not_confirmed"),
    (
        {"reset_watermark_to": "5", "confirm_reset": "reset", "preview": True},
        "params.reset_watermark_to.needs_live_run",
    ),
    ({"replay_only": True, "created_from": "2026-01-01"}, "params.replay_only.with_window"),
]


@pytest.mark.parametrize(("values", "code"), CONTRADICTIONS)
def test_contradiction_is_refused_with_what_to_change(values: dict[str, Any], code: str) -> None:
    """What Airflow's schemas cannot see, the first task says in one sentence."""
    with pytest.raises(ConfigurationError) as error:
        meant(filled("application", "Contacts", **values), "Contacts")
    assert error.value.reason_code == code
    assert error.value.way_out


def test_history_form_demands_days_and_offers_no_watermark() -> None:
    fields = form("application", "Contacts", history=True)
    assert not {"start_from", "reset_watermark_to", "confirm_reset"} & fields.keys()
    values = filled("application", "Contacts", history=True)
    with pytest.raises(ConfigurationError, match="which days") as error:
        meant(values, "Contacts", windows_only=True)
    assert error.value.reason_code == "params.created_from.missing"
    found = meant(values | {"created_to": "2026-01-01"}, "Contacts", windows_only=True)
    assert (found.mode, found.created_to) == ("window", datetime(2025, 12, 31, 23, tzinfo=UTC))


def test_days_are_those_of_the_site() -> None:
    values = filled("application", "Contacts", created_from="2026-03-29", created_to="2026-03-30")
    found = meant(values, "Contacts")
    assert found.created_from == datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert found.created_to == datetime(2026, 3, 29, 22, tzinfo=UTC)


@pytest.mark.parametrize("entity", get_args(Entity))
def test_filter_offers_what_the_entity_has_and_nothing_else(entity: Entity) -> None:
    """Every choice that the form offers is understood, and asks for a column of the entity."""
    offered: dict[Entity, dict[str, Any]] = {
        "Accounts": {"status": ["C", "A"], "country": ["NL"]},
        "Contacts": {"only_main_contacts": True, "account_role": "supplier", "country": ["NL"]},
    }
    window: dict[str, Any] = {
        "created_from": "2026-01-01",
        "modified_from": "2026-02-01",
        "modified_to": "2026-03-01",
    }
    found = meant(filled("application", entity, **window, **offered[entity]), entity)
    expected = {
        "Accounts": {"Status", "Country", "Modified"},
        "Contacts": {"IsMainContact", "AccountIsSupplier", "Country", "Modified"},
    }
    assert set(columns(found.where, entity)) == expected[entity]
    (other,) = set(offered) - {entity}
    assert not (offered[other].keys() - {"country"}) & form("application", entity).keys()


def test_status_of_an_employee_is_not_taken_for_the_status_of_an_account() -> None:
    values = filled("employee", "Accounts", employee_status="active", status=["C"], created_from="2026-01-01")
    assert overrides_of("employee", values) == {"status": "active"}
    assert meant(values, "Accounts").where.status == ("C",)


@pytest.mark.parametrize("destination", ["application", "employee"])
def test_every_constant_has_a_field(destination: Destination) -> None:
    assert set(CONSTANTS[destination]) <= form(destination, "Contacts").keys()


def test_what_has_no_field_of_its_own_is_what_writes_nothing() -> None:
    """The form tells it by that, so that parsing a DAG need not import the records."""
    assert {destination for destination, names in CONSTANTS.items() if not names} == LOOK_UPS


def test_nothing_asks_for_approval_where_nothing_is_written() -> None:
    assert not {"preview", "require_approval", "approve_above"} & form("employee_match", "Contacts").keys()


@pytest.mark.parametrize("text", ["", "124132=Voorbeeld BV, 124133", "not a number"])
def test_divisions_are_a_list_where_the_installation_names_them(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXACT_PERSONIO_DIVISIONS", text)
    field = division()
    assert field.resolve() is None
    assert field.resolve(124132) == 124132
    named: Param | None = field if "124132" in text else None
    assert field.schema.get("enum") == ([None, 124132, 124133] if named else None)
    if named:
        shown = field.schema["values_display"]
        assert (shown["124132"], shown["124133"]) == ("124132 Voorbeeld BV", "124133")
        with pytest.raises(AirflowException):
            field.resolve(1)

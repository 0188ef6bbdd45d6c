"""Hours: what may be written, as the reference of project/TimeTransactions lists it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from include.clients.endpoints import find_endpoint
from include.clients.time_transactions import ENDPOINT, READ_ONLY, WRITABLE, checked, refuse_final
from include.errors import ConfigurationError

GUID = "790fc424-dc9f-405d-ab09-22d4ee00f653"
HOURS: dict[str, Any] = {"Item": GUID, "Quantity": 1.5, "Project": GUID}
# A plus says that POST and PUT may set it.
REFERENCE = """
ID:Guid+ Account:Guid+ AccountName:String Activity:Guid+ ActivityDescription:String Amount:Double+ AmountFC:Double
Attachment:Guid+ Created:DateTime Creator:Guid CreatorFullName:String Currency:String+ CustomField:String
Date:DateTime+ Division:Int32 DivisionDescription:String Employee:Guid+ EndTime:DateTime+ EntryNumber:Int32+
ErrorText:String+ HourStatus:Int16+ Item:Guid+ ItemDescription:String ItemDivisable:Boolean Modified:DateTime
Modifier:Guid ModifierFullName:String Notes:String+ Price:Double+ PriceFC:Double Project:Guid+ ProjectAccount:Guid
ProjectAccountCode:String ProjectAccountName:String ProjectCode:String ProjectDescription:String Quantity:Double+
SkipValidation:Boolean+ StartTime:DateTime+ Subscription:Guid+ SubscriptionAccount:Guid+
SubscriptionAccountCode:String SubscriptionAccountName:String SubscriptionDescription:String
SubscriptionNumber:Int32 Type:Int16
"""
KINDS = {"Int16": "int", "Int32": "int"}


def reason(payload: dict[str, Any], *, creating: bool = True) -> str:
    with pytest.raises(ConfigurationError) as caught:
        checked(payload, creating=creating)
    assert "ada" not in str(caught.value)
    assert caught.value.way_out
    return caught.value.reason_code


def test_properties_are_those_of_the_reference() -> None:
    entries = [entry.partition(":")[::2] for entry in REFERENCE.split()]
    writable = {name: kind.rstrip("+") for name, kind in entries if "+" in kind}
    assert {name: KINDS.get(kind, kind.lower()) for name, kind in writable.items()} == WRITABLE
    assert {name for name, kind in entries if "+" not in kind} == READ_ONLY
    assert "DELETE" in find_endpoint(ENDPOINT).methods


@pytest.mark.parametrize("field", ["Item", "Quantity"])
@pytest.mark.parametrize("empty", ["absent", None])
def test_mandatory(field: str, empty: str | None) -> None:
    payload = {**HOURS, field: None} if empty is None else {k: v for k, v in HOURS.items() if k != field}
    assert reason(payload) == f"exact.{field}.missing"


def test_one_of_three_is_mandatory() -> None:
    rest = {"Item": GUID, "Quantity": 1}
    assert reason(rest) == "exact.Account.missing"
    assert reason({**rest, "Account": None, "Project": None}) == "exact.Account.missing"
    for name in ("Account", "Project", "Subscription"):
        assert checked({**rest, name: GUID}, creating=True)[name] == GUID


def test_a_change_needs_only_what_changes_but_cannot_empty_the_mandatory() -> None:
    assert checked({"Notes": "x"}, creating=False) == {"Notes": "x"}
    assert checked({"Notes": None}, creating=False) == {"Notes": None}
    assert reason({"Quantity": None}, creating=False) == "exact.Quantity.missing"
    assert reason({}, creating=False) == "exact.payload.missing"


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("Quantity", 0, 0),
        ("Quantity", 7.5, 7.5),
        ("Quantity", Decimal("7.25"), 7.25),
        ("Quantity", Decimal("8.00"), 8),
        ("Quantity", "7.5", 7.5),
        ("Quantity", -1, -1),
        ("HourStatus", "10", 10),
        ("HourStatus", 1, 1),
        ("EntryNumber", 5, 5),
        ("Item", UUID(GUID), GUID),
        ("Item", GUID.upper(), GUID),
        ("Date", "2026-06-25", "2026-06-25"),
        ("Date", date(2026, 6, 25), "2026-06-25"),
        ("StartTime", "2026-06-25T16:14", "2026-06-25T16:14"),
        ("StartTime", "2026-06-25 16:14:00", "2026-06-25T16:14:00"),
        ("EndTime", datetime(2026, 6, 25, 16, 14), "2026-06-25T16:14:00"),  # noqa: DTZ001 - the site's wall clock
        ("SkipValidation", "True", True),
        ("SkipValidation", False, False),
        ("Notes", "Überstunden für Jürgen", "Überstunden für Jürgen"),
    ],
)
def test_values_are_sent_as_json_has_them(field: str, value: Any, expected: Any) -> None:
    sent = checked({**HOURS, field: value}, creating=True)[field]
    assert sent == expected
    assert type(sent) is type(expected)
    json.dumps(sent, allow_nan=False)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Quantity", float("nan")),
        ("Quantity", float("inf")),
        ("Quantity", Decimal("NaN")),
        ("Quantity", True),
        ("Quantity", "1,5"),
        ("Quantity", "ada"),
        ("Quantity", "NaN"),
        ("Quantity", ""),
        ("Quantity", [1]),
        ("HourStatus", 20),
        ("HourStatus", 11),
        ("HourStatus", 1.5),
        ("EntryNumber", 1.5),
        ("Item", "ada"),
        ("Item", 5),
        ("Project", ""),
        ("Date", "25.06.2026"),
        ("Date", "2026-02-30"),
        ("Date", "2026-06-25T16:14Z"),
        ("Date", "2026-W26-4"),
        ("Date", datetime(2026, 6, 25, tzinfo=UTC)),
        ("Date", 1782345600000),
        ("SkipValidation", 1),
        ("SkipValidation", "yes"),
        ("Notes", 5),
    ],
)
def test_wrong_values(field: str, value: Any) -> None:
    assert reason({**HOURS, field: value}) == f"exact.{field}.malformed"


def test_times_with_a_zone_move_to_the_clock_of_the_site() -> None:
    zone = ZoneInfo("Europe/Amsterdam")
    moments = {"StartTime": datetime(2026, 6, 25, 14, 14, tzinfo=UTC), "EndTime": "2026-12-25T14:14:00+00:00"}
    sent = checked({**HOURS, **moments}, creating=True, zone=zone)
    assert sent["StartTime"] == "2026-06-25T16:14:00"
    assert sent["EndTime"] == "2026-12-25T15:14:00"


@pytest.mark.parametrize("name", sorted(READ_ONLY))
def test_what_exact_fills_in_is_refused(name: str) -> None:
    assert reason({**HOURS, name: "x"}) == f"exact.{name}.read_only"


def test_unknown_names_are_refused() -> None:
    assert reason({**HOURS, "quantity": 1}) == "exact.quantity.unknown"
    with pytest.raises(ConfigurationError, match="`Quantity`"):
        checked({"quantity": 1}, creating=False)
    assert reason({**HOURS, "Notes!": 1}) == "exact.Notes.unknown"


@pytest.mark.parametrize("status", [20, "20"])
def test_final_hours_stay(status: object) -> None:
    with pytest.raises(ConfigurationError) as caught:
        refuse_final({"HourStatus": status})
    assert caught.value.reason_code == "exact.HourStatus.final"


@pytest.mark.parametrize("row", [{"HourStatus": 1}, {"HourStatus": 10}, {"HourStatus": 19}, {"HourStatus": None}, {}])
def test_other_hours_may_change(row: dict[str, Any]) -> None:
    refuse_final(row)

"""What a form, a schedule and a backfill ask of a run, and what each mistake in the form is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from include.errors import ConfigurationError
from include.records import RecordFilter
from include.sync.asked import Asked, asked

ZONE = ZoneInfo("Europe/Amsterdam")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MONTH = (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
LATE = (datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 1, 31, tzinfo=UTC))


def ask(params: dict[str, Any] | None = None, **options: Any) -> Asked:
    given = {"run_type": "manual", "interval": None, "zone": ZONE, "entity": "Contacts", "now": NOW, **options}
    return asked(params or {}, **given)


def test_an_empty_form_is_a_live_run() -> None:
    found = ask()
    assert (found.mode, found.history, found.start_from) == ("live", False, "now")
    assert (found.created_from, found.created_to, found.where) == (None, None, RecordFilter())


@pytest.mark.parametrize(
    ("day", "begins"),
    [
        ("2026-01-31", datetime(2026, 1, 30, 23, tzinfo=UTC)),
        ("2026-07-01", datetime(2026, 6, 30, 22, tzinfo=UTC)),
        ("2026-03-29", datetime(2026, 3, 28, 23, tzinfo=UTC)),
        ("2026-03-30", datetime(2026, 3, 29, 22, tzinfo=UTC)),
        ("2026-10-25", datetime(2026, 10, 24, 22, tzinfo=UTC)),
        ("2026-10-26", datetime(2026, 10, 25, 23, tzinfo=UTC)),
    ],
    ids=["winter", "summer", "23-hours-day", "after-it", "25-hours-day", "after-that"],
)
def test_a_day_begins_at_the_sites_midnight(day: str, begins: datetime) -> None:
    found = ask({"created_from": day})
    assert (found.mode, found.created_from, found.created_to) == ("window", begins, None)
    assert ask({"created_to": day}).created_to == begins


def test_a_window_is_half_open_and_one_day_is_possible() -> None:
    """25 October 2026 has 25 hours in Amsterdam."""
    found = ask({"created_from": "2026-10-25", "created_to": "2026-10-26"})
    assert found.created_from is not None
    assert found.created_to is not None
    assert found.created_to - found.created_from == timedelta(hours=25)


@pytest.mark.parametrize(
    "params",
    [
        {"created_from": "2026-01-01"},
        {"preview": True},
        {"max_records": 1},
        {"replay_only": True},
        {"forecast": True},
    ],
    ids=lambda params: next(iter(params)),
)
def test_only_a_plain_live_run_uses_the_live_lane(params: dict[str, Any]) -> None:
    assert ask(params).history


def test_a_backfill_takes_its_interval_exactly() -> None:
    """Also where it is told in a zone whose hours repeat: the same wall clock, an hour apart."""
    first = datetime(2026, 10, 25, 2, 30, tzinfo=ZONE, fold=0)
    second = datetime(2026, 10, 25, 2, 30, tzinfo=ZONE, fold=1)
    found = ask(run_type="backfill", interval=(first, second))
    assert (found.mode, found.history) == ("backfill", True)
    assert found.created_from == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert found.created_to == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_other_runs_do_not_read_their_interval() -> None:
    assert ask(run_type="scheduled", interval=MONTH) == ask(run_type="scheduled")


@pytest.mark.parametrize(
    ("run_type", "value", "limit"),
    [
        ("manual", None, 200),
        ("manual", 0, 0),
        ("manual", 5, 5),
        ("scheduled", 5, None),
        ("backfill", None, None),
        ("asset_triggered", None, None),
    ],
)
def test_only_manual_runs_wait_for_a_person_by_number(run_type: str, value: int | None, limit: int | None) -> None:
    interval = MONTH if run_type == "backfill" else None
    found = ask({"approve_above": value, "require_approval": True}, run_type=run_type, interval=interval)
    assert (found.approve_above, found.require_approval) == (limit, True)


def test_the_filter_of_a_form() -> None:
    days = {"created_from": "2026-01-01", "modified_from": "2026-02-01", "modified_to": "2026-02-02"}
    contacts = ask({**days, "country": ["nl", "NL", " be"], "only_main_contacts": True, "account_role": "supplier"})
    assert contacts.where == RecordFilter(
        country=("NL", "BE"),
        only_main_contacts=True,
        account_role="supplier",
        modified_from=datetime(2026, 1, 31, 23, tzinfo=UTC),
        modified_to=datetime(2026, 2, 1, 23, tzinfo=UTC),
    )
    accounts = ask({"created_from": "2026-01-01", "status": ["c", "P"]}, entity="Accounts")
    assert accounts.where == RecordFilter(status=("C", "P"))


def test_a_filter_is_allowed_where_no_watermark_moves() -> None:
    for more in ({"preview": True}, {"max_records": 1}, {"created_to": "2026-01-01"}):
        assert ask({"country": ["NL"], **more}).where.country == ("NL",)


@pytest.mark.parametrize(("text", "value"), [("beginning", 1), ("9007199254740993", 2**53 + 1), ("0", 1)])
def test_a_confirmed_reset(text: str, value: int) -> None:
    assert ask({"reset_watermark_to": text, "confirm_reset": "reset"}).reset_watermark_to == value


WINDOW = {"created_from": "2026-01-01"}
SWITCHES = ("preview", "forecast", "replay_only", "require_approval", "only_main_contacts")
MISTAKES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("created_from.malformed", {"created_from": "1-1-2026"}, {}, "2026-01-31"),
    ("created_from.malformed", {"created_from": "20260131"}, {}, "2026-01-31"),
    ("created_from.malformed", {"created_from": "0026-01-31"}, {}, "2026-01-31"),
    ("created_to.malformed", {"created_to": "2026-02-30"}, {}, "2026-01-31"),
    ("created_to.not_after_created_from", {**WINDOW, "created_to": "2026-01-01"}, {}, "the day after"),
    ("created_to.not_after_created_from", {**WINDOW, "created_to": "2025-12-31"}, {}, "the day after"),
    ("created_from.in_the_future", {"created_from": "2026-11-22"}, {}, "earlier day"),
    ("modified_from.malformed", {**WINDOW, "modified_from": "x"}, {}, "2026-01-31"),
    (
        "modified_to.not_after_modified_from",
        {**WINDOW, "modified_from": "2026-01-02", "modified_to": "2026-01-02"},
        {},
        "the day after",
    ),
    ("start_from.malformed", {"start_from": "yesterday"}, {}, "one of these"),
    ("start_from.malformed", {"start_from": "2026-13-01"}, {}, "one of these"),
    ("max_records.malformed", {"max_records": 0}, {}, "empty the field"),
    ("max_records.malformed", {"max_records": "many"}, {}, "empty the field"),
    ("max_records.malformed", {"max_records": True}, {}, "empty the field"),
    ("approve_above.malformed", {"approve_above": -1}, {}, "empty the field"),
    ("status.unknown", {**WINDOW, "status": ["X"]}, {"entity": "Accounts"}, "Correct the field"),
    ("status.not_of_contacts", {**WINDOW, "status": ["C"]}, {}, "empty it"),
    ("country.malformed", {**WINDOW, "country": ["Nederland"]}, {}, "Correct the field"),
    ("country.malformed", {**WINDOW, "country": ["N'"]}, {}, "Correct the field"),
    ("account_role.unknown", {**WINDOW, "account_role": "friend"}, {}, "Correct the field"),
    ("account_role.not_of_accounts", {**WINDOW, "account_role": "customer"}, {"entity": "Accounts"}, "empty it"),
    (
        "only_main_contacts.not_of_accounts",
        {**WINDOW, "only_main_contacts": True},
        {"entity": "Accounts"},
        "empty it",
    ),
    *(
        (f"{name}.malformed", {name: value}, {}, "without quotes")
        for name in SWITCHES
        for value in ("false", "yes", 1, ["no"])
    ),
    ("status.malformed", {**WINDOW, "status": 3}, {"entity": "Accounts"}, "Correct the field"),
    ("status.malformed", {**WINDOW, "status": "CP"}, {"entity": "Accounts"}, "Correct the field"),
    ("country.malformed", {**WINDOW, "country": {"NL": True}}, {}, "Correct the field"),
    ("country.malformed", {**WINDOW, "country": [["NL"]]}, {}, "Correct the field"),
    ("country.malformed", {**WINDOW, "country": [None]}, {}, "Correct the field"),
    ("reset_watermark_to.malformed", {"reset_watermark_to": str(2**63)}, {}, "exact-personio status"),
    ("max_records.malformed", {"max_records": 2**63}, {}, "empty the field"),
    ("where.needs_window", {"country": ["NL"]}, {}, "created_from"),
    ("where.needs_window", {"modified_from": "2026-01-01"}, {}, "created_from"),
    ("replay_only.with_window", {"replay_only": True, **WINDOW}, {}, "switch replay_only off"),
    ("replay_only.with_filter", {"replay_only": True, "country": ["NL"]}, {}, "exact-personio replay"),
    ("replay_only.in_backfill", {"replay_only": True}, {"run_type": "backfill", "interval": MONTH}, "by hand"),
    ("created_from.in_backfill", WINDOW, {"run_type": "backfill", "interval": MONTH}, "Leave created_from"),
    ("created_from.missing", {}, {"windows_only": True}, "start a backfill"),
    ("reset_watermark_to.malformed", {"reset_watermark_to": "-5"}, {}, "exact-personio status"),
    ("reset_watermark_to.malformed", {"reset_watermark_to": "٣"}, {}, "exact-personio status"),
    ("reset_watermark_to.not_confirmed", {"reset_watermark_to": "beginning"}, {}, "confirm_reset"),
    (
        "reset_watermark_to.not_confirmed",
        {"reset_watermark_to": "5", "confirm_reset": "yes"},
        {},
        "confirm_reset",
    ),
    *(
        (
            "reset_watermark_to.needs_live_run",
            {"reset_watermark_to": "5", "confirm_reset": "reset", **more},
            {},
            "Empty reset_watermark_to",
        )
        for more in (WINDOW, {"preview": True}, {"max_records": 3}, {"replay_only": True}, {"forecast": True})
    ),
]


@pytest.mark.parametrize(
    ("code", "params", "options", "way_out"), MISTAKES, ids=[f"{n}-{row[0]}" for n, row in enumerate(MISTAKES)]
)
def test_a_mistake_is_named_with_what_to_change(
    code: str, params: dict[str, Any], options: dict[str, Any], way_out: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ask(params, **options)
    assert caught.value.reason_code == f"params.{code}"
    assert way_out in caught.value.way_out
    assert caught.value.way_out.endswith("trigger the run again.")


@pytest.mark.parametrize("interval", [None, LATE], ids=["none", "without-length"])
def test_a_backfill_without_an_interval_is_refused(interval: Any) -> None:
    """A bare cron string gives intervals without length: such a run would load nothing and look well."""
    with pytest.raises(ConfigurationError) as caught:
        ask(run_type="backfill", interval=interval)
    assert caught.value.reason_code == "run.data_interval.empty"
    assert "CronDataIntervalTimetable" in caught.value.way_out


@pytest.mark.parametrize(
    "options",
    [{"params": WINDOW}, {"params": {"replay_only": True}}, {"run_type": "backfill", "interval": MONTH}],
    ids=["window", "replay", "backfill"],
)
def test_a_dag_for_history_takes_what_names_its_records(options: dict[str, Any]) -> None:
    assert ask(windows_only=True, **options).history

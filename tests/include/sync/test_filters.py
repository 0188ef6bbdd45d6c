"""What Exact is asked to leave out, and what is compared here: together they mean the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.clients.exact_time import local_to_utc
from include.records import Entity, RecordFilter
from include.sandbox.exact_columns import ACCOUNT, CONTACT, columns
from include.sandbox.odata_filter import compile_filter
from include.sync.filters import between, conditions, every_column, matches
from include.sync.filters import columns as columns_of
from include.transform.columns import COLUMNS

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
CHANGES = {
    "Europe/Amsterdam": (datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)),
    "Europe/London": (datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)),
    # Half an hour, and on the other side of the year.
    "Australia/Lord_Howe": (datetime(2026, 4, 4, 15, tzinfo=UTC), datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
}
"""When clocks are changed."""

SHOWN_BY_EXACT: dict[Entity, set[str]] = {
    # The columns that Exact itself names as filters of crm/Accounts, in the text of its error, as far as used here.
    "Accounts": {"Country", "Created", "Modified", "Status"},
    "Contacts": {"Created", "Modified"},
}

MINUTES = st.integers(-6 * 60, 6 * 60).map(lambda minutes: timedelta(minutes=minutes))
NEAR = st.sampled_from([(zone, change) for zone, both in CHANGES.items() for change in both])


def wall(*parts: int) -> datetime:
    """Return what a clock on a wall shows: no zone."""
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)  # type: ignore[misc, arg-type]


def milliseconds(shown: datetime) -> str:
    return f"/Date({(shown - wall(1970, 1, 1)) // timedelta(milliseconds=1)})/"


def passes(found: list[str], row: dict[str, Any], layout: str = CONTACT) -> bool:
    """Say whether Exact would let a row through, by the sandbox's own reading of the filter."""
    if not found:
        return True
    return compile_filter(" and ".join(found), columns(layout), "Contact", fold=True).matches(row) is True


@given(NEAR, MINUTES, MINUTES, MINUTES, st.integers(0, 999_999))
def test_nothing_of_a_span_is_left_out_near_a_change_of_the_clocks(
    near: tuple[str, datetime], at: timedelta, first: timedelta, length: timedelta, micros: int
) -> None:
    """Whatever a wall clock shows, also in the hour that is skipped: if it lies inside, Exact lets it through."""
    zone, change = ZoneInfo(near[0]), near[1]
    shown = (change + at).astimezone(zone).replace(tzinfo=None, fold=0)
    start = change + first
    end = start + abs(length) + timedelta(microseconds=micros)
    created = local_to_utc(milliseconds(shown), zone)
    if start <= created < end:
        assert passes(between("Created", start, end, zone), {"Created": shown})


@given(st.integers(0, 300), st.integers(0, 86_400), st.integers(1, 10**6), st.integers(-(10**6), 10**6))
def test_a_span_is_exact_where_no_clock_is_changed(day: int, second: int, length: int, offset: int) -> None:
    """Nothing is read in vain: outside of the changes, Exact lets through what lies inside and nothing else."""
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day, seconds=second)
    end = start + timedelta(seconds=length)
    created = start + timedelta(seconds=offset)
    changes = CHANGES["Europe/Amsterdam"]
    if any(abs(border - change) < timedelta(hours=4) for border in (start, end, created) for change in changes):
        return
    shown = created.astimezone(AMSTERDAM).replace(tzinfo=None)
    assert passes(between("Created", start, end, AMSTERDAM), {"Created": shown}) == (start <= created < end)


def test_a_border_with_microseconds_leaves_no_record_out() -> None:
    """Literals have milliseconds: cut off, the last record of the window would stay outside."""
    end = datetime(2026, 1, 1, 12, 0, 0, 3500, tzinfo=UTC)
    row = {"Created": wall(2026, 1, 1, 13, 0, 0, 3000)}
    assert passes(between("Created", None, end, AMSTERDAM), row)


TEXT = st.sampled_from(["C", "P", "S", "A", "", None])
COUNTRY = st.sampled_from(["NL ", "BE ", "NL", "", None])
FLAG = st.sampled_from([True, False, None])
ROWS = st.fixed_dictionaries(
    {
        "Status": TEXT,
        "Country": COUNTRY,
        "IsMainContact": FLAG,
        "AccountIsCustomer": FLAG,
        "AccountIsSupplier": FLAG,
        "Modified": st.one_of(st.none(), st.datetimes(wall(2026, 1, 1), wall(2026, 12, 31))),
    }
)
DAYS = st.one_of(st.none(), st.datetimes(wall(2026, 1, 1), wall(2026, 12, 31), timezones=st.just(UTC)))
ACCOUNT_FILTERS = st.builds(
    RecordFilter,
    status=st.lists(st.sampled_from("CPSA"), max_size=2).map(tuple),
    country=st.lists(st.sampled_from(["NL", "BE"]), max_size=2).map(tuple),
    modified_from=DAYS,
    modified_to=DAYS,
)
CONTACT_FILTERS = st.builds(
    RecordFilter,
    country=st.lists(st.sampled_from(["NL", "BE"]), max_size=2).map(tuple),
    only_main_contacts=st.booleans(),
    account_role=st.sampled_from(["", "customer", "supplier"]),
    modified_from=DAYS,
    modified_to=DAYS,
)
EITHER = st.one_of(st.tuples(st.just("Accounts"), ACCOUNT_FILTERS), st.tuples(st.just("Contacts"), CONTACT_FILTERS))


@given(EITHER, ROWS)
def test_exact_never_leaves_out_what_is_meant(meant: tuple[Entity, RecordFilter], row: dict[str, Any]) -> None:
    entity, where = meant
    modified = row["Modified"]
    sent = {**row, "Modified": None if modified is None else milliseconds(modified)}
    if matches(where, sent, AMSTERDAM):
        assert passes(conditions(where, entity, AMSTERDAM), row, ACCOUNT if entity == "Accounts" else CONTACT)


@given(EITHER)
def test_exact_is_asked_only_what_it_shows_as_a_filter(meant: tuple[Entity, RecordFilter]) -> None:
    """A column that cannot be filtered is refused with 400, and ten of those block the key for an hour."""
    entity, where = meant
    found = [*conditions(where, entity, AMSTERDAM), *between("Created", where.modified_from, None, AMSTERDAM)]
    if found:
        layout = ACCOUNT if entity == "Accounts" else CONTACT
        compiled = compile_filter(" and ".join(found), columns(layout), entity, fold=True)
        assert compiled.columns <= SHOWN_BY_EXACT[entity]


@given(EITHER)
def test_the_columns_that_are_compared_are_read_and_exist(meant: tuple[Entity, RecordFilter]) -> None:
    entity, where = meant
    assert set(columns_of(where, entity)) <= set(every_column(entity)) <= set(COLUMNS[entity])


@pytest.mark.parametrize(
    ("where", "row", "meant"),
    [
        (RecordFilter(status=("C",)), {"Status": "C"}, True),
        (RecordFilter(status=("C", "P")), {"Status": "S"}, False),
        (RecordFilter(status=("C",)), {}, False),
        (RecordFilter(country=("NL",)), {"Country": "NL "}, True),
        (RecordFilter(country=("NL",)), {"Country": "BE "}, False),
        (RecordFilter(country=("NL",)), {"Country": None}, False),
        (RecordFilter(only_main_contacts=True), {"IsMainContact": True}, True),
        (RecordFilter(only_main_contacts=True), {"IsMainContact": False}, False),
        (RecordFilter(account_role="supplier"), {"AccountIsSupplier": True}, True),
        (RecordFilter(account_role="supplier"), {"AccountIsSupplier": False, "AccountIsCustomer": True}, False),
        (RecordFilter(account_role="customer"), {"AccountIsSupplier": False, "AccountIsCustomer": True}, True),
        (RecordFilter(), {}, True),
    ],
)
def test_what_is_meant(where: RecordFilter, row: dict[str, Any], meant: bool) -> None:
    assert matches(where, row, AMSTERDAM) is meant


@pytest.mark.parametrize("value", [None, "", "soon", 3, True, [], {}, "/Date(999999999999999)/"], ids=repr)
def test_a_last_change_that_cannot_be_read_is_outside(value: object) -> None:
    where = RecordFilter(modified_from=datetime(2026, 1, 1, tzinfo=UTC))
    assert not matches(where, {"Modified": value}, AMSTERDAM)
    assert not matches(where, {}, AMSTERDAM)


def test_modified_is_half_open() -> None:
    day, next_day = datetime(2026, 1, 31, 23, tzinfo=UTC), datetime(2026, 2, 1, 23, tzinfo=UTC)
    where = RecordFilter(modified_from=day, modified_to=next_day)
    found = [
        matches(where, {"Modified": milliseconds(wall(2026, 2, at, hour, minute))}, AMSTERDAM)
        for at, hour, minute in ((1, 0, 0), (1, 23, 59), (2, 0, 0))
    ]
    assert found == [True, True, False]

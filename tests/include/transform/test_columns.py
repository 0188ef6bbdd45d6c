"""Columns of pandas decide exactly as one row after the other does."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from row_by_row import decide_rows

from addresses import ADDRESSES
from include.records import SourceRow
from include.transform import filling, load_mapping, transform_rows
from include.transform.columns import CONTACT_COLUMNS
from samples import ACCOUNT, JOB, KEY, NOW, PERSON

if TYPE_CHECKING:
    from pathlib import Path

    from include.transform import Mapping

WORDS = st.sampled_from([
    "", " ", "Vera", " Vera ", "de", "V|e", "a |b", "| b", "\u200bVera", "Ver\x00a", "\ud800", "M", "V", "O", "X",
    "0", "-1", "1", "true", "NO", "vera@example.org", "Vera.X@EXAMPLE.org ", "vera@", "jan@exämple.org", "cv.pdf",
    "../x.pdf",
    "/Date(0)/", "/Date(-1)/", "/Date(1782404052403)/", "/Date(1798761600000)/", "/Date(1763654400000)/",
    "/Date(999999999999999)/", "/Date(-99999999999999)/", "/Date(5)/\n", "2026-01-02", "2026-01-02T03:04:05Z",
    "00000000-0000-0000-0000-000000000000", KEY, KEY.upper(), "{{ 1 }}", "\x85Vera\u3000", "e\u0301", "Ⅷ",
])  # fmt: skip
VALUES = st.one_of(
    WORDS, st.none(), st.sampled_from([0, 1, -0.0, 0.0, 1.0, 2.5, True, False, 10**20, float("nan"), float("inf")]),
    st.text(max_size=6), st.integers(), st.lists(st.integers(), max_size=1), st.datetimes(), st.dates(), ADDRESSES,
)  # fmt: skip
FILE = """
contacts_to_application:
  skip:
    - {field: EndDate, problem: ended, when: "EndDate and EndDate.date() < today"}
    - {field: Country, problem: far, when: "Country == 'X' or HID == 1"}
    - {field: Notes, problem: odd, when: "Notes.year > 3000"}
  fields:
    message: {template: "{{ contact.Title }}{{ ' (' ~ HID ~ ')' if HID else '-' }} {{ City | trim | upper }}\\n"}
    recruiting_channel_id: {from: [HID, Division]}
    external_posting_id: {from: [Code, HID], map: {"1": one, "true": yes, Vera: null}, default: none}
    phase: {type: custom, id: {from: [HID, Code]}}
    tags:
      - {template: "{{ [HID, Title, IsMainContact] | select | join(' ') }}"}
      - {from: Country, map: {NL: Holland, DE: Holland, "0": null}, default: null}
      - {from: City, template: "{{ value | lower }}{{ [City, value] | join }}", default: nowhere}
      - {template: "{% if HID is number %}{{ HID + 1 }}{% endif %}{{ EndDate.year or '' }}", default: never}
    files:
      - {folder: /data, path: {from: Notes}, category: cv}
    attributes:
      birthday: {from: [BirthDate, StartDate]}
      available_from: {from: StartDate, default: "2027-01-01"}
      gender: {from: Gender, map: {M: male, V: female, "1": diverse}}
      location: {from: Person, required: true, default: somewhere}
      phone: {from: [Mobile, Phone], template: "{{ value }}/{{ Mobile }}"}
      custom_attribute_1: {from: IsMainContact}
      custom_attribute_2: {from: Modified}
      custom_attribute_3: {constant: 0}
      salary_expectations: {template: "{{ contact.HID / 2 }}", default: 7}
"""
NAMES = [
    *PERSON, "Notes", "Division", "Code", "Title", "StartDate", "Person",
]  # fmt: skip
ROW = st.fixed_dictionaries({}, optional={name: VALUES for name in NAMES if name in CONTACT_COLUMNS})
USABLE = st.builds(
    lambda row, names: {**row, **{name: PERSON.get(name) for name in names}},
    ROW, st.sets(st.sampled_from(NAMES)).map(lambda left: [name for name in NAMES if name not in left]),
)  # fmt: skip
CREATED = st.one_of(st.none(), st.datetimes(timezones=st.just(UTC)), st.datetimes())
LINES = st.lists(st.tuples(st.one_of(USABLE, USABLE, ROW), CREATED), max_size=8)
CONTACTS = [
    load_mapping("Contacts", "application", overrides={**JOB, "tags": ["x"]}),
    load_mapping("Contacts", "employee"),
    load_mapping("Contacts", "employee_match"),
]
ACCOUNTS = load_mapping("Accounts", "application", overrides=JOB)
START = datetime(2000, 1, 1, tzinfo=UTC)


@functools.cache
def every_kind_of_rule(folder: Path) -> Mapping:
    file = folder / "rules.yaml"
    file.write_text(FILE)
    return load_mapping("Contacts", "application", path=str(file), overrides=JOB)


def rows_of(lines: list[tuple[dict[str, Any], datetime | None]]) -> list[SourceRow]:
    return [SourceRow(str(n), n, created, row) for n, (row, created) in enumerate(lines)]


def same(rows: list[SourceRow], mapping: Mapping, **told: Any) -> None:
    """Compare with the order of keys and the types of values, which equality alone does not tell apart."""
    made = transform_rows(rows, mapping, now=NOW, **told)
    assert list(map(repr_of, made)) == list(map(repr_of, decide_rows(rows, mapping, now=NOW, **told)))


def repr_of(decision: Any) -> str:
    names = ("source_id", "row_version", "outcome", "reason_code", "field", "payload", "email", "trace")
    return repr([dict(decision.trace) if name == "trace" else getattr(decision, name) for name in names])


@given(LINES, st.sampled_from([None, START]), st.sampled_from([(), ("0", "3")]))
def test_contacts(lines: Any, start: datetime | None, asked: tuple[str, ...]) -> None:
    """The built-in rules."""
    for mapping in CONTACTS:
        same(rows_of(lines), mapping, created_from=start, asked_for=asked)


@given(LINES)
def test_every_kind_of_rule(tmp_path_factory: Any, lines: Any) -> None:
    """Rules of every kind, over columns that hold anything."""
    mapping = every_kind_of_rule(tmp_path_factory.getbasetemp())
    same(rows_of(lines), mapping)
    # As if there were more kinds of stories than a number can tell apart.
    with mock.patch.object(filling, "_MOST_STORIES", 1):
        same(rows_of(lines), mapping)


@given(st.lists(st.tuples(VALUES, st.booleans(), USABLE, ROW), max_size=6))
def test_accounts(cases: Any) -> None:
    """Main contacts that are known, unknown, shared and broken."""
    rows, contacts = [], {}
    for n, (junk, known, person, own) in enumerate(cases):
        key = KEY[:-1] + str(n // 2)
        contacts[key] = person
        account = {**ACCOUNT, **{name: own[name] for name in ("Phone", "City", "EndDate") if name in own}}
        rows.append(SourceRow(str(n), n, None, {**account, "MainContact": key if known else junk}))
    same(rows, ACCOUNTS, main_contacts=contacts)

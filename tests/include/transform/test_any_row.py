"""Whatever a row holds: one decision, never an error, and what is ready can be sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from addresses import ADDRESSES
from include.records import SourceRow
from include.transform import load_mapping, transform_rows
from include.transform.columns import CONTACT_COLUMNS
from samples import ACCOUNT, CREATED, JOB, KEY, NOW, PERSON

JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2), st.datetimes(), ADDRESSES,
    st.sampled_from(["/Date(1)/", "/Date(-99999999999999)/", "/Date(999999999999999)/", "M", "0", "{{ 1 }}"]),
    st.just("\ud800"),
)  # fmt: skip
ROWS = st.fixed_dictionaries({}, optional={name: JUNK for name in CONTACT_COLUMNS if name in PERSON})
USABLE = {
    name: PERSON[name]
    for name in ("FirstName", "LastName", "Email", "EndDate", "IsAnonymised", "BirthDate", "Created")
}
SOMETIMES_GOOD = st.one_of(ROWS, ROWS.map(lambda row: {**row, **USABLE}))
CONTACTS = load_mapping(
    "Contacts", "application", overrides={**JOB, "tags": ["x"], "phase": {"type": "custom", "id": 1}}
)
ACCOUNTS = load_mapping("Accounts", "application", overrides=JOB)


def assert_sendable(value: Any) -> None:
    """Nothing of pandas, no NaN, no blank; ids whole."""
    assert isinstance(value, (str, int, list, dict))
    assert value not in ("", [], {})
    for entry in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        assert_sendable(entry)


@given(st.lists(st.tuples(SOMETIMES_GOOD, st.one_of(st.none(), st.datetimes(timezones=st.just(UTC)))), max_size=6))
def test_whatever_a_row_holds(rows: list[tuple[dict[str, Any], datetime | None]]) -> None:
    """One decision per row, in order, never an error; what is ready can be sent; twice is the same."""
    given_rows = [SourceRow(str(n), n, created, row) for n, (row, created) in enumerate(rows)]
    first = transform_rows(given_rows, CONTACTS, created_from=datetime(2000, 1, 1, tzinfo=UTC), now=NOW)
    assert [(d.source_id, d.row_version) for d in first] == [(r.source_id, r.row_version) for r in given_rows]
    for decision in first:
        assert (decision.payload is None) == (decision.outcome != "ready") == bool(decision.reason_code)
        if decision.payload is not None:
            assert_sendable(dict(decision.payload))
            assert type(decision.payload["job_position_id"]) is int
            json.dumps(decision.payload, allow_nan=False).encode()
            json.dumps(decision.payload, allow_nan=False, ensure_ascii=False).encode()
    assert first == transform_rows(given_rows, CONTACTS, created_from=datetime(2000, 1, 1, tzinfo=UTC), now=NOW)


@given(st.lists(st.tuples(JUNK, st.booleans(), SOMETIMES_GOOD), max_size=5))
def test_whatever_an_account_points_at(cases: list[tuple[Any, bool, dict[str, Any]]]) -> None:
    """Broken, missing and shared main contacts leave one decision per account, in order."""
    rows, contacts = [], {}
    for n, (junk, known, person) in enumerate(cases):
        main = KEY if known else junk
        contacts[KEY] = person
        rows.append(SourceRow(str(n), n, CREATED, {**ACCOUNT, "MainContact": main}))
    decisions = transform_rows(rows, ACCOUNTS, main_contacts=contacts, now=NOW)
    assert [d.source_id for d in decisions] == [r.source_id for r in rows]
    assert all("contact" not in (d.payload or {}) for d in decisions)

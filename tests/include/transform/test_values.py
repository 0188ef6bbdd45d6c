"""Values: read what Exact sends, make what Personio takes."""

from __future__ import annotations

import math
import sys
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.transform import values
from include.transform.columns import ACCOUNT_COLUMNS, CONTACT_COLUMNS
from include.transform.fields import FILE_TYPES, Field
from include.transform.values import UnfitError, clean, clean_text, convert, local_path, to_text


def test_the_columns_are_those_of_the_reference() -> None:
    """A contact has 70 columns, an account 166 as recorded; the feed adds Timestamp to each."""
    assert len(CONTACT_COLUMNS) == 71
    assert len(ACCOUNT_COLUMNS) == 167


@pytest.mark.parametrize(
    ("raw", "edm", "value"),
    [
        pytest.param("           0000011", "String", "0000011", id="padded-code"),
        pytest.param("FR ", "String", "FR", id="padded-country"),
        pytest.param(" \u200b \ufeff", "String", None, id="invisible"),
        pytest.param("a\ud800b\x00", "String", "ab", id="unsendable"),
        pytest.param("128", "Int64", 128, id="int64-is-text"),
        pytest.param(9223372036854775807, "Int64", 9223372036854775807, id="int64-stays-whole"),
        pytest.param(3.0, "Int32", 3, id="no-float-ids"),
        pytest.param(math.nan, "Double", None, id="nan"),
        pytest.param(math.inf, "Double", None, id="infinite"),
        pytest.param(0, "Byte", 0, id="zero-stays"),
        pytest.param(False, "Boolean", False, id="false-stays"),
        pytest.param("00000000-0000-0000-0000-000000000000", "Guid", None, id="no-guid"),
        pytest.param("ABCD", "Guid", "abcd", id="guid-lower-case"),
        pytest.param(
            "/Date(1782404052403)/", "DateTime", datetime.fromisoformat("2026-06-25T16:14:12.403"), id="wall-clock"
        ),
        pytest.param("/Date(-86400000)/", "DateTime", datetime.fromisoformat("1969-12-31"), id="before-1970"),
        pytest.param("/Date(999999999999999)/", "DateTime", "/Date(999999999999999)/", id="beyond-the-calendar"),
        pytest.param("2026-06-25T16:14:12", "DateTime", datetime.fromisoformat("2026-06-25T16:14:12"), id="iso"),
        pytest.param({"a": 1}, "String", None, id="nested"),
    ],
)
def test_clean(raw: Any, edm: Any, value: Any) -> None:
    """Exact's values become Python's; every kind of blank becomes None; nothing else does."""
    found = clean(raw, edm)
    assert found == value
    assert type(found) is type(value)


@given(st.text())
def test_cleaning_twice_changes_nothing(text: str) -> None:
    """Cleaned text is clean, and can be sent."""
    once = clean_text(text)
    if once is not None:
        assert clean_text(once) == once
        once.encode()


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        ("integer", "123", 123), ("integer", 5.0, 5), ("integer", 0, 0),
        ("number", "38.5", 38.5), ("number", 40.0, 40), ("number", 0, 0),
        ("text", False, "false"), ("text", 0, "0"), ("text", 12.0, "12"),
        ("date", datetime.fromisoformat("2026-06-25T23:59"), "2026-06-25"), ("date", "2026-06-25", "2026-06-25"),
        ("phase", 12, 12), ("phase", "12", "12"),
    ],
)  # fmt: skip
def test_convert(kind: Any, raw: Any, value: Any) -> None:
    """Values get the field's type, and 0 and false are values."""
    made = convert(Field(kind), raw)
    assert made == value
    assert type(made) is type(value)


@pytest.mark.parametrize(
    ("field", "raw", "problem"),
    [
        (Field("integer"), "12a", "not_an_integer"), (Field("integer"), True, "not_an_integer"),
        (Field("integer"), 1.5, "not_an_integer"), (Field("number"), "x", "not_a_number"),
        (Field("number"), math.nan, "not_a_number"), (Field("date"), "soon", "not_a_date"),
        (Field("date"), 20260625, "not_a_date"), (Field("email"), "jan", "malformed"),
        (Field("choice", choices=("male",)), "man", "not_allowed"), (Field("text"), ["a"], "not_text"),
    ],
)  # fmt: skip
def test_what_does_not_fit(field: Field, raw: Any, problem: str) -> None:
    """A value that does not fit is named by its problem."""
    with pytest.raises(UnfitError, match=f"^{problem}$"):
        convert(field, raw)


def test_tomorrow_is_forgiven_and_next_week_is_not() -> None:
    """Exact's site is ahead of UTC: its first hours are tomorrow here, and Personio refuses tomorrow."""
    field = Field("date", past=True)
    today = date(2026, 6, 25)
    assert convert(field, "2026-06-26", today=today) == "2026-06-25"
    assert convert(field, "2026-06-24", today=today) == "2026-06-24"
    with pytest.raises(UnfitError, match="in_future"):
        convert(field, "2026-06-27", today=today)


def test_dates_without_a_time_are_written_as_dates() -> None:
    """Midnight is how Exact writes a date; a time of day is kept."""
    assert to_text(datetime.fromisoformat("2026-06-25")) == "2026-06-25"
    assert to_text(datetime.fromisoformat("2026-06-25T08:30")) == "2026-06-25T08:30:00"


@pytest.mark.parametrize(
    "path", ["../secret.pdf", "/etc/x.pdf", "a/../../x.pdf", "..\\x.pdf", "C:x.pdf"], ids=range(5)
)
def test_no_file_outside_the_folder(path: str) -> None:
    """A text in Exact cannot name a file elsewhere on the worker."""
    with pytest.raises(UnfitError, match="outside_folder"):
        local_path(path, "/data/cv")


def test_files_by_type() -> None:
    """Only types that Personio takes are sent; ``jpeg`` is none of the 25 in its list that it names so."""
    assert local_path("0000011.PDF", "/data/cv") == "/data/cv/0000011.PDF"
    assert local_path("/data/x.docx", None) == "/data/x.docx"
    assert "jpeg" not in FILE_TYPES
    with pytest.raises(UnfitError, match="type_not_allowed"):
        local_path("photo.jpeg", None)


def test_every_blank_is_known() -> None:
    """What Python strips by itself is stripped together with what it does not know."""
    assert {chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace()} == set(values._BLANK)


def test_millions_of_blanks_cost_no_time() -> None:
    """Alternating ones once took a round over the whole text for each pair: hours for one name."""
    assert values.clean(" \u200b" * 500_000 + "Vera" + "\u200b " * 500_000, "String") == "Vera"

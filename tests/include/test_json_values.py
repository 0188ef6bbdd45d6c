"""JSON by msgspec and by Python's own module: nobody can tell which of them it was."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.json_values import canonical, canonical_each, read_json

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(2**70), max_value=2**70)
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.text(st.sampled_from('aé€😀\x7f\x00\x1f\n"\\/\ud800\udc00'))
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
)


def by_python(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


@given(VALUES)
def test_a_text_is_to_the_byte_what_stored_hashes_were_made_of(value: Any) -> None:
    """Another byte, and every record that was sent would count as changed."""
    assert canonical(value) == by_python(value)


@given(st.lists(st.dictionaries(st.text(max_size=4), SCALARS | VALUES, max_size=4), max_size=4))
def test_many_texts_are_what_each_of_them_is(values: list[dict[str, Any]]) -> None:
    """Whatever one of them holds, and however many lines its texts have."""
    assert canonical_each(values) == [by_python(value) for value in values]


@given(st.lists(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text()), max_size=4))
def test_many_plain_texts_are_what_each_of_them_is(values: list[dict[str, Any]]) -> None:
    assert canonical_each(values) == [by_python(value) for value in values]


@given(VALUES)
def test_what_is_written_is_read_as_it_was(value: Any) -> None:
    assert repr(read_json(canonical(value))) == repr(json.loads(by_python(value)))


@pytest.mark.parametrize(
    "text",
    [
        *(b"1e400", b"-1e400", b"1.7976931348623159e308", b'"\\ud800"', b'"\\udc00\\ud800"', b'"\xed\xa0\x80"'),
        *(b"-0", b"-0.0", b"1E5", b"0.1e-400", b"5e-324", b"9007199254740993", b"18446744073709551616", b"Infinity"),
        *(b'{"a":1,"a":2}', b"\xef\xbb\xbf{}", '{"a":"é"}'.encode("utf-16"), b'"\x7f"', b'"\\u0000"', b" [1] "),
    ],
)
def test_what_services_send_is_read_as_before(text: bytes) -> None:
    """Numbers beyond a float, halves of a pair, other encodings: msgspec refuses some, and Python reads them."""
    assert repr(read_json(text)) == repr(json.loads(text))


def test_no_number_stays_no_number() -> None:
    assert math.isnan(read_json(b"NaN"))
    assert canonical([math.nan, math.inf]) == b"[NaN,Infinity]"


@pytest.mark.parametrize("text", [b"", b"[1,]", b"01", b"[]x", b"'a'", b"{", b'"\xff"'])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_json(text)

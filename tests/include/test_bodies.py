"""What a body turns out to be."""

from __future__ import annotations

from typing import Any

import pytest

from include.bodies import read_body


@pytest.mark.parametrize(
    ("content", "kind", "value"),
    [
        (b"", "empty", None),
        (b" \r\n", "empty", None),
        (b"<html>", "html", None),
        (b"{", "other", None),
        (b"\xff\xfe\xfd", "other", None),
        (b'{"a": 1}', "json", {"a": 1}),
        (b"[" * 100_000 + b"]" * 100_000, "other", None),
        (b'{"a": ' + b"9" * 5000 + b', "b": 2}', "json", {"a": "9" * 5000, "b": 2}),
        (b'{"a": ' + b"9" * 4000 + b"}", "json", {"a": int("9" * 4000)}),
        (b'{"a": "\\ud800"}', "json", {"a": "\ud800"}),
    ],
    ids=[
        "empty",
        "blank",
        "html",
        "cut",
        "no text",
        "json",
        "too deep",
        "too long a number",
        "a long number",
        "half",
    ],
)
def test_read_body(content: bytes, kind: str, value: Any) -> None:
    """One number that is too long for Python does not make the rest unreadable."""
    assert read_body(content) == (kind, value)

"""What an answer's body turned out to be, and what it holds."""

from __future__ import annotations

from typing import Any, Final, Literal

from include.json_values import read_json

BodyKind = Literal["json", "empty", "html", "other"]

_MOST_DIGITS: Final = 4000
"""Python refuses to read, and to write, whole numbers of more than 4,300."""


def read_body(content: bytes) -> tuple[BodyKind, Any]:
    """Return the kind of a body and, of JSON, the parsed value.

    The body decides, not the header: gateways label their pages as JSON, and services JSON as text.

    :param content: as it came.
    """
    body = content.strip()
    if not body:
        return "empty", None
    if body[:1] == b"<":
        return "html", None
    try:
        return "json", read_json(body)
    except (ValueError, RecursionError):
        return _read_oversized(body)


def _read_oversized(body: bytes) -> tuple[BodyKind, Any]:
    """Read again, with numbers too long for Python as texts: one of them must not hold up the page around it."""
    try:
        return "json", read_json(body, parse_int=_whole)
    except (ValueError, RecursionError):
        return "other", None


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MOST_DIGITS else digits

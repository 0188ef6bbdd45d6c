"""What the fields of a connection mean, whichever way they were stored."""

from __future__ import annotations

from typing import Any

import pytest

from include.connection_fields import exact_divisions, exact_site


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"divisions": "124132, 124133"}, (124132, 124133)),
        ({"divisions": "124133;124132,124133"}, (124133, 124132)),
        ({"divisions": 124132}, (124132,)),
        ({"divisions": [2, 1]}, (2, 1)),
        ({"division": 124132}, (124132,)),
        ({"division": "124132", "divisions": ""}, (124132,)),
        ({}, ()),
    ],
    ids=["text", "semicolon", "number", "list", "old-name", "old-text", "none"],
)
def test_divisions(extra: dict[str, Any], expected: tuple[int, ...]) -> None:
    assert exact_divisions(extra) == expected


@pytest.mark.parametrize(
    ("host", "extra", "expected"),
    [
        (None, {}, "https://start.exactonline.nl"),
        ("", {"region": "co.uk"}, "https://start.exactonline.co.uk"),
        (None, {"region": " .BE "}, "https://start.exactonline.be"),
        ("http://127.0.0.1:8700/", {"region": "de"}, "http://127.0.0.1:8700"),
        ("start.exactonline.fr", {}, "https://start.exactonline.fr"),
    ],
)
def test_site(host: str | None, extra: dict[str, Any], expected: str) -> None:
    assert exact_site(host, extra) == expected

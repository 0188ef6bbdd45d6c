"""The story of a record on a screen: whatever stands in it stays text."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from include.record_story import show

EVENT: dict[str, Any] = {
    "at": datetime(2026, 3, 1, tzinfo=UTC), "destination": "application", "job": 1001, "kind": "state_change",
    "from_state": "", "to_state": "rejected", "reason_code": "exact.Email.missing", "field": "Email", "status": None,
    "attempt": 0, "run_id": "dag/run",
}  # fmt: skip


@pytest.mark.parametrize("hostile", ["[/bold]", "[red]x[/red]", "[link=file:///etc]x[/link]"])
def test_brackets_are_no_markup(hostile: str) -> None:
    """Run ids and names are anybody's; ``[/x]`` once ended the command."""
    events = [EVENT | {"run_id": hostile, "field": hostile}]
    results = [{"result": {"warnings": [hostile], "matches": [{"name": hostile}]}}]
    printed = io.StringIO()
    console = Console(width=200, file=printed)
    show(console, {"entity": "Contacts", "ID": "x", "division": 1, "events": events, "results": results})
    assert printed.getvalue().count(hostile) == 4


def test_nothing_steers_the_terminal() -> None:
    results = [{"result": {"warnings": ["\x1b]0;x\x07"], "matches": [{"name": "a\u202eb"}]}}]
    printed = io.StringIO()
    console = Console(width=200, file=printed)
    show(console, {"entity": "Contacts", "ID": "x", "division": 1, "events": [EVENT], "results": results})
    assert not {"\x1b", "\x07", "\u202e"} & set(printed.getvalue())
    assert "\\u001b]0;x\\u0007" in printed.getvalue()

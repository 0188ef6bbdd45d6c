"""The figures of the token proofs, gathered from all processes of a test run into one file."""

from __future__ import annotations

import fcntl
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[2] / "build" / "reliability" / "tokens.json"
SUMS = ("processes", "refreshes", "kills", "errors", "rotations", "mistakes_caught")


def add(part: str, **figures: int) -> None:
    """Write down what a part of the proof came to; a part that is run again replaces what it said before.

    :param part: such as ``race sqlite``.
    :param figures: some of :data:`SUMS`, and the most errors of one case.
    """
    FILE.parent.mkdir(parents=True, exist_ok=True)
    with FILE.open("a+") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.seek(0)
        text = stream.read()
        parts: dict[str, Any] = json.loads(text)["parts"] if text else {}
        parts[part] = {**figures, "at": datetime.now(UTC).isoformat(timespec="seconds")}
        total = {name: sum(one.get(name, 0) for one in parts.values()) for name in SUMS}
        total["most_errors_in_an_hour"] = max(one.get("most_errors", 0) for one in parts.values())
        stream.truncate(0)
        json.dump({"total": total, "parts": dict(sorted(parts.items()))}, stream, indent=2)

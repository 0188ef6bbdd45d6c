"""Time that passes faster for a task process: what it would sleep over is skipped, and waits between tries too.

The ledger's clock is what leases, due times and pacing go by. It is kept ahead of the machine's by a number of
seconds in a file, which all task processes of a story share and which only grows.
"""

from __future__ import annotations

import importlib
import time
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_really_sleep = time.sleep
SHORTEST = 0.2
"""Seconds: shorter naps are for other processes, and are truly slept."""


def ahead(file: Path) -> float:
    """Return by how many seconds the clock is ahead."""
    return float(file.read_text()) if file.exists() else 0.0


def advance(file: Path, seconds: float) -> None:
    """Let time pass.

    :param seconds: how much; never back.
    """
    file.write_text(str(ahead(file) + max(seconds, 0.0)))


def install(file: Path) -> None:
    """Set this process' ledger clock ahead, and let its naps move it."""
    target: Any = importlib.import_module("include.ledger.database")

    class Ahead(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) + timedelta(seconds=ahead(file))

    target.datetime = Ahead
    _naps["file"] = file


_naps: dict[str, Path] = {}


def sleep(seconds: float) -> None:
    """Sleep, or let the clock jump where `install` was called; stands for `time.sleep`."""
    file = _naps.get("file")
    if file is None or seconds < SHORTEST:
        _really_sleep(seconds)
    else:
        advance(file, seconds)


def take_over() -> None:
    """Stand for `time.sleep`, before anything keeps it as a default of its own."""
    clock: Any = time
    clock.sleep = sleep

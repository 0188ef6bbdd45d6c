"""The figures of a soak, one line of JSON that the documentation quotes."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_home import ROOT
from crash_sweep import SEED

if TYPE_CHECKING:
    from crash_sweep import Figures

SUMS = ("found", "killed", "stories", "deaths", "lost", "doubled", "unexplained")


def path() -> Path:
    """Return the file: below `EXACT_PERSONIO_BUILD`, or ``build``."""
    return Path(os.environ.get("EXACT_PERSONIO_BUILD") or ROOT / "build") / "reliability" / "crash.json"


def keep(name: str, figures: Figures) -> None:
    """Add the figures of a sweep to the line; the same sweep replaces its own.

    :param name: of the sweep.
    """
    _change(lambda line: line["sweeps"].update({name: asdict(figures)}))


def keep_caught(names: list[str]) -> None:
    """Add mistakes that were caught."""
    _change(lambda line: line.update(caught=sorted({*line["caught"], *names})))


def keep_outages(names: list[str]) -> None:
    """Add parts of a running Airflow that were killed without harm."""
    _change(lambda line: line.update(outages=sorted({*line["outages"], *names})))


def _change(change: Any) -> None:
    file = path()
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+", encoding="utf-8") as stream:
        # Several processes of one soak keep their figures here.
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.seek(0)
        line: dict[str, Any] = {"sweeps": {}, "caught": [], "outages": []}
        line |= json.loads(stream.read() or "{}")
        change(line)
        line["total"] = {name: sum(one[name] for one in line["sweeps"].values()) for name in SUMS}
        line |= {"seed": SEED, "date": f"{datetime.now(UTC):%Y-%m-%d}"}
        stream.truncate(0)
        stream.write(json.dumps(line) + "\n")

"""Milliseconds to parse a DAG file beyond the import of ``airflow.sdk``: python -m benchmarks.parsing.

As the DAG processor does it: the SDK, and what the processor itself needs, is imported once; then each file is run in
a fork. A DAG of six tasks that do nothing is run as well: nobody's file takes less.
"""

from __future__ import annotations

import sys
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.results import ROOT, Cell, Goal, Plot, Result, Table, publish, scale_asked, surroundings
from benchmarks.usage import ask

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ROUNDS = {"small": 3, "full": 9}
GOAL = 20.0
ALL = "benchmarks.parsing_forks"
NOTHING = ROOT / "benchmarks" / "empty_dags" / "nothing.py"


def measure(files: Sequence[Path], rounds: int) -> dict[str, float]:
    """Return file -> median milliseconds."""
    found = [ask(ALL, *files) for _ in range(rounds)]
    return {path.name: median(float(one[str(path)]) for one in found) for path in files}


def main(scale: str) -> int:
    """Measure all files."""
    about = surroundings(scale)
    took = measure([*sorted((ROOT / "dags").glob("*.py")), NOTHING], ROUNDS[scale])
    least = took.pop(NOTHING.name)
    slowest = max(took.values())
    slow = [name for name, milliseconds in took.items() if milliseconds >= GOAL]
    rows: list[list[Cell]] = [["a DAG of six tasks that do nothing", least]]
    rows += [[name, milliseconds] for name, milliseconds in took.items()]
    series: dict[str, list[float | None]] = {"milliseconds": list(took.values())}
    labels = [name.removesuffix(".py") for name in took]
    return publish(
        Result(
            *("parsing", "Parsing of DAG files"),
            tables=[Table(f"Beyond the import of airflow.sdk, median of {ROUNDS[scale]}", ["", "ms"], rows)],
            goals=[
                Goal(
                    f"each DAG file under {GOAL:.0f} ms to parse beyond the import of airflow.sdk",
                    f"{median(took.values()):.0f} ms in the middle, {slowest:.0f} ms at most",
                    not slow,
                    f"{len(slow)} of {len(took)} files are slower",
                )
            ],
            plots=[Plot("parsing", "Parsing of DAG files", "rows", labels, series, "ms")],
            about=about,
        )
    )


if __name__ == "__main__":
    sys.exit(main(scale_asked(__doc__)))

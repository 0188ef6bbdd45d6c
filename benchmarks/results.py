"""What a measure found: tables, goals and plots, as a JSON file under build/bench that the report is made of."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path(os.environ.get("EXACT_PERSONIO_BUILD", ROOT / "build")) / "bench"
BUSY = 10.0
"""Percent of the machine's CPUs in use before a measure, above which other work ran beside it."""
LOOK_SECONDS = 3.0
"""How long to look at that: a load average would still count the measure before this one."""

Cell = str | int | float | None


@dataclass
class Goal:
    """One goal and its figure.

    :param what: what is wanted, and how much of it.
    :param figure: what was measured, in words.
    :param met: whether it is enough.
    :param why: it is not, or by how much.
    """

    what: str
    figure: str
    met: bool
    why: str = ""


@dataclass
class Table:
    """Figures side by side; the first column names the row."""

    title: str
    columns: list[str]
    rows: list[list[Cell]]
    note: str = ""


@dataclass
class Plot:
    """Curves over sizes, or bars beside each other.

    :param name: of the file, without ending.
    :param kind: ``bars`` or ``lines``.
    :param labels: of the x axis.
    :param series: name of a curve or a colour of bars -> one value per label.
    :param unit: of the y axis.
    :param log: scale of the y axis, and of the x axis of lines.
    """

    name: str
    title: str
    kind: str
    labels: list[Any]
    series: dict[str, list[float | None]]
    unit: str
    log: bool = False


@dataclass
class Result:
    """What one measure found.

    :param measure: name of its module.
    """

    measure: str
    title: str
    tables: list[Table] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)


def scale_asked(doc: str | None) -> str:
    """Return the scale that the command line asks for: ``small`` or ``full``, the default."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--scale", choices=("small", "full"), default="full")
    return str(parser.parse_args().scale)


def surroundings(scale: str) -> dict[str, Any]:
    """Return where and when a measure begins; to be asked before its own work is the load."""
    cpus = psutil.cpu_times_percent(LOOK_SECONDS)
    in_use = 100 - cpus.idle - getattr(cpus, "iowait", 0)
    return {
        "scale": scale,
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "in_use_before": round(in_use, 1),
        "busy": in_use > BUSY,
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
    }


def publish(result: Result) -> int:
    """Write the result, print its tables, and return 0: a goal that was missed is a finding, not a failure."""
    began = datetime.fromisoformat(result.about["began"])
    result.about["seconds"] = round((datetime.now(UTC) - began).total_seconds(), 1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{result.measure}.json"
    path.write_text(json.dumps(asdict(result), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    lines = [result.title]
    for table in result.tables:
        lines += ["", table.title, *markdown(table)]
    lines += [f"{'met' if goal.met else 'MISSED'}: {goal.what}: {goal.figure}" for goal in result.goals]
    sys.stdout.write("\n".join(lines) + f"\n-> {path}\n")
    return 0


def load(path: Path) -> Result:
    """Return a result that was written."""
    read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return Result(
        read["measure"],
        read["title"],
        [Table(**one) for one in read["tables"]],
        [Goal(**one) for one in read["goals"]],
        [Plot(**one) for one in read["plots"]],
        read["about"],
    )


def markdown(table: Table) -> list[str]:
    """Return a table's lines."""
    head = ["| " + " | ".join(table.columns) + " |", "|---" + "|---:" * (len(table.columns) - 1) + "|"]
    return head + ["| " + " | ".join(written(cell) for cell in row) + " |" for row in table.rows]


def written(cell: Cell) -> str:
    """Return a figure for people: three digits, thousands apart."""
    if cell is None:
        return "-"
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int) or abs(cell) >= 100:  # noqa: PLR2004 - three digits
        return f"{cell:,.0f}"
    return f"{cell:.3g}"

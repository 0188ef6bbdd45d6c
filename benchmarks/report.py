"""The figures under build/bench as text and plots in docs/performance.md: python -m benchmarks.report."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from benchmarks.bench import MEASURES
from benchmarks.results import FOLDER, ROOT, load, markdown
from benchmarks.usage import PEERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.results import Result

PAGE = ROOT / "docs" / "performance.md"
PLOTS = ROOT / "docs" / "images" / "performance"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def goals(results: Sequence[Result]) -> list[str]:
    """Return the table of all goals."""
    lines = ["| goal | figure | | command |", "|---|---|---|---|"]
    for result in results:
        for goal in result.goals:
            verdict = "met" if goal.met else f"**missed**: {goal.why}"
            lines.append(f"| {goal.what} | {goal.figure} | {verdict} | `python -m benchmarks.{result.measure}` |")
    return lines


def chapter(result: Result) -> list[str]:
    """Return one measure's tables and plots."""
    lines = [f"### {result.title}", ""]
    about = result.about
    before = f"{about['in_use_before']:.0f}% of its CPUs in use before it"
    state = f"**on a busy machine ({before}): read its ratios**" if about["busy"] else f"a quiet machine ({before})"
    where = f"{about['scale']} scale, {about['began'][:10]}, Python {about['python']}, {about['cpus']} cores"
    lines += [f"`python -m benchmarks.{result.measure}`, {where}, {about['seconds']:.0f} s; {state}.", ""]
    for table in result.tables:
        lines += [f"**{table.title}**", "", *markdown(table), ""]
        lines += [table.note, ""] if table.note else []
    lines += [f"![{plot.title}](images/performance/{plot.name}.svg)\n" for plot in result.plots]
    return lines


def text(results: Sequence[Result]) -> str:
    """Return what stands between the markers."""
    lines = [BEGIN, "", "## Goals and figures", "", *goals(results), "", "## The figures", ""]
    for result in results:
        lines += chapter(result)
    return "\n".join([*lines, END])


def write(results: Sequence[Result]) -> None:
    """Put the text between the markers of the page."""
    page = PAGE.read_text("utf-8")
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(before + text(results) + after, encoding="utf-8")


def main(left_out: Sequence[str]) -> int:
    """Write the page and draw the plots of every measure that has figures."""
    files = {name: FOLDER / f"{name}.json" for name in MEASURES if name not in left_out}
    there = [path for path in files.values() if path.exists()]
    write([load(path) for path in there])
    command = [str(PEERS), "-m", "benchmarks.peers.plots", str(PLOTS), *map(str, there)]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

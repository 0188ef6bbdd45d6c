"""All measures one after the other, then the report: python -m benchmarks.bench [--scale small]."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.results import ROOT, scale_asked

MEASURES = (
    "reading",
    "memory",
    "transforming",
    "loading",
    "calls",
    "growth",
    "pages",
    "parsing",
    "airflow_cost",
    "latency",
)
"""In the order of the report; each is a module that can be run alone."""


def main(scale: str) -> int:
    """Run everything; return 1 if a measure broke: the report then leaves it out."""
    broken = []
    for number, measure in enumerate(MEASURES, 1):
        sys.stdout.write(f"\n[{number}/{len(MEASURES)}] {measure}\n")
        sys.stdout.flush()
        command = [sys.executable, "-m", f"benchmarks.{measure}", "--scale", scale]
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            broken.append(measure)
    report = [sys.executable, "-m", "benchmarks.report", *broken]
    told = subprocess.run(report, cwd=ROOT, check=False).returncode
    if broken:
        sys.stdout.write(f"Not measured: {', '.join(broken)}.\n")
    return int(bool(broken) or told)


if __name__ == "__main__":
    sys.exit(main(scale_asked(__doc__)))

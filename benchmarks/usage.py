"""CPU and wall seconds and peak memory of some work in this process; imports nothing, as the peers use it, too."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROOT = Path(__file__).resolve().parents[1]
PEERS = Path(os.environ.get("BENCH_PYTHON", ROOT / "build" / "bench-venv" / "bin" / "python"))


def used(work: Callable[[], int]) -> dict[str, float]:
    """Return what some work took, its own child processes included.

    :param work: returns how many rows it was about.
    """
    wall, cpu = time.perf_counter(), _cpu()
    rows = work()
    wall, cpu = time.perf_counter() - wall, _cpu() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "rows": rows,
        "cpu_seconds": cpu,
        "wall_seconds": wall,
        "rows_per_cpu_second": rows / cpu,
        "peak_mib": peak,
    }


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def ask(module: str, *arguments: object, peer: bool = False, env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run a module in a process of its own; return the JSON of the last line that it printed.

    :param peer: run it by the peers' Python, which has none of our packages.
    :param env: more environment; None: nothing.
    """
    command = [str(PEERS) if peer else sys.executable, "-m", module, *map(str, arguments)]
    own = compiling(os.environ) | dict(env or {})
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=own)
    if ran.returncode:
        raise SystemExit(f"{module} {' '.join(map(str, arguments))} failed:\n{ran.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def compiling(env: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which modules are compiled once, as in an installation, and not by every process.

    :param env: what it is made of.
    """
    kept = {name: value for name, value in env.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(ROOT / "build" / "bench" / "pycache")}


def medians(found: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the median of each figure."""
    return {name: median(one[name] for one in found) for name in found[0]}

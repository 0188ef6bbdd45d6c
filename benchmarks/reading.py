"""Reading, from the first byte of a page to durable: python -m benchmarks.reading [--scale small].

Recorded pages of invented contacts come from a small server in a process of its own, so that the sandbox is not what
is measured. Each measurement runs in a fresh process, in turns; CPU seconds are the reader's own.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.recorded_pages import MEMORY, PAGE, PATH, serving
from benchmarks.results import Cell, Goal, Plot, Result, Table, publish, scale_asked, surroundings
from benchmarks.usage import ask, medians

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Figures = dict[str, float]

OURS, LOOP, SQLITE, DUCKDB, EXACTONLINE = (
    "into the ledger, sealed",
    "bare httpx + orjson loop, stores nothing",
    "dlt into SQLite",
    "dlt into DuckDB (Parquet)",
    "exactonline, keeps a list in memory",
)
MILLION = 1_000_000
OF_LOOP, OF_DLT, MEMORY_MIB, FLAT = 0.25, 8, 150, 0.8
"""The goals."""


@dataclass(frozen=True)
class Size:
    """How many rows, how often, and who reads them."""

    rows: int
    rounds: int
    readers: tuple[str, ...] = (OURS, LOOP, SQLITE, DUCKDB, EXACTONLINE)


SIZES = {
    "small": (Size(1_000, 3), Size(10_000, 3)),
    # A million rows of exactonline would be a list of several gigabytes.
    "full": (Size(10_000, 3), Size(100_000, 3), Size(MILLION, 1, (OURS, LOOP, SQLITE, DUCKDB))),
}
READERS: dict[str, Callable[[str, str], Figures]] = {
    OURS: lambda site, _: ask("benchmarks.ledger_reading", site),
    LOOP: lambda site, _: ask("benchmarks.peers.bare_loop", site + PATH, peer=True),
    SQLITE: lambda site, folder: ask("benchmarks.peers.dlt_exact", "contacts", site, folder, peer=True),
    DUCKDB: lambda site, folder: ask(
        "benchmarks.peers.dlt_exact", "contacts", site, folder, "--into", "duckdb", peer=True
    ),
    EXACTONLINE: lambda site, _: ask("benchmarks.peers.exactonline_exact", "feed", site, "--pages", 10**6, peer=True),
}


def measure(size: Size) -> dict[str, Figures]:
    """Return the medians of everybody, measured in turns against one server."""
    took: dict[str, list[Figures]] = {who: [] for who in size.readers}
    with serving(size.rows) as site:
        for _ in range(size.rounds):
            for who, found in took.items():
                with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
                    one = READERS[who](site, folder)
                if one["rows"] != size.rows:
                    raise SystemExit(f"{who} read {one['rows']} of {size.rows} rows")
                found.append(one)
    return {who: medians(found) for who, found in took.items()}


def table(size: Size, found: dict[str, Figures]) -> Table:
    """Return the figures of one size."""
    floor = found[LOOP]["rows_per_cpu_second"]
    rows: list[list[Cell]] = [
        [
            *(who, round(one["rows_per_cpu_second"]), one["rows_per_cpu_second"] / floor),
            *(one["cpu_seconds"], one["wall_seconds"], round(one["peak_mib"]), -(-size.rows // PAGE)),
        ]
        for who, one in found.items()
    ]
    columns = ["", "rows per CPU second", "of the loop", "CPU s", "wall s", "peak MiB", "calls"]
    times = f"median of {size.rounds}" if size.rounds > 1 else "once"
    return Table(f"{size.rows:,} contacts, {times}", columns, rows)


def goals(sizes: Sequence[Size], found: Sequence[dict[str, Figures]]) -> list[Goal]:
    """Return what became of the goals, at the largest size."""
    last, largest = found[-1], sizes[-1].rows
    ours = last[OURS]["rows_per_cpu_second"]
    loop, dlt = ours / last[LOOP]["rows_per_cpu_second"], ours / last[SQLITE]["rows_per_cpu_second"]
    flat, machine = (last[who]["rows_per_cpu_second"] / found[-2][who]["rows_per_cpu_second"] for who in (OURS, LOOP))
    peak = last[OURS]["peak_mib"]
    return [
        Goal(
            f"reading, durable, encrypted and each row found by its ID: {OF_LOOP} of a bare loop that stores nothing",
            f"{loop:.3f} at {largest:,}",
            loop >= OF_LOOP,
            f"{OF_LOOP / loop:.1f} times too slow; see *Where the rest of the time goes*",
        ),
        Goal(
            f"the same, {OF_DLT} times dlt's REST source into SQLite",
            f"{dlt:.1f} times at {largest:,}",
            dlt >= OF_DLT,
            f"{OF_DLT / dlt:.1f} times too slow: a row is hashed, sealed and indexed; dlt writes plain rows",
        ),
        Goal(
            f"peak memory of a read under {MEMORY_MIB} MB, and flat",
            " → ".join(
                f"{one[OURS]['peak_mib']:.0f} MiB at {size.rows:,}" for size, one in zip(sizes, found, strict=True)
            ),
            peak <= MEMORY_MIB,
            f"{peak - MEMORY_MIB:.0f} MiB too much",
        ),
        Goal(
            f"rows per second at {largest:,} within {FLAT} of those at {sizes[-2].rows:,}",
            # The loop stores nothing: its own ratio tells what the machine did meanwhile.
            f"{flat:.2f}; the bare loop beside it {machine:.2f}",
            flat >= FLAT,
            "inserts by a GUID in no order reach more pages of the index",
        ),
    ]


def main(scale: str) -> int:
    """Measure every size."""
    about, sizes = surroundings(scale), SIZES[scale]
    found = [measure(size) for size in sizes]
    labels = [f"{size.rows:,}" for size in sizes]
    speeds: dict[str, list[float | None]] = {
        who: [one[who]["rows_per_cpu_second"] if who in one else None for one in found] for who in READERS
    }
    peaks: dict[str, list[float | None]] = {
        who: [one[who]["peak_mib"] if who in one else None for one in found] for who in READERS
    }
    return publish(
        Result(
            *("reading", "Reading into durable storage"),
            tables=[table(size, one) for size, one in zip(sizes, found, strict=True)],
            goals=goals(sizes, found),
            plots=[
                Plot("reading", "Reading", "bars", labels, speeds, "rows per CPU second", log=True),
                Plot("reading-memory", "Peak memory of reading", "bars", labels, peaks, "MiB", log=True),
            ],
            about=about,
        )
    )


if __name__ == "__main__":
    sys.exit(main(scale_asked(__doc__)))

"""Records per CPU second of the transform, against the same rules in plain Python, at several sizes of chunk.

Run it with ``python -m benchmarks.transforming [--scale small]``. Three things are measured on the same rows, in
turns, so that whatever else the machine does meets all of them:

- ``columns``: cleaning, rules and checks, up to the columns of Personio's fields;
- ``decisions``: all of `transform_rows`, up to a body and a story for each record;
- ``plain Python``: the same decisions, row by row and value by value, with Jinja for every template.

Each figure is the median of several turns. Each has the rows in memory already and pandas imported.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.results import Cell, Goal, Plot, Result, Table, publish, scale_asked, surroundings
from include.records import SourceRow
from include.transform import load_mapping, transform_rows
from include.transform.decide import nothing_collected
from include.transform.frame import build_table
from include.transform.making import make

sys.path.append(str(Path(__file__).parents[1] / "tests" / "servers"))
from row_by_row import decide_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from include.transform import Mapping

CHUNKS: Final = (1_000, 10_000, 100_000)
TURNS: Final = 3
RECORDS: Final = {"small": 10_000, "full": 100_000}
GOAL: Final = 200_000
PLAIN_RECORDS: Final = 2_000
"""Plain Python does not depend on the size of the chunk, and takes its time."""
NOW: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
_FIRST = ("Sanne", "Daan", "Emma", "José", "Anna-Maria", "Lars", "Noor", "Thijs", " Vera", "Zoë")
_MIDDLE = (None, None, None, "van", "de", "van der", "")
_CITIES = ("Utrecht", "Delft", "'s-Hertogenbosch", "Den Haag ", "Köln", "Antwerpen", None)


def contact(number: int, chance: random.Random) -> dict[str, Any]:
    """Return an invented contact as Exact sends it, with every column that the built-in rules read."""
    first, last = chance.choice(_FIRST), f"Proef{chance.randrange(5_000)}"
    phone = f"+31 6 {number:08d}"
    return {
        "ID": f"00000000-0000-4000-8000-{number:012d}",
        "Timestamp": str(number + 2),
        "Created": f"/Date({1_600_000_000_000 + number * 61_003})/",
        "Modified": "/Date(1782404052403)/",
        "FirstName": first,
        "MiddleName": chance.choice(_MIDDLE),
        "LastName": last,
        "Email": None if _some(chance, 3) else f"{last.lower()}.{number}@example{chance.randrange(99)}.org",
        "BusinessEmail": f"info{number}@Example.com" if _some(chance, 20) else None,
        "Gender": chance.choice(("M", "V", "O", None)),
        "BirthDate": f"/Date({chance.randrange(-(10**12), 10**12)})/" if _some(chance, 50) else None,
        "City": chance.choice(_CITIES),
        "Mobile": phone if _some(chance, 50) else None,
        "Phone": phone if _some(chance, 30) else "  ",
        "BusinessMobile": None,
        "BusinessPhone": phone,
        "EndDate": "/Date(1577836800000)/" if _some(chance, 2) else None,
        "IsAnonymised": 0,
    }


def _some(chance: random.Random, percent: int) -> bool:
    return chance.randrange(100) < percent


def columns(rows: Sequence[SourceRow], mapping: Mapping) -> None:
    """Make the columns of Personio's fields, and no record."""
    with nothing_collected():
        lines = build_table(rows, mapping, {})
        for leaf in mapping.leaves:
            make(leaf, lines, NOW.date())


def measure(records: int) -> dict[str, dict[int, float]]:
    """Return records per CPU second by what was done and size of the chunk."""
    chance = random.Random(7)  # noqa: S311 - invented people, the same each time
    rows = [SourceRow(str(number), number, NOW, contact(number, chance)) for number in range(records)]
    mapping = load_mapping("Contacts", "application", overrides={"job_position_id": 1001})
    ways: dict[str, Callable[[Sequence[SourceRow]], Any]] = {
        "columns": lambda chunk: columns(chunk, mapping),
        "decisions": lambda chunk: transform_rows(chunk, mapping, now=NOW),
        "plain Python": lambda chunk: decide_rows(chunk, mapping, now=NOW),
    }
    first = rows[:1_000]
    # What somebody is called is for the console's search, and no rule of the mapping.
    told = [one._replace(called="") for one in ways["decisions"](first)]
    if list(map(tuple, told)) != list(map(tuple, ways["plain Python"](first))):
        raise SystemExit("The two ways decide differently.")
    speeds: dict[str, dict[int, list[float]]] = {name: {chunk: [] for chunk in CHUNKS} for name in ways}
    for _ in range(TURNS):
        for name, way in ways.items():
            for chunk in CHUNKS:
                some = rows[: PLAIN_RECORDS if name == "plain Python" else records]
                speeds[name][chunk].append(_speed(way, some, chunk))
    return {
        name: {chunk: statistics.median(found) for chunk, found in by_chunk.items()}
        for name, by_chunk in speeds.items()
    }


def _speed(way: Callable[[Sequence[SourceRow]], Any], rows: Sequence[SourceRow], chunk: int) -> float:
    begun = time.process_time()
    for start in range(0, len(rows), chunk):
        way(rows[start : start + chunk])
    return len(rows) / (time.process_time() - begun)


def main(scale: str) -> int:
    """Measure, and write what was found."""
    about, records = surroundings(scale), RECORDS[scale]
    found = measure(records)
    best = max(found["decisions"].values())
    rows: list[list[Cell]] = [
        [
            name,
            *(round(speed) for speed in speeds.values()),
            max(speeds.values()) / max(found["plain Python"].values()),
        ]
        for name, speeds in found.items()
    ]
    columns = ["", *(f"chunks of {size:,}" for size in CHUNKS), "of plain Python, at best"]
    series: dict[str, list[float | None]] = {name: list(speeds.values()) for name, speeds in found.items()}
    labels = [f"chunks of {size:,}" for size in CHUNKS]
    return publish(
        Result(
            *("transforming", "Transforming"),
            tables=[Table(f"Records per CPU second, {records:,} records, median of {TURNS}", columns, rows)],
            goals=[
                Goal(
                    f"mapping {GOAL:,} records per CPU second",
                    f"{best:,.0f}; the columns alone {max(found['columns'].values()):,.0f}",
                    best >= GOAL,
                    f"{GOAL / best:.1f} times too slow: see *Where the rest of the time goes*",
                )
            ],
            plots=[Plot("transforming", "Transforming", "bars", labels, series, "records per CPU second", log=True)],
            about=about,
        )
    )


if __name__ == "__main__":
    sys.exit(main(scale_asked(__doc__)))

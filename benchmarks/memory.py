"""Peak memory of staging and deciding must not grow with the company: python -m benchmarks.memory [--scale small].

Each size runs in a process of its own.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from zoneinfo import ZoneInfo

from benchmarks.results import Cell, Goal, Result, Table, publish, scale_asked, surroundings
from benchmarks.usage import ask

SIZES = {"small": (1_000, 10_000), "full": (10_000, 200_000)}
FLAT = 1.1
PAGE = 1000


def measure(size: int) -> dict[str, float]:
    """Stage and decide ``size`` invented contacts; return seconds and peak memory."""
    from include.ledger import open_ledger  # noqa: PLC0415 - the parent process needs none of it
    from include.records import Page, StreamKey  # noqa: PLC0415
    from include.sync.extract import source_rows  # noqa: PLC0415
    from include.transform import load_mapping, transform_rows  # noqa: PLC0415

    stream = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
    mapping = load_mapping("Contacts", "application", overrides={"job_position_id": 1001})
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as home, open_ledger(f"sqlite:///{home}/ledger.db") as ledger:
        for first in range(0, size, PAGE):
            page = Page(first // PAGE + 1, [contact(n) for n in range(first, first + PAGE)], "more")
            rows = source_rows(page, stream, ZoneInfo("Europe/Amsterdam"))
            ledger.staging.stage(stream, "r1", rows, resume=page.next, page=page.number)
        staged = time.perf_counter()
        for chunk in ledger.staging.undecided(stream, "application", 1001, fingerprint=mapping.fingerprint):
            decisions = transform_rows(chunk, mapping)
            ledger.deliveries.decide(
                stream, "application", 1001, 4242, decisions, "r1", fingerprint=mapping.fingerprint
            )
        ready = ledger.deliveries.counts(stream, "application", 1001)["ready"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "records": size,
        "ready": ready,
        "stage_seconds": round(staged - started, 1),
        "decide_seconds": round(time.perf_counter() - staged, 1),
        "peak_mib": round(peak, 1),
    }


def contact(number: int) -> dict[str, object]:
    """Return one row as the sync feed sends it."""
    return {
        "ID": f"00000000-0000-4000-8000-{number:012d}",
        "Timestamp": str(number + 2),
        "FirstName": "Sanne",
        "LastName": f"Proef{number}",
        "Email": f"sanne{number}@example.org",
        "Created": "/Date(1782404052403)/",
        "Modified": "/Date(1782404052403)/",
        "City": "Utrecht",
        "Gender": "O",
        "IsAnonymised": 0,
    }


def main(scale: str) -> int:
    """Measure every size in a fresh process."""
    about, sizes = surroundings(scale), SIZES[scale]
    found = [ask("benchmarks.memory", size) for size in sizes]
    peak, ratio = found[-1]["peak_mib"], found[-1]["peak_mib"] / found[0]["peak_mib"]
    names = ("records", "stage_seconds", "decide_seconds", "peak_mib")
    rows: list[list[Cell]] = [[one[name] for name in names] for one in found]
    return publish(
        Result(
            *("memory", "Memory of staging and deciding"),
            tables=[
                Table(
                    "Once, each in a process of its own", ["records", "staging, s", "deciding, s", "peak MiB"], rows
                )
            ],
            goals=[
                Goal(
                    "staging and deciding need no more memory for more records",
                    f"{peak:.0f} MiB at {sizes[-1]:,}, {ratio:.2f} times that at {sizes[0]:,}",
                    ratio <= FLAT,
                    f"{ratio:.2f} times instead of {FLAT}",
                )
            ],
            about=about,
        )
    )


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1].isdecimal():
        sys.stdout.write(json.dumps(measure(int(sys.argv[1]))) + "\n")
    else:
        sys.exit(main(scale_asked(__doc__)))

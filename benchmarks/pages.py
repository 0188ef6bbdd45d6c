"""How long the console's pages take with a million records: python -m benchmarks.pages [--scale small].

On SQLite; and on PostgreSQL where `BENCH_POSTGRESQL` names an empty database.
"""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet

from benchmarks.recorded_pages import MEMORY
from benchmarks.results import ROOT, Goal, Result, Table, publish, scale_asked, surroundings
from benchmarks.usage import ask

if TYPE_CHECKING:
    from benchmarks.results import Cell

SIZES = {"small": (1_000, 10_000), "full": (1_000, 100_000, 1_000_000)}
GOAL_MS = 200
ROUNDS = 7
POSTGRESQL = "BENCH_POSTGRESQL"

Found = dict[int, dict[str, float]]


def measure(url: str, home: Path, sizes: tuple[int, ...]) -> Found:
    """Return the milliseconds of each page at each size, from a process whose Airflow is its own."""
    env = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "EXACT_PERSONIO_LEDGER_URL": url,
        "EXACT_PERSONIO_LEDGER_KEY": Fernet.generate_key().decode(),
    }
    found = ask("benchmarks.served_pages", *sizes, env=env)
    return {int(size): pages for size, pages in found.items()}


def table(name: str, found: Found) -> Table:
    """Return one ledger's figures."""
    rows: list[list[Cell]] = [[page, *(found[size][page] for size in found)] for page in next(iter(found.values()))]
    columns = ["page", *(f"{size:,} records" for size in found)]
    return Table(f"Milliseconds of a page, {name}, median of {ROUNDS}", columns, rows)


def main(scale: str) -> int:
    """Measure every ledger there is."""
    about = surroundings(scale)
    ledgers = {}
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        urls = {"SQLite": f"sqlite:///{Path(folder, 'ledger.db')}"}
        if os.environ.get(POSTGRESQL):
            urls["PostgreSQL"] = os.environ[POSTGRESQL]
        for name, url in urls.items():
            home = Path(folder, name)
            home.mkdir()
            ledgers[name] = measure(url, home, SIZES[scale])
    largest = SIZES[scale][-1]
    worst, page, name = max(
        (ms, page, name) for name, found in ledgers.items() for page, ms in found[largest].items()
    )
    return publish(
        Result(
            *("pages", "The console's pages"),
            tables=[table(name, found) for name, found in ledgers.items()],
            goals=[
                Goal(
                    f"every page of the console in under {GOAL_MS} ms with {largest:,} records",
                    f"at most {worst:.0f} ms ({page}, {name})",
                    worst < GOAL_MS,
                    f"{worst:.0f} ms instead of {GOAL_MS}",
                )
            ],
            about=about,
        )
    )


if __name__ == "__main__":
    sys.exit(main(scale_asked(__doc__)))
